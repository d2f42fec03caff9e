#include "tokenizer/bpe.h"

#include <algorithm>
#include <functional>
#include <string>

#include "text/utf8.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/plain_alphabet.h"

namespace penstock::tokenizer {
namespace {

// Up to here scanning all ranks for the least beats a heap.
constexpr std::size_t kShortWord = 48;

// What a piece of the model's vocabulary stands for; nothing when no text can lead to it.
std::optional<std::string_view> bytes_of(std::string_view piece, Alphabet alphabet,
                                         std::string& scratch) {
  if (alphabet == Alphabet::kPlain) return piece;
  scratch.clear();
  if (!append_bytes_of_piece(scratch, piece)) return std::nullopt;
  return scratch;
}

}  // namespace

Result<Bpe> Bpe::create(const Definition& definition, const TokenBytes& bytes,
                        const TokenIndex& index) {
  Bpe bpe(definition.merges.size());
  bpe.alphabet_ = definition.alphabet;
  bpe.unk_ = definition.unk.value_or(kNoToken);
  bpe.fuse_unk_ = definition.fuse_unk;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const auto id = definition.alphabet == Alphabet::kByteLevel
                        ? index.find(std::string_view(&c, 1))
                        : index.find(fallback_piece(c));
    bpe.byte_tokens_[byte] = id.value_or(kNoToken);
  }
  if (definition.alphabet == Alphabet::kPlain) {
    for (TokenId id = 0; id < bytes.size(); ++id) {
      if (bytes[id].empty()) continue;
      const text::DecodedChar c = text::decode_utf8(bytes[id], 0);
      if (c.num_bytes != bytes[id].size() || index.find(bytes[id]) != id) continue;
      bpe.character_tokens_.emplace(c.code_point, id);
    }
  }

  std::string left_bytes;
  std::string right_bytes;
  std::string whole;
  for (std::uint32_t rank = 0; rank < definition.merges.size(); ++rank) {
    const auto& [left, right] = definition.merges[rank];
    const auto l = bytes_of(left, definition.alphabet, left_bytes);
    const auto r = bytes_of(right, definition.alphabet, right_bytes);
    if (l && r) whole.assign(*l).append(*r);
    const auto left_id = l ? index.find(*l) : std::nullopt;
    const auto right_id = r ? index.find(*r) : std::nullopt;
    const auto id = left_id && right_id ? index.find(whole) : std::nullopt;
    if (!id) {
      return make_error(ErrorCode::kInvalid,
                        "merge {} of '{}' and '{}' needs a token that the vocabulary lacks", rank,
                        left, right);
    }
    bpe.merges_.set(*left_id, *right_id, {rank, *id});
  }
  return bpe;
}

void Bpe::append_unknown(std::vector<TokenId>& out, bool& after_unknown) const {
  if (unk_ != kNoToken && !(fuse_unk_ && after_unknown)) out.push_back(unk_);
  after_unknown = true;
}

void Bpe::append_symbols(std::string_view word, std::vector<TokenId>& out) const {
  bool after_unknown = false;
  const auto append = [&](TokenId id) {
    if (id == kNoToken) {
      append_unknown(out, after_unknown);
    } else {
      out.push_back(id);
      after_unknown = false;
    }
  };
  if (alphabet_ == Alphabet::kByteLevel) {
    for (const char c : word) append(byte_tokens_[static_cast<unsigned char>(c)]);
    return;
  }
  for (std::size_t at = 0; at < word.size();) {
    const text::DecodedChar c = text::decode_utf8(word, at);
    const std::string_view bytes = word.substr(at, c.num_bytes);
    at += c.num_bytes;
    const auto token = character_tokens_.find(c.code_point);
    if (token != character_tokens_.end()) {
      append(token->second);
    } else if (std::ranges::all_of(bytes, [this](char byte) {
                 return byte_tokens_[static_cast<unsigned char>(byte)] != kNoToken;
               })) {
      for (const char byte : bytes) append(byte_tokens_[static_cast<unsigned char>(byte)]);
    } else {
      append_unknown(out, after_unknown);
    }
  }
}

