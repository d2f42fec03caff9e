// The model card: what a frontend must know of a worker's model to serve it. Threading: a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace penstock::discovery {

// "sha256:" + 64 hex digits each; unequal ones make another worker set
// (hash, engine, model, tokenizer, template) or forbid pairing (the rest).
struct Digests {
  std::string hash_scheme;  // "xxh3-64/1337/v1/B32"
  std::string engine;       // "native"
  std::string model;
  std::string tokenizer;
  std::string chat_template;  // empty: the model has none
  std::string numerics;
  std::string kv_layout;
};

struct SamplingDefaults {
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<std::int64_t> top_k;
  std::optional<double> repetition_penalty;
};

struct ModelCard {
  std::string name;
  std::vector<std::string> aliases;
  std::int64_t created = 0;  // Unix seconds
  bool serves_chat = true;
  bool serves_completions = true;
  std::uint32_t context_length = 0;  // effective: min(model's, what the pool holds)
  std::uint32_t vocab_size = 0;
  std::optional<std::uint32_t> bos_token_id;
  std::vector<std::uint32_t> eos_token_ids;
  SamplingDefaults generation_defaults;

  std::uint32_t block_size = 32;
  std::uint64_t total_kv_blocks = 0;
  std::uint32_t max_num_seqs = 0;
  std::uint32_t max_num_batched_tokens = 0;
  bool deterministic = true;
  std::uint32_t logprobs_max = 20;
  Digests digests;
};

}  // namespace penstock::discovery
