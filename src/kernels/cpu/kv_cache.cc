#include "kernels/cpu/kv_cache.h"

#include <cstring>

#include "kernels/half.h"

namespace penstock::kernels {
namespace {

void write_f32(std::byte* k, std::byte* v, const KvShape& shape, std::uint32_t lane,
               const float* key, const float* value) noexcept {
  auto* keys = reinterpret_cast<float*>(k);
  for (std::uint32_t d = 0; d < shape.head_dim; ++d) keys[16 * d + lane] = key[d];
  std::memcpy(v + std::size_t{lane} * shape.padded_dim() * 4, value,
              std::size_t{4} * shape.head_dim);
}

void write_bf16(std::byte* k, std::byte* v, const KvShape& shape, std::uint32_t lane,
                const float* key, const float* value) noexcept {
  auto* keys = reinterpret_cast<std::uint16_t*>(k);
  for (std::uint32_t d = 0; d < shape.head_dim; ++d) {
    keys[32 * (d / 2) + 2 * lane + d % 2] = f32_to_bf16(key[d]);
  }
  auto* values = reinterpret_cast<std::uint16_t*>(v) +
                 std::size_t{2} * (lane / 2) * shape.padded_dim() + lane % 2;
  for (std::uint32_t d = 0; d < shape.head_dim; ++d) {
    values[std::size_t{2} * d] = f32_to_bf16(value[d]);
  }
}

}  // namespace

void write_kv(const KvHeadView& kv, std::uint32_t position, const float* key,
              const float* value) noexcept {
  const std::uint32_t group = position / kGroupPositions;
  const std::uint32_t lane = position % kGroupPositions;
  const auto write = kv.shape->type == KvType::kF32 ? write_f32 : write_bf16;
  write(kv.k_group(group), kv.v_group(group), *kv.shape, lane, key, value);
}

}  // namespace penstock::kernels
