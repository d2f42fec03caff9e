// The tokens of a model: bytes by id, and ids by bytes.
//
// Threading: immutable after building; share freely.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace penstock::tokenizer {

// Bytes of each id, in one allocation.
class TokenBytes final {
 public:
  // Ids in any order; an id that is set again takes the later bytes.
  void set(TokenId id, std::string_view bytes);

  [[nodiscard]] std::uint32_t size() const noexcept {
    return static_cast<std::uint32_t>(places_.size());
  }
  [[nodiscard]] std::string_view operator[](TokenId id) const noexcept {
    if (id >= places_.size()) return {};
    return std::string_view(bytes_).substr(places_[id].begin, places_[id].size);
  }

 private:
  struct Place {
    std::uint64_t begin = 0;
    std::uint32_t size = 0;
  };
  std::string bytes_;
  std::vector<Place> places_;
};

// Ids by the bytes they stand for: a flat hash table, linear probing, at most 5/8 full. Up to
// eight bytes are compared inside the slot; longer keys are compared through TokenBytes.
class TokenIndex final {
 public:
  // `bytes` outlives the index, at the same address or moved along by rebind().
  TokenIndex(const TokenBytes& bytes, std::size_t max_tokens);

  // Adds bytes[id], which is not empty; an id that is there for the same bytes stays.
  void add(TokenId id);
  [[nodiscard]] std::optional<TokenId> find(std::string_view bytes) const noexcept;

 private:
  struct Slot {
    std::uint64_t key = 0;   // the bytes, or from nine bytes on their hash
    std::uint32_t size = 0;  // in bytes; 0: empty slot
    TokenId id = 0;
  };
  [[nodiscard]] std::size_t slot_of(std::uint64_t key, std::size_t size) const noexcept;
  // The slot of `bytes`, or the empty one where it belongs.
  [[nodiscard]] std::size_t locate(std::string_view bytes, std::uint64_t key) const noexcept;

  const TokenBytes* bytes_;
  std::vector<Slot> slots_;
  unsigned shift_;
};

// What two neighbouring tokens become, and when: lower ranks merge first.
class MergeTable final {
 public:
  static constexpr std::uint32_t kNoRank = 0xFFFF'FFFF;
  struct Merge {
    std::uint32_t rank = kNoRank;
    TokenId id = 0;
  };

  explicit MergeTable(std::size_t max_merges);

  // A pair that is there already takes the later merge.
  void set(TokenId left, TokenId right, Merge merge);
  [[nodiscard]] Merge find(TokenId left, TokenId right) const noexcept {
    const std::uint64_t pair = std::uint64_t{left} << 32 | right;
    for (std::size_t i = slot_of(pair);; i = (i + 1) & (slots_.size() - 1)) {
      const Slot& slot = slots_[i];
      if (slot.pair == pair) return slot.merge;
      if (slot.pair == kNoPair) return {};
    }
  }

 private:
  static constexpr std::uint64_t kNoPair = ~std::uint64_t{0};  // ids are below 2^24
  struct Slot {
    std::uint64_t pair = kNoPair;
    Merge merge;
  };
  [[nodiscard]] std::size_t slot_of(std::uint64_t pair) const noexcept {
    return static_cast<std::size_t>((pair * 0x9E37'79B9'7F4A'7C15U) >> shift_);
  }

  std::vector<Slot> slots_;
  unsigned shift_;
};

}  // namespace penstock::tokenizer
