#include "tokenizer/vocabulary.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/hash.h"

namespace penstock::tokenizer {
namespace {

constexpr std::size_t kInlineBytes = 8;

std::uint64_t load(const char* from, std::size_t size) noexcept {
  std::uint64_t value = 0;
  std::memcpy(&value, from, size);
  return value;
}

// Up to eight bytes, zero-padded; longer: a hash.
std::uint64_t key_of(std::string_view bytes) noexcept {
  const std::size_t size = bytes.size();
  const char* data = bytes.data();
  if (size > kInlineBytes) return xxh3_64(bytes, 0);
  if (size >= 4) {
    return load(data, 4) | load(data + size - 4, 4) << (8 * (size - 4));
  }
  if (size >= 2) {
    return load(data, 2) | load(data + size - 2, 2) << (8 * (size - 2));
  }
  return load(data, size);
}

// Room for `count` entries at most 5/8 full, as a power of two.
std::size_t capacity_for(std::size_t count) noexcept {
  return std::bit_ceil(std::max<std::size_t>(16, count + count / 5 * 3 + 1));
}

unsigned shift_for(std::size_t capacity) noexcept {
  return 64U - static_cast<unsigned>(std::countr_zero(capacity));
}

}  // namespace

void TokenBytes::set(TokenId id, std::string_view bytes) {
  if (id >= places_.size()) places_.resize(std::size_t{id} + 1);
  places_[id] = {bytes_.size(), static_cast<std::uint32_t>(bytes.size())};
  bytes_.append(bytes);
}

TokenIndex::TokenIndex(const TokenBytes& bytes, std::size_t max_tokens)
    : bytes_(&bytes), slots_(capacity_for(max_tokens)), shift_(shift_for(slots_.size())) {}

std::size_t TokenIndex::slot_of(std::uint64_t key, std::size_t size) const noexcept {
  std::uint64_t mixed = key ^ (std::uint64_t{size} << 59);
  mixed = (mixed ^ (mixed >> 32)) * 0x9E37'79B9'7F4A'7C15U;
  return static_cast<std::size_t>(mixed >> shift_);
}

std::size_t TokenIndex::locate(std::string_view bytes, std::uint64_t key) const noexcept {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = slot_of(key, bytes.size());
  for (; slots_[i].size != 0; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.key == key && slot.size == bytes.size() &&
        (bytes.size() <= kInlineBytes || (*bytes_)[slot.id] == bytes)) {
      break;
    }
  }
  return i;
}

void TokenIndex::add(TokenId id) {
  const std::string_view bytes = (*bytes_)[id];
  CHECK(!bytes.empty(), "token {} has no bytes to index", id);
  const std::uint64_t key = key_of(bytes);
  Slot& slot = slots_[locate(bytes, key)];
  if (slot.size == 0) slot = {key, static_cast<std::uint32_t>(bytes.size()), id};
}

std::optional<TokenId> TokenIndex::find(std::string_view bytes) const noexcept {
  if (bytes.empty()) return std::nullopt;
  const Slot& slot = slots_[locate(bytes, key_of(bytes))];
  if (slot.size == 0) return std::nullopt;
  return slot.id;
}

MergeTable::MergeTable(std::size_t max_merges)
    : slots_(capacity_for(max_merges)), shift_(shift_for(slots_.size())) {}

void MergeTable::set(TokenId left, TokenId right, Merge merge) {
  const std::uint64_t pair = std::uint64_t{left} << 32 | right;
  std::size_t i = slot_of(pair);
  while (slots_[i].pair != pair && slots_[i].pair != kNoPair) i = (i + 1) & (slots_.size() - 1);
  slots_[i] = {pair, merge};
}

}  // namespace penstock::tokenizer
