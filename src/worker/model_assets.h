// What a worker loads beside the weights: tokenizer, chat template, and the card that tells
// frontends about them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "discovery/model_card.h"
#include "tokenizer/tokenizer.h"

namespace penstock::model {
class ModelFiles;
}

namespace penstock::worker {

[[nodiscard]] Result<tokenizer::Tokenizer> load_tokenizer(const model::ModelFiles& files);

// What the engine decided, for the card.
struct EngineFacts {
  std::string kind = "native";  // without its version: workers of another kind form another set
  std::uint32_t context_length = 0;
  std::uint32_t block_size = 0;
  std::uint64_t total_kv_blocks = 0;
  std::uint32_t max_num_seqs = 0;
  std::uint32_t max_num_batched_tokens = 0;
  std::string numerics;
  std::string kv_layout;
};

struct CardInput {
  std::vector<std::string> names;  // the first is the model's, the rest are aliases
  const model::ModelFiles& files;
  const tokenizer::Tokenizer& tokenizer;
  const std::optional<std::string>& chat_template;  // its source
  EngineFacts engine;
  std::int64_t created_unix_s = 0;
};

// Reads every weight byte for the model digest, unless the user's cache knows it.
[[nodiscard]] discovery::ModelCard make_model_card(const CardInput& input);

}  // namespace penstock::worker
