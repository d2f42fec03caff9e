// Where a token's keys and values are in the pool, bf16 and block-first:
//
//   [block][layer][k|v][kv_head][32 tokens][head_dim]
//
// All layers of a block are one contiguous extent. Counts are elements unless they say bytes.
#pragma once

#include <cstddef>

namespace penstock::kernels::cuda {

inline constexpr int kKvBlockTokens = 32;

struct KvShape {
  int num_layers;
  int num_kv_heads;
  int head_dim;  // 64 or 128
};

// The 32 rows of one (layer, k or v, kv head).
[[nodiscard]] constexpr std::size_t kv_tile_size(const KvShape& shape) noexcept {
  return static_cast<std::size_t>(kKvBlockTokens) * static_cast<std::size_t>(shape.head_dim);
}
// From a key to the value of the same token and head.
[[nodiscard]] constexpr std::size_t kv_value_distance(const KvShape& shape) noexcept {
  return kv_tile_size(shape) * static_cast<std::size_t>(shape.num_kv_heads);
}
[[nodiscard]] constexpr std::size_t kv_block_size(const KvShape& shape) noexcept {
  return kv_value_distance(shape) * 2 * static_cast<std::size_t>(shape.num_layers);
}
// First key element of (block, layer, kv_head).
[[nodiscard]] constexpr std::size_t kv_key_offset(const KvShape& shape, std::size_t block,
                                                  int layer, int kv_head) noexcept {
  return (block * kv_block_size(shape)) +
         (static_cast<std::size_t>(layer) * 2 * kv_value_distance(shape)) +
         (static_cast<std::size_t>(kv_head) * kv_tile_size(shape));
}

}  // namespace penstock::kernels::cuda
