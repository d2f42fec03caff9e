// A small random Llama model on disk, for tests: the same weights as a Hugging Face directory and
// as a GGUF file, from one seed.
//
//   const TinyModel model({.seed = 7, .tie_embeddings = true});
//   model.write_hf(dir);       // config.json, generation_config.json, model.safetensors
//   model.write_gguf(file);    // Q and K rows permuted, as GGUF wants them
//
// Both compute the same function: a quantized matrix is written as its blocks to GGUF and as its
// exact F32 values to safetensors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "formats/tensor.h"
#include "text/json.h"

namespace penstock::formats::testing {
class GgufWriter;
}

namespace penstock::model::testing {

struct TinyModelSpec {
  std::uint64_t seed = 1;
  std::uint32_t vocab_size = 320;
  std::uint32_t hidden_size = 64;
  std::uint32_t intermediate_size = 160;
  std::uint32_t num_layers = 2;
  std::uint32_t num_heads = 4;
  std::uint32_t num_kv_heads = 2;
  std::uint32_t head_dim = 16;
  std::uint32_t context_length = 512;
  double rope_theta = 10000.0;
  bool tie_embeddings = false;
  // Of all matrices; norms are F32 in GGUF, and in safetensors as the matrices are. A quantized
  // type wants every row (hidden, intermediate, heads * head_dim) to be a multiple of its block.
  formats::DType dtype = formats::DType::kF32;
  std::uint32_t num_shards = 1;  // of the safetensors; above 1 with an index
};

struct TinyTensor {
  std::string hf_name;
  std::string gguf_name;
  formats::DType dtype = formats::DType::kF32;
  std::vector<std::uint64_t> shape;
  std::string bytes;                // as in the Hugging Face layout
  std::uint32_t permute_heads = 0;  // GGUF: rows of each of these heads are interleaved

  // The tensor's values, dequantized.
  [[nodiscard]] std::vector<float> values() const;
};

class TinyModel final {
 public:
  explicit TinyModel(TinyModelSpec spec);

  // Each creates what it needs and replaces what is there; failure is a CHECK.
  void write_hf(const std::filesystem::path& directory) const;
  void write_gguf(const std::filesystem::path& file) const;
  [[nodiscard]] std::string gguf_bytes() const;
  void fill_gguf_metadata(formats::testing::GgufWriter& writer) const;
  [[nodiscard]] std::string safetensors_bytes() const;  // all in one file
  [[nodiscard]] text::Json::Object config_json() const;

  [[nodiscard]] const TinyModelSpec& spec() const noexcept { return spec_; }
  [[nodiscard]] const std::vector<TinyTensor>& tensors() const noexcept { return tensors_; }

 private:
  TinyModelSpec spec_;
  std::vector<TinyTensor> tensors_;
};

void write_file(const std::filesystem::path& path, std::string_view bytes);

// A directory of its own, removed at the end of its life.
class TempDir final {
 public:
  TempDir() : TempDir(std::filesystem::temp_directory_path()) {}
  explicit TempDir(const std::filesystem::path& parent);
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

// Where many small files are quick: /dev/shm, else the system's temporary directory.
[[nodiscard]] std::filesystem::path memory_directory();

}  // namespace penstock::model::testing
