// What a model is: the shape of a decoder-only transformer of the Llama family.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace penstock::formats {
class GgufFile;
}
namespace penstock::text {
class Json;
}

namespace penstock::model {

// Which elements of a head RoPE rotates together: (i, i + dim/2) or (2i, 2i + 1). GGUF files of
// the llama architecture have their Q and K rows permuted for the second.
enum class RopeStyle : std::uint8_t { kHalves, kInterleaved };

enum class RopeScaling : std::uint8_t { kNone, kLinear, kLlama3, kYarn };

struct RopeConfig {
  RopeStyle style = RopeStyle::kHalves;
  std::uint32_t dims = 0;  // rotated elements of a head, even, at most head_dim
  double theta = 10000.0;
  RopeScaling scaling = RopeScaling::kNone;
  double factor = 1.0;
  std::uint32_t original_context = 0;           // llama3, yarn
  double low_freq_factor = 1.0;                 // llama3
  double high_freq_factor = 4.0;                // llama3
  double beta_fast = 32.0;                      // yarn
  double beta_slow = 1.0;                       // yarn
  bool truncate_ramp = true;                    // yarn: whether the ramp's ends are whole pairs
  std::optional<double> attention_factor = {};  // yarn; unset = 0.1 ln(factor) + 1
  // Per-dimension divisors of the inverse frequencies from the file (GGUF rope_freqs), else empty.
  std::vector<float> frequency_factors = {};  // [dims / 2]
};

struct ModelConfig {
  std::string architecture;  // "llama"
  std::uint32_t vocab_size = 0;
  std::uint32_t hidden_size = 0;
  std::uint32_t intermediate_size = 0;
  std::uint32_t num_layers = 0;
  std::uint32_t num_heads = 0;
  std::uint32_t num_kv_heads = 0;  // divides num_heads
  std::uint32_t head_dim = 0;
  std::uint32_t context_length = 0;
  float rms_norm_eps = 1e-5F;
  bool tie_embeddings = false;
  RopeConfig rope;
};

// Everything is checked against the others and against sane limits; the error names the field.
// A field that would change the computation in a way that is not built is kUnsupported by name.
[[nodiscard]] Result<ModelConfig> config_from_gguf(const formats::GgufFile& file);
[[nodiscard]] Result<ModelConfig> config_from_hf(const text::Json& config_json);
// The checks that both end with.
[[nodiscard]] Status check_config(const ModelConfig& config);

// Inverse frequencies and the factor on cos and sin, after scaling. Computed in double.
struct RopeTable {
  std::vector<float> inverse_frequencies;  // [dims / 2]
  float magnitude = 1.0F;
};
[[nodiscard]] RopeTable make_rope_table(const RopeConfig& rope);

}  // namespace penstock::model
