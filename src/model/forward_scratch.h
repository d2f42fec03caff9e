// Memory that a forward pass works in, allocated once for the largest batch.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "device/cpu/host_buffer.h"
#include "kernels/cpu/kernels.h"
#include "model/config.h"
#include "model/forward.h"

namespace penstock::model {

// Rows of values that a matrix product reads; padded so that vectors may run over the end.
struct ActivationRows {
  device::HostBuffer memory;
  kernels::ActivationType type = kernels::ActivationType::kF32;
  std::size_t stride = 0;  // in values

  [[nodiscard]] std::byte* row(std::uint32_t index) noexcept {
    return memory.data() + index * stride * kernels::value_bytes(type);
  }
};

// Rows of floats.
struct FloatRows {
  device::HostBuffer memory;
  std::size_t stride = 0;

  [[nodiscard]] float* row(std::uint32_t index) noexcept {
    return memory.as<float>() + index * stride;
  }
};

struct ForwardScratch {
  FloatRows hidden;          // [rows, hidden]: the residual stream
  ActivationRows normed;     // [rows, hidden]
  FloatRows qkv;             // [rows, (heads + 2 kv_heads) * head_dim]
  ActivationRows attended;   // [rows, heads * head_dim]
  FloatRows gate_up;         // [rows, 2 * intermediate]
  ActivationRows activated;  // [rows, intermediate]
  FloatRows cosines;         // [rows, rope dims / 2]
  FloatRows sines;           // likewise
  FloatRows logits;          // [logit rows, vocab]

  [[nodiscard]] static Result<ForwardScratch> allocate(const ModelConfig& config,
                                                       const ForwardOptions& options);
};

}  // namespace penstock::model
