// A Llama forward pass in double, as the papers write it: no paging, no batches, no tricks.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/config.h"
#include "tests/model/tiny_model.h"

namespace penstock::model::testing {

// Inverse frequencies after scaling and the factor on cos and sin, from the publications: linear
// (position interpolation), Llama 3.1, YaRN.
struct ReferenceRope {
  std::vector<double> inverse_frequencies;
  double magnitude = 1.0;
};
[[nodiscard]] ReferenceRope reference_rope(const RopeConfig& rope);

// Logits [tokens, vocab] of the model in its Hugging Face layout (RoPE turns halves).
[[nodiscard]] std::vector<double> reference_logits(const TinyModel& model,
                                                   const ReferenceRope& rope,
                                                   std::span<const std::uint32_t> token_ids);

}  // namespace penstock::model::testing
