// From a body to what is submitted: parse, validate, render, tokenize, check against the model.
//
// Runs on a thread of the tokenizer pool. Threading: a Preparer is immutable; prepare() from any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "frontend/access/tenant.h"
#include "frontend/echo.h"
#include "frontend/ids.h"
#include "frontend/models.h"
#include "frontend/options.h"
#include "frontend/prefix_tokens.h"
#include "frontend/request_templates.h"
#include "openai/chat_request.h"
#include "openai/completion_request.h"
#include "openai/errors.h"
#include "openai/field_table.h"
#include "openai/request.h"
#include "rpc/messages.h"

namespace penstock::frontend {

struct PreparedPrompt {
  std::vector<openai::TokenId> token_ids;
  std::uint32_t max_tokens = 0;
  std::optional<Echo> echo;  // completions with `echo`
};

struct StageTimes {
  Duration parse{};
  Duration render{};
  Duration tokenize{};
};

// What the cache of tokenized prefixes did for a request; nothing where it is off.
struct TokenizerCacheUse {
  std::uint32_t num_hits = 0;  // texts of which it had a beginning
  std::uint32_t num_misses = 0;
  std::uint64_t cached_tokens = 0;
  std::uint64_t uncached_tokens = 0;
  std::size_t held_bytes = 0;  // by the whole cache, afterwards
};

struct Prepared {
  openai::Api api = openai::Api::kChat;
  openai::GenerationRequest request;
  Model* model = nullptr;  // outlives every request
  std::vector<PreparedPrompt> prompts;
  std::string_view prompt_field = "messages";  // chat: what the client calls its prompt
  rpc::Sampling sampling;
  std::vector<std::vector<openai::TokenId>> bad_sequences;  // what bad_words forbids
  std::string formatted_prompt;                             // chat, when annotated
  StageTimes times;
  TokenizerCacheUse tokenizer_cache;
};

class Preparer final {
 public:
  // All outlive the preparer.
  Preparer(const Models& models, const FrontendOptions& options, const Clock& clock, IdSource& ids);

  // For `tenant`, models it may not use do not exist.
  [[nodiscard]] openai::ApiResult<Prepared> prepare(openai::Api api, std::string_view body,
                                                    const Tenant& tenant) const;

  [[nodiscard]] const openai::FieldTable& table(openai::Api api) const noexcept {
    return api == openai::Api::kChat ? chat_table_ : completions_table_;
  }

 private:
  struct Wording;
  [[nodiscard]] openai::ApiResult<text::Json> parse(openai::Api api, std::string_view body) const;
  [[nodiscard]] openai::ApiResult<Prepared> prepare_chat(text::Json body,
                                                         const Tenant& tenant) const;
  [[nodiscard]] openai::ApiResult<std::shared_ptr<const chat_template::ChatTemplate>> find_template(
      const openai::ChatRequest& request, const Model& model) const;
  [[nodiscard]] openai::ApiResult<Prepared> prepare_completions(const text::Json& body,
                                                                const Tenant& tenant) const;
  [[nodiscard]] openai::ApiResult<PreparedPrompt> completion_prompt(
      const openai::CompletionRequest& request, std::size_t number, const std::string& salt,
      Prepared& prepared) const;
  [[nodiscard]] openai::ApiResult<std::vector<openai::TokenId>> encode(const Wording& wording,
                                                                       Prepared& prepared) const;
  // What both APIs check against the model, and the sampling with the card's defaults.
  [[nodiscard]] openai::ApiStatus finish(Prepared& prepared) const;
  [[nodiscard]] openai::ApiResult<Model*> find_model(const std::string& name,
                                                     const Tenant& tenant) const;

  const Models& models_;
  const FrontendOptions& options_;
  const Clock& clock_;
  IdSource& ids_;
  const openai::FieldTable chat_table_;
  const openai::FieldTable completions_table_;
  // Caches with a lock of their own.
  mutable RequestTemplates request_templates_;
  mutable PrefixTokens prefix_tokens_;
};

}  // namespace penstock::frontend
