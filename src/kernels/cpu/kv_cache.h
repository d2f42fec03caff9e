// Keys and values of one (layer, KV head) inside the block-first KV pool, and their writing.
//
// A block of `block_size` positions is one extent [layer][k|v][kv_head][inner]. Inner layouts, with
// positions in groups of 16 so that a vector's lanes are positions (K) or dimensions (V):
//   f32   K [block_size/16][head_dim][16]         V [block_size][padded_dim]
//   bf16  K [block_size/16][head_dim/2][16][2]    V [block_size/2][padded_dim][2]
// with padded_dim = head_dim rounded up to 16. Bf16 pairs are (d, d+1) for K and (position,
// position+1) for V, the lower index first. Padding is never read into a result.
// Threading: writes of different positions touch different bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace penstock::kernels {

inline constexpr std::uint32_t kGroupPositions = 16;

enum class KvType : std::uint8_t { kF32, kBF16 };

// Shape of a pool's blocks.
struct KvShape {
  KvType type = KvType::kBF16;
  std::uint32_t num_layers = 0;
  std::uint32_t num_kv_heads = 0;
  std::uint32_t head_dim = 0;    // even
  std::uint32_t block_size = 0;  // positions, a multiple of 16

  [[nodiscard, gnu::always_inline]] constexpr std::uint32_t padded_dim() const noexcept {
    return (head_dim + 15) / 16 * 16;
  }
  [[nodiscard, gnu::always_inline]] constexpr std::size_t value_bytes() const noexcept {
    return type == KvType::kF32 ? 4 : 2;
  }
  // Bytes of 16 positions of one head.
  [[nodiscard, gnu::always_inline]] constexpr std::size_t k_group_bytes() const noexcept {
    return std::size_t{kGroupPositions} * head_dim * value_bytes();
  }
  [[nodiscard, gnu::always_inline]] constexpr std::size_t v_group_bytes() const noexcept {
    return std::size_t{kGroupPositions} * padded_dim() * value_bytes();
  }
  [[nodiscard, gnu::always_inline]] constexpr std::size_t groups_per_block() const noexcept {
    return block_size / kGroupPositions;
  }
  [[nodiscard, gnu::always_inline]] constexpr std::size_t k_layer_bytes() const noexcept {
    return groups_per_block() * k_group_bytes() * num_kv_heads;
  }
  [[nodiscard, gnu::always_inline]] constexpr std::size_t v_layer_bytes() const noexcept {
    return groups_per_block() * v_group_bytes() * num_kv_heads;
  }
  [[nodiscard, gnu::always_inline]] constexpr std::size_t block_bytes() const noexcept {
    return (k_layer_bytes() + v_layer_bytes()) * num_layers;
  }
};

// One head's keys and values of one sequence.
struct KvHeadView {
  const KvShape* shape = nullptr;
  std::byte* pool = nullptr;                   // 64-byte aligned
  const std::uint32_t* block_table = nullptr;  // pool block of every block_size positions
  std::uint32_t layer = 0;
  std::uint32_t kv_head = 0;

  [[nodiscard, gnu::always_inline]] std::byte* k_group(std::uint32_t group) const noexcept {
    const std::size_t in_block = group % shape->groups_per_block();
    return layer_start(group) +
           (kv_head * shape->groups_per_block() + in_block) * shape->k_group_bytes();
  }
  [[nodiscard, gnu::always_inline]] std::byte* v_group(std::uint32_t group) const noexcept {
    const std::size_t in_block = group % shape->groups_per_block();
    return layer_start(group) + shape->k_layer_bytes() +
           (kv_head * shape->groups_per_block() + in_block) * shape->v_group_bytes();
  }

 private:
  [[nodiscard, gnu::always_inline]] std::byte* layer_start(std::uint32_t group) const noexcept {
    const std::size_t block = block_table[group / shape->groups_per_block()];
    return pool + block * shape->block_bytes() +
           layer * (shape->k_layer_bytes() + shape->v_layer_bytes());
  }
};

// Stores key and value of one position; both [head_dim].
void write_kv(const KvHeadView& kv, std::uint32_t position, const float* key,
              const float* value) noexcept;

}  // namespace penstock::kernels
