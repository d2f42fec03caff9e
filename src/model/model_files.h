// A model on disk: a GGUF file or a Hugging Face directory, opened and checked, weights mapped.
//
// Ownership: owns the mappings; every TensorView it hands out dies with it. Threading: immutable.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/tensor.h"
#include "model/config.h"

namespace penstock::formats {
class GgufFile;
}

namespace penstock::model {

// The weights of one decoder layer. Matrices are [out, in]; the innermost dimension is contracted.
struct LayerWeights {
  const formats::TensorView* attention_norm = nullptr;  // [hidden]
  const formats::TensorView* q = nullptr;               // [heads * head_dim, hidden]
  const formats::TensorView* k = nullptr;               // [kv_heads * head_dim, hidden]
  const formats::TensorView* v = nullptr;               // [kv_heads * head_dim, hidden]
  const formats::TensorView* o = nullptr;               // [hidden, heads * head_dim]
  const formats::TensorView* mlp_norm = nullptr;        // [hidden]
  const formats::TensorView* gate = nullptr;            // [intermediate, hidden]
  const formats::TensorView* up = nullptr;              // [intermediate, hidden]
  const formats::TensorView* down = nullptr;            // [hidden, intermediate]
};

struct ModelWeights {
  const formats::TensorView* embedding = nullptr;   // [vocab, hidden]
  const formats::TensorView* final_norm = nullptr;  // [hidden]
  const formats::TensorView* head = nullptr;        // [vocab, hidden]; the embedding when tied
  std::vector<LayerWeights> layers;
};

// Sampling defaults of generation_config.json; unset where the file says nothing.
struct GenerationDefaults {
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<std::int64_t> top_k;
  std::optional<double> repetition_penalty;
  std::vector<std::uint32_t> eos_token_ids;  // beside the tokenizer's
};

class ModelFiles final {
 public:
  // `path` is a .gguf file or a directory with config.json. Errors name the path and the cause.
  [[nodiscard]] static Result<std::unique_ptr<ModelFiles>> open(const std::filesystem::path& path);
  ~ModelFiles();

  [[nodiscard]] const ModelConfig& config() const noexcept;
  [[nodiscard]] const ModelWeights& weights() const noexcept;
  [[nodiscard]] const GenerationDefaults& generation_defaults() const noexcept;
  [[nodiscard]] const std::filesystem::path& path() const noexcept;
  // Set for a GGUF file: the tokenizer and the chat template are in its metadata.
  [[nodiscard]] const formats::GgufFile* gguf() const noexcept;
  // The bytes of a file of the directory, such as "tokenizer.json", up to a limit (beyond it:
  // kResourceExhausted). kNotFound when it is absent, and for every name when this is a GGUF file.
  [[nodiscard]] Result<std::string> read_file(std::string_view name, std::size_t max_bytes) const;
  // "sha256:..." over the configuration, tensor names, shapes and types, and all weight bytes
  // (XXH3-128 per tensor): docs/formats.md. Reads every byte, unless the user's cache knows the
  // files by path, size and modification time.
  [[nodiscard]] std::string compute_digest() const;
  // Bytes of all tensors in the files, for the log.
  [[nodiscard]] std::uint64_t weight_bytes() const noexcept;

 private:
  struct Impl;
  explicit ModelFiles(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::model
