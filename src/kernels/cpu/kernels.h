// The CPU kernels: plain functions on views, one table of pointers per instruction set.
//
// Numerics (docs/numerics.md): every table gives the same bits. The result for one row or query
// depends on that row or query alone, not on the others of the call nor on how a matrix or a batch
// is split among calls. Threading: functions share nothing; calls that write disjoint outputs may
// run together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "device/cpu/cpu_features.h"
#include "kernels/cpu/kv_cache.h"
#include "kernels/cpu/packed_matrix.h"

namespace penstock::kernels {

// Partial sums of a matrix product begin anew every so many k and are added in ascending order.
inline constexpr std::uint32_t kSegmentInputs = 64;
// Attention: softmax runs online over tiles inside a segment; segments are merged in order.
inline constexpr std::uint32_t kTilePositions = 32;
inline constexpr std::uint32_t kSegmentPositions = 256;
inline constexpr std::uint32_t kMaxQueries = 8;  // of one attention call
inline constexpr std::uint32_t kMaxHeadDim = 256;

// What a matrix product reads: f32, or bf16 rounded to nearest even.
enum class ActivationType : std::uint8_t { kF32, kBF16 };

[[nodiscard, gnu::always_inline]] constexpr std::size_t value_bytes(ActivationType type) noexcept {
  return type == ActivationType::kF32 ? 4 : 2;
}

// y[row][n] (+)= sum over k of w[n][k] * x[row][k], for the outputs of a range of panels.
struct GemmArgs {
  PackedMatrix weights;
  std::uint32_t first_panel = 0;
  std::uint32_t num_panels = 0;
  const void* x = nullptr;   // [num_rows, x_stride] of the kernel's activation type; values past
                             // num_inputs, up to the next even number, are zero
  std::size_t x_stride = 0;  // in values, even
  std::uint32_t num_rows = 0;
  float* y = nullptr;        // [num_rows, y_stride]; column 0 is output 0 of the matrix
  std::size_t y_stride = 0;  // in values
  bool accumulate = false;   // add to y instead of replacing it
};

// out = x / sqrt(mean(x^2) + eps) * weight.
struct RmsNormArgs {
  const float* x = nullptr;       // [size]
  const float* weight = nullptr;  // [size]
  std::uint32_t size = 0;
  float epsilon = 0.0F;
  ActivationType out_type = ActivationType::kF32;
  void* out = nullptr;  // [size]
};

// out = gate / (1 + exp(-gate)) * up.
struct SwigluArgs {
  const float* gate = nullptr;  // [size]
  const float* up = nullptr;    // [size]
  std::uint32_t size = 0;
  ActivationType out_type = ActivationType::kF32;
  void* out = nullptr;  // [size]
};

// One (row, head) pair: sees positions [0, num_positions).
struct AttentionQuery {
  const float* q = nullptr;         // [head_dim]
  void* out = nullptr;              // [head_dim] of AttentionArgs::out_type
  std::uint32_t num_positions = 0;  // at least 1
};

struct AttentionArgs {
  std::span<const AttentionQuery> queries;  // 1 to kMaxQueries, num_positions ascending
  KvHeadView kv;                            // of the KV head that all of them share
  float scale = 1.0F;                       // on the dot products
  ActivationType out_type = ActivationType::kF32;
};

enum class CpuIsa : std::uint8_t { kPortable, kAvx2, kAvx512, kAvx512Bf16 };

struct CpuKernels {
  CpuIsa isa;
  const char* name;
  void (*gemm_f32)(const GemmArgs&) noexcept;
  // Weights and activations bf16, products accumulated in f32.
  void (*gemm_bf16)(const GemmArgs&) noexcept;
  // The first `num_inputs` columns of a panel as floats: out[k][16].
  void (*unpack_panel)(const PackedMatrix&, std::uint32_t panel, float* out) noexcept;
  void (*rms_norm)(const RmsNormArgs&) noexcept;
  void (*swiglu)(const SwigluArgs&) noexcept;
  // By the type of the cached keys and values; with bf16, queries and probabilities are bf16 too.
  void (*attend_f32)(const AttentionArgs&) noexcept;
  void (*attend_bf16)(const AttentionArgs&) noexcept;
  void (*exp)(const float* x, float* out, std::size_t size) noexcept;
};

// Null where this build or processor cannot run it.
[[nodiscard]] const CpuKernels* find_cpu_kernels(CpuIsa isa, const device::CpuFeatures& features);
// The fastest that can run.
[[nodiscard]] const CpuKernels& best_cpu_kernels(const device::CpuFeatures& features);
// Names the arithmetic of a table: "fma" for all that multiply as the portable one does, which is
// tried once on numbers chosen to tell; else the name of the table.
[[nodiscard]] std::string_view arithmetic_family(const CpuKernels& kernels);

}  // namespace penstock::kernels
