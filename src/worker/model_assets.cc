#include "worker/model_assets.h"

#include <algorithm>

#include "base/hash.h"
#include "kv/sequence_hash.h"
#include "model/model_files.h"

namespace penstock::worker {
namespace {

constexpr std::size_t kMaxTokenizerBytes = 256U << 20;
constexpr std::size_t kMaxConfigBytes = 64U << 20;

std::vector<std::uint32_t> eos_ids(const model::ModelFiles& files,
                                   const tokenizer::Tokenizer& tokenizer) {
  std::vector<std::uint32_t> ids;
  if (const auto eos = tokenizer.special_tokens().eos) ids.push_back(*eos);
  for (const std::uint32_t id : files.generation_defaults().eos_token_ids) {
    if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
  }
  return ids;
}

}  // namespace

Result<tokenizer::Tokenizer> load_tokenizer(const model::ModelFiles& files) {
  if (files.gguf() != nullptr) return tokenizer::Tokenizer::from_gguf(*files.gguf());
  ASSIGN_OR_RETURN(const std::string json, files.read_file("tokenizer.json", kMaxTokenizerBytes));
  auto config = files.read_file("tokenizer_config.json", kMaxConfigBytes);
  if (!config && config.error().code() != ErrorCode::kNotFound) {
    return std::unexpected(std::move(config).error());
  }
  return tokenizer::Tokenizer::from_json(json, config ? *config : std::string());
}

discovery::ModelCard make_model_card(const CardInput& input) {
  discovery::ModelCard card;
  card.name = input.names.front();
  card.aliases.assign(input.names.begin() + 1, input.names.end());
  card.created = input.created_unix_s;
  card.serves_chat = input.chat_template.has_value();
  card.context_length = input.engine.context_length;
  card.vocab_size = input.files.config().vocab_size;
  card.bos_token_id = input.tokenizer.special_tokens().bos;
  card.eos_token_ids = eos_ids(input.files, input.tokenizer);
  const model::GenerationDefaults& defaults = input.files.generation_defaults();
  card.generation_defaults = {.temperature = defaults.temperature,
                              .top_p = defaults.top_p,
                              .top_k = defaults.top_k,
                              .repetition_penalty = defaults.repetition_penalty};
  card.block_size = input.engine.block_size;
  card.total_kv_blocks = input.engine.total_kv_blocks;
  card.max_num_seqs = input.engine.max_num_seqs;
  card.max_num_batched_tokens = input.engine.max_num_batched_tokens;
  card.digests = {.hash_scheme = format("{}/B{}", kv::kHashScheme, input.engine.block_size),
                  .engine = input.engine.kind,
                  .model = input.files.compute_digest(),
                  .tokenizer = input.tokenizer.digest(),
                  .chat_template = input.chat_template ? digest_text(sha256(*input.chat_template))
                                                       : std::string(),
                  .numerics = input.engine.numerics,
                  .kv_layout = input.engine.kv_layout};
  return card;
}

}  // namespace penstock::worker