void Bpe::encode(std::string_view word, std::vector<TokenId>& out) const {
  const std::size_t start = out.size();
  append_symbols(word, out);
  const std::span<TokenId> symbols = std::span(out).subspan(start);
  if (symbols.size() < 2) return;
  const std::size_t left =
      symbols.size() <= kShortWord ? merge_short(symbols) : merge_long(symbols);
  out.resize(start + left);
}

std::size_t Bpe::merge_short(std::span<TokenId> symbols) const noexcept {
  // Of the pair that begins at each symbol.
  std::array<std::uint32_t, kShortWord> ranks;
  std::array<TokenId, kShortWord> merged;
  const auto look_up = [&](std::size_t i) {
    const MergeTable::Merge merge = merges_.find(symbols[i], symbols[i + 1]);
    ranks[i] = merge.rank;
    merged[i] = merge.id;
  };
  std::size_t count = symbols.size();
  for (std::size_t i = 0; i + 1 < count; ++i) look_up(i);
  while (count > 1) {
    const auto* least = std::min_element(ranks.data(), ranks.data() + count - 1);
    if (*least == MergeTable::kNoRank) break;
    const auto i = static_cast<std::size_t>(least - ranks.data());
    symbols[i] = merged[i];
    const auto close_gap = [i, count](auto* values) {
      std::copy(values + i + 2, values + count, values + i + 1);
    };
    close_gap(symbols.data());
    close_gap(ranks.data());
    close_gap(merged.data());
    --count;
    if (i > 0) look_up(i - 1);
    if (i + 1 < count) look_up(i);
  }
  return count;
}

std::size_t Bpe::merge_long(std::span<TokenId> symbols) const {
  constexpr std::uint32_t kNone = 0xFFFF'FFFF;
  struct Node {
    std::uint32_t previous;
    std::uint32_t next;
    MergeTable::Merge merge;  // of the pair that begins here
  };
  const auto count = static_cast<std::uint32_t>(symbols.size());
  std::vector<Node> nodes(count);
  // (rank << 32 | place), least first. An entry counts while its rank is still the place's.
  std::vector<std::uint64_t> heap;
  heap.reserve(count);
  const auto look_up = [&](std::uint32_t i) {
    Node& node = nodes[i];
    node.merge =
        node.next == kNone ? MergeTable::Merge{} : merges_.find(symbols[i], symbols[node.next]);
    if (node.merge.rank == MergeTable::kNoRank) return false;
    heap.push_back(std::uint64_t{node.merge.rank} << 32 | i);
    return true;
  };
  for (std::uint32_t i = 0; i < count; ++i) {
    nodes[i].previous = i == 0 ? kNone : i - 1;
    nodes[i].next = i + 1 == count ? kNone : i + 1;
    look_up(i);
  }
  std::ranges::make_heap(heap, std::greater<>());
  while (!heap.empty()) {
    std::ranges::pop_heap(heap, std::greater<>());
    const std::uint64_t entry = heap.back();
    heap.pop_back();
    const auto i = static_cast<std::uint32_t>(entry);
    Node& node = nodes[i];
    if (node.merge.rank != entry >> 32) continue;
    const std::uint32_t gone = node.next;
    symbols[i] = node.merge.id;
    node.next = nodes[gone].next;
    nodes[gone].merge = {};
    if (node.next != kNone) nodes[node.next].previous = i;
    if (look_up(i)) std::ranges::push_heap(heap, std::greater<>());
    if (node.previous != kNone && look_up(node.previous)) {
      std::ranges::push_heap(heap, std::greater<>());
    }
  }
  std::size_t kept = 0;
  for (std::uint32_t i = 0; i != kNone; i = nodes[i].next) symbols[kept++] = symbols[i];
  return kept;
}

}  // namespace penstock::tokenizer
