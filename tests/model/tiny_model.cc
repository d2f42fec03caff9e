#include "tests/model/tiny_model.h"

#include <stdlib.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <random>
#include <span>
#include <utility>

#include "base/check.h"
#include "formats/dequantize.h"
#include "formats/float16.h"
#include "tests/formats/gguf_writer.h"
#include "tests/formats/safetensors_writer.h"

namespace penstock::model::testing {
namespace {

using formats::DType;
using formats::testing::GgufWriter;
using formats::testing::SafetensorsWriter;
using text::Json;

// Uniform in [0, 1) from the engine's own bits: the standard distributions differ per library.
double uniform(std::mt19937_64& random) {
  return static_cast<double>(random() >> 11) * 0x1p-53;
}

void put_half(std::string& block, std::size_t at, double value) {
  const std::uint16_t half = formats::f32_to_f16(static_cast<float>(value));
  std::memcpy(block.data() + at, &half, sizeof(half));
}

// One block with random quants, scaled so that values have about the deviation `scale`.
std::string random_block(DType dtype, double scale, std::mt19937_64& random) {
  std::string block(formats::info(dtype).block_bytes, '\0');
  for (char& byte : block) byte = static_cast<char>(random());
  const double wobble = 0.75 + 0.5 * uniform(random);
  switch (dtype) {
    case DType::kF32: {
      const auto value = static_cast<float>(scale * std::sqrt(12.0) * (uniform(random) - 0.5));
      std::memcpy(block.data(), &value, sizeof(value));
      break;
    }
    case DType::kF16:
      put_half(block, 0, scale * std::sqrt(12.0) * (uniform(random) - 0.5));
      break;
    case DType::kBF16: {
      const std::uint16_t bits = formats::f32_to_bf16(
          static_cast<float>(scale * std::sqrt(12.0) * (uniform(random) - 0.5)));
      std::memcpy(block.data(), &bits, sizeof(bits));
      break;
    }
    case DType::kQ4_0:
      put_half(block, 0, wobble * scale / 4.6);
      break;
    case DType::kQ4_1:
      put_half(block, 0, wobble * scale / 4.6);
      put_half(block, 2, -7.5 * wobble * scale / 4.6);
      break;
    case DType::kQ5_0:
      put_half(block, 0, wobble * scale / 9.2);
      break;
    case DType::kQ5_1:
      put_half(block, 0, wobble * scale / 9.2);
      put_half(block, 2, -15.5 * wobble * scale / 9.2);
      break;
    case DType::kQ8_0:
      put_half(block, 0, wobble * scale / 74.0);
      break;
    case DType::kQ4_K:  // scales and minima are random in 0..63
      put_half(block, 0, wobble * scale / (4.6 * 32));
      put_half(block, 2, 7.5 * wobble * scale / (4.6 * 32));
      break;
    case DType::kQ5_K:
      put_half(block, 0, wobble * scale / (9.2 * 32));
      put_half(block, 2, 15.5 * wobble * scale / (9.2 * 32));
      break;
    case DType::kQ6_K:  // scales are random in -128..127
      put_half(block, 208, wobble * scale / (18.5 * 74));
      break;
  }
  return block;
}

std::string random_matrix(DType dtype, std::uint64_t rows, std::uint64_t columns,
                          std::mt19937_64& random) {
  const std::uint64_t block_values = formats::info(dtype).block_values;
  CHECK(columns % block_values == 0, "rows of {} values in blocks of {}", columns, block_values);
  std::string bytes;
  for (std::uint64_t i = 0; i < rows * (columns / block_values); ++i) {
    bytes += random_block(dtype, 1.0 / std::sqrt(static_cast<double>(columns)), random);
  }
  return bytes;
}

std::string as_f32(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

// Row 2i + j of a head comes from its row i + j * head_dim / 2.
std::string interleave_rows(const TinyTensor& tensor) {
  const std::uint64_t rows = tensor.shape[0] / tensor.permute_heads;
  const std::size_t row_bytes = tensor.bytes.size() / tensor.shape[0];
  std::string out;
  out.reserve(tensor.bytes.size());
  for (std::uint64_t head = 0; head < tensor.permute_heads; ++head) {
    for (std::uint64_t row = 0; row < rows; ++row) {
      const std::uint64_t source = head * rows + row / 2 + (row % 2) * (rows / 2);
      out.append(tensor.bytes, source * row_bytes, row_bytes);
    }
  }
  return out;
}

bool is_plain(DType dtype) {
  return formats::info(dtype).block_values == 1;
}

void add_to(SafetensorsWriter& writer, const TinyTensor& tensor) {
  if (is_plain(tensor.dtype)) {
    writer.add_tensor(tensor.hf_name, formats::info(tensor.dtype).name, tensor.shape, tensor.bytes);
  } else {
    writer.add_tensor(tensor.hf_name, "F32", tensor.shape, as_f32(tensor.values()));
  }
}

}  // namespace

std::vector<float> TinyTensor::values() const {
  std::uint64_t count = 1;
  for (const std::uint64_t dim : shape) count *= dim;
  std::vector<float> out(count);
  formats::dequantize_row(dtype, std::as_bytes(std::span(bytes)), out);
  return out;
}

TinyModel::TinyModel(TinyModelSpec spec) : spec_(spec) {
  std::mt19937_64 random(spec_.seed);
  const auto norm = [&](std::string hf, std::string gguf) {
    std::string bytes;
    const DType dtype = is_plain(spec_.dtype) ? spec_.dtype : DType::kF32;
    for (std::uint32_t i = 0; i < spec_.hidden_size; ++i) {
      const auto value = static_cast<float>(0.75 + 0.5 * uniform(random));
      const std::uint16_t narrow =
          dtype == DType::kF16 ? formats::f32_to_f16(value) : formats::f32_to_bf16(value);
      if (dtype == DType::kF32) {
        GgufWriter::put(bytes, value);
      } else {
        GgufWriter::put(bytes, narrow);
      }
    }
    tensors_.push_back({.hf_name = std::move(hf),
                        .gguf_name = std::move(gguf),
                        .dtype = dtype,
                        .shape = {spec_.hidden_size},
                        .bytes = std::move(bytes)});
  };
  const auto matrix = [&](std::string hf, std::string gguf, std::uint64_t rows,
                          std::uint64_t columns, std::uint32_t permute_heads = 0) {
    tensors_.push_back({.hf_name = std::move(hf),
                        .gguf_name = std::move(gguf),
                        .dtype = spec_.dtype,
                        .shape = {rows, columns},
                        .bytes = random_matrix(spec_.dtype, rows, columns, random),
                        .permute_heads = permute_heads});
  };
  const std::uint64_t q_rows = std::uint64_t{spec_.num_heads} * spec_.head_dim;
  const std::uint64_t kv_rows = std::uint64_t{spec_.num_kv_heads} * spec_.head_dim;
  matrix("model.embed_tokens.weight", "token_embd.weight", spec_.vocab_size, spec_.hidden_size);
  for (std::uint32_t i = 0; i < spec_.num_layers; ++i) {
    const std::string hf = format("model.layers.{}.", i);
    const std::string gguf = format("blk.{}.", i);
    norm(hf + "input_layernorm.weight", gguf + "attn_norm.weight");
    matrix(hf + "self_attn.q_proj.weight", gguf + "attn_q.weight", q_rows, spec_.hidden_size,
           spec_.num_heads);
    matrix(hf + "self_attn.k_proj.weight", gguf + "attn_k.weight", kv_rows, spec_.hidden_size,
           spec_.num_kv_heads);
    matrix(hf + "self_attn.v_proj.weight", gguf + "attn_v.weight", kv_rows, spec_.hidden_size);
    matrix(hf + "self_attn.o_proj.weight", gguf + "attn_output.weight", spec_.hidden_size, q_rows);
    norm(hf + "post_attention_layernorm.weight", gguf + "ffn_norm.weight");
    matrix(hf + "mlp.gate_proj.weight", gguf + "ffn_gate.weight", spec_.intermediate_size,
           spec_.hidden_size);
    matrix(hf + "mlp.up_proj.weight", gguf + "ffn_up.weight", spec_.intermediate_size,
           spec_.hidden_size);
    matrix(hf + "mlp.down_proj.weight", gguf + "ffn_down.weight", spec_.hidden_size,
           spec_.intermediate_size);
  }
  norm("model.norm.weight", "output_norm.weight");
  if (!spec_.tie_embeddings) {
    matrix("lm_head.weight", "output.weight", spec_.vocab_size, spec_.hidden_size);
  }
}

Json::Object TinyModel::config_json() const {
  Json::Object config;
  config.set("architectures", Json::Array{Json("LlamaForCausalLM")});
  config.set("model_type", "llama");
  config.set("vocab_size", spec_.vocab_size);
  config.set("hidden_size", spec_.hidden_size);
  config.set("intermediate_size", spec_.intermediate_size);
  config.set("num_hidden_layers", spec_.num_layers);
  config.set("num_attention_heads", spec_.num_heads);
  config.set("num_key_value_heads", spec_.num_kv_heads);
  config.set("head_dim", spec_.head_dim);
  config.set("max_position_embeddings", spec_.context_length);
  config.set("rms_norm_eps", 1e-5);
  config.set("rope_theta", spec_.rope_theta);
  config.set("rope_scaling", nullptr);
  config.set("tie_word_embeddings", spec_.tie_embeddings);
  config.set("hidden_act", "silu");
  config.set("attention_bias", false);
  config.set("mlp_bias", false);
  config.set("bos_token_id", 1);
  config.set("eos_token_id", 2);
  config.set("torch_dtype", spec_.dtype == DType::kBF16  ? "bfloat16"
                            : spec_.dtype == DType::kF16 ? "float16"
                                                         : "float32");
  return config;
}

std::string TinyModel::safetensors_bytes() const {
  SafetensorsWriter writer;
  for (const TinyTensor& tensor : tensors_) add_to(writer, tensor);
  return writer.finish();
}

void TinyModel::fill_gguf_metadata(GgufWriter& writer) const {
  writer.add_string("general.architecture", "llama");
  writer.add_string("general.name", "tiny");
  writer.add_u32("llama.context_length", spec_.context_length);
  writer.add_u32("llama.embedding_length", spec_.hidden_size);
  writer.add_u32("llama.block_count", spec_.num_layers);
  writer.add_u32("llama.feed_forward_length", spec_.intermediate_size);
  writer.add_u32("llama.attention.head_count", spec_.num_heads);
  writer.add_u32("llama.attention.head_count_kv", spec_.num_kv_heads);
  writer.add_u32("llama.attention.key_length", spec_.head_dim);
  writer.add_u32("llama.attention.value_length", spec_.head_dim);
  writer.add_f32("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  writer.add_u32("llama.rope.dimension_count", spec_.head_dim);
  writer.add_f32("llama.rope.freq_base", static_cast<float>(spec_.rope_theta));
  writer.add_u32("llama.vocab_size", spec_.vocab_size);
}

std::string TinyModel::gguf_bytes() const {
  GgufWriter writer;
  fill_gguf_metadata(writer);
  for (const TinyTensor& tensor : tensors_) {
    if (tensor.shape.size() == 1) {
      writer.add_tensor(tensor.gguf_name, DType::kF32, tensor.shape, as_f32(tensor.values()));
    } else {
      writer.add_tensor(tensor.gguf_name, tensor.dtype, tensor.shape,
                        tensor.permute_heads == 0 ? tensor.bytes : interleave_rows(tensor));
    }
  }
  return writer.finish();
}

void TinyModel::write_gguf(const std::filesystem::path& file) const {
  write_file(file, gguf_bytes());
}

void TinyModel::write_hf(const std::filesystem::path& directory) const {
  std::filesystem::create_directories(directory);
  write_file(directory / "config.json", text::to_json(Json(config_json())));
  Json::Object generation;
  generation.set("bos_token_id", 1);
  generation.set("eos_token_id", 2);
  generation.set("temperature", 0.6);
  generation.set("top_p", 0.9);
  write_file(directory / "generation_config.json", text::to_json(Json(std::move(generation))));
  if (spec_.num_shards == 1) {
    write_file(directory / "model.safetensors", safetensors_bytes());
    return;
  }
  std::vector<SafetensorsWriter> shards(spec_.num_shards);
  Json::Object map;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const std::size_t shard = i * spec_.num_shards / tensors_.size();
    add_to(shards[shard], tensors_[i]);
    map.set(tensors_[i].hf_name,
            format("model-{:05}-of-{:05}.safetensors", shard + 1, spec_.num_shards));
  }
  for (std::size_t i = 0; i < shards.size(); ++i) {
    write_file(directory / format("model-{:05}-of-{:05}.safetensors", i + 1, spec_.num_shards),
               shards[i].finish());
  }
  Json::Object index;
  index.set("weight_map", std::move(map));
  write_file(directory / "model.safetensors.index.json", text::to_json(Json(std::move(index))));
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  CHECK(out.good(), "cannot write {}", path.string());
}

TempDir::TempDir(const std::filesystem::path& parent) {
  std::string name = (parent / "penstock-XXXXXX").string();
  CHECK(::mkdtemp(name.data()) != nullptr, "cannot make {}", name);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path memory_directory() {
  constexpr const char* kMemory = "/dev/shm";
  return ::access(kMemory, W_OK) == 0 ? kMemory : std::filesystem::temp_directory_path();
}

}  // namespace penstock::model::testing
