#include "kv/sequence_hash.h"

#include <bit>

#include "base/check.h"
#include "base/hash.h"

namespace penstock::kv {

static_assert(std::endian::native == std::endian::little,
              "hashes are defined over little-endian words; this code hashes memory as it is");

std::uint64_t hash_seed(std::string_view adapter, std::string_view salt) noexcept {
  std::uint64_t seed = kChainSeed;
  if (!adapter.empty()) seed += xxh3_64(adapter, 0);
  if (!salt.empty()) seed += xxh3_64(salt, 1);
  return seed;
}

LocalHash local_hash(std::span<const std::uint32_t> block_tokens, std::uint64_t seed,
                     std::span<const std::uint64_t> extra) {
  if (extra.empty()) return LocalHash(xxh3_64(std::as_bytes(block_tokens), seed));
  std::vector<std::byte> bytes;
  const auto append = [&bytes](std::span<const std::byte> part) {
    bytes.insert(bytes.end(), part.begin(), part.end());
  };
  append(std::as_bytes(block_tokens));
  append(std::as_bytes(extra));
  return LocalHash(xxh3_64(bytes, seed));
}

SequenceHash first_hash(LocalHash local) noexcept {
  return SequenceHash(local.value());
}

SequenceHash chain_hash(SequenceHash parent, LocalHash local) noexcept {
  const std::uint64_t words[] = {parent.value(), local.value()};
  return SequenceHash(xxh3_64(std::as_bytes(std::span(words)), kChainSeed));
}

std::vector<SequenceHash> sequence_hashes(std::span<const std::uint32_t> token_ids,
                                          std::uint32_t block_size, std::uint64_t seed) {
  CHECK(block_size > 0);
  std::vector<SequenceHash> hashes;
  hashes.reserve(token_ids.size() / block_size);
  for (std::size_t at = 0; at + block_size <= token_ids.size(); at += block_size) {
    const LocalHash local = local_hash(token_ids.subspan(at, block_size), seed);
    hashes.push_back(hashes.empty() ? first_hash(local) : chain_hash(hashes.back(), local));
  }
  return hashes;
}

}  // namespace penstock::kv
