#include "frontend/preparation.h"

#include <algorithm>

#include "frontend/bad_words.h"
#include "frontend/model_checks.h"
#include "frontend/prompt_builder.h"
#include "text/json.h"

namespace penstock::frontend {
namespace {

using openai::ApiErrorCode;
using openai::ApiResult;
using openai::ApiStatus;
using openai::make_api_error;

constexpr std::size_t kMaxJsonDepth = 128;
constexpr std::size_t kMaxRequestTemplates = 64;
// Up to here a prompt over the context is told how many tokens it has.
constexpr std::size_t kCountedBeyondContext = 8192;
// No field but a prompt of token ids takes a longer list.
constexpr std::size_t kMostOtherItems = 65'536;

openai::FieldLimits field_limits(const FrontendOptions& options) {
  return {.max_n = options.max_n, .allow_request_template = options.allow_request_template};
}

const text::Json& last_user_content(const openai::ChatRequest& request) {
  const text::Json* content = nullptr;
  for (const text::Json& message : request.messages) {
    if (*message.find("role") == text::Json("user")) content = message.find("content");
  }
  return *content;  // parse_chat_request() has seen one
}

// The prompt's text: rendered, or the last user message as it is.
ApiResult<text::OriginText> chat_text(openai::ChatRequest request, const RenderContext& context,
                                      Prepared& prepared) {
  if (request.use_raw_prompt) {
    return text::OriginText(joined_content(last_user_content(request)), text::Origin::kData);
  }
  ASSIGN_OR_RETURN_API(RenderedPrompt rendered, render_chat(std::move(request), context));
  for (std::string& name : rendered.ignored_fields) {
    prepared.request.ignored_fields.push_back(std::move(name));
  }
  return std::move(rendered.text);
}

}  // namespace

// A text to tokenize for a request.
struct Preparer::Wording {
  const text::OriginText& text;
  bool add_special_tokens = false;
  std::string_view path;  // the field it came in
  std::string_view salt;
};

Preparer::Preparer(const Models& models, const FrontendOptions& options, const Clock& clock,
                   IdSource& ids)
    : models_(models),
      options_(options),
      clock_(clock),
      ids_(ids),
      chat_table_(openai::FieldTable::chat(field_limits(options))),
      completions_table_(openai::FieldTable::completions(field_limits(options))),
      request_templates_(kMaxRequestTemplates),
      prefix_tokens_(options.tokenizer_cache_bytes, ids.draw_seed()) {}

ApiResult<Prepared> Preparer::prepare(openai::Api api, std::string_view body,
                                      const Tenant& tenant) const {
  const MonotonicTime begin = clock_.now();
  ASSIGN_OR_RETURN_API(text::Json json, parse(api, body));
  const Duration parse = clock_.now() - begin;
  auto prepared = api == openai::Api::kChat ? prepare_chat(std::move(json), tenant)
                                            : prepare_completions(json, tenant);
  if (!prepared) return prepared;
  prepared->times.parse += parse;
  RETURN_IF_API_ERROR(finish(*prepared));
  return prepared;
}

// A list longer than any field takes is not read to its end.
ApiResult<text::Json> Preparer::parse(openai::Api api, std::string_view body) const {
  std::uint32_t context = 0;
  for (const auto& model : models_.all()) context = std::max(context, model->card.context_length);
  const std::size_t most_items =
      std::max(kMostOtherItems, std::size_t{context} + kCountedBeyondContext);
  auto json = text::parse_json(body, {.max_depth = kMaxJsonDepth, .max_items = most_items});
  if (json) return std::move(*json);
  if (json.error().code() != ErrorCode::kResourceExhausted) {
    return make_api_error(ApiErrorCode::kInvalidJson, "", "{}", json.error().message());
  }
  if (api == openai::Api::kCompletions) {
    return prompt_too_long("prompt", format("more than {}", most_items), context);
  }
  return make_api_error(ApiErrorCode::kInvalidValue, "", "the body has {}; no field takes so many",
                        json.error().message());
}

ApiResult<Model*> Preparer::find_model(const std::string& name, const Tenant& tenant) const {
  Model* const model = models_.find(name);
  if (model != nullptr && tenant.may_use(model->card)) return model;
  return make_api_error(ApiErrorCode::kModelNotFound, "model",
                        "the model '{}' does not exist here; GET /v1/models lists those that do",
                        openai::clipped(name));
}

// The tokens of a prompt. One that is much too long is not counted to its end: what it costs
// depends on the model's context, not on what the client sends.
ApiResult<std::vector<openai::TokenId>> Preparer::encode(const Wording& wording,
                                                         Prepared& prepared) const {
  const Model& model = *prepared.model;
  const std::size_t most = std::size_t{model.card.context_length} + kCountedBeyondContext;
  auto encoded = prefix_tokens_.encode(
      *model.tokenizer, wording.text,
      {.add_special_tokens = wording.add_special_tokens, .max_tokens = most}, wording.salt);
  if (!encoded && encoded.error().code() == ErrorCode::kResourceExhausted) {
    return prompt_too_long(wording.path, format("more than {}", most), model.card.context_length);
  }
  if (!encoded) {
    return make_api_error(ApiErrorCode::kInvalidValue, wording.path, "{} cannot be tokenized: {}",
                          wording.path, encoded.error().message());
  }
  if (prefix_tokens_.is_on()) {
    TokenizerCacheUse& use = prepared.tokenizer_cache;
    (encoded->num_cached > 0 ? use.num_hits : use.num_misses) += 1;
    use.cached_tokens += encoded->num_cached;
    use.uncached_tokens += encoded->token_ids.size() - encoded->num_cached;
    use.held_bytes = prefix_tokens_.used_bytes();
  }
  return std::move(encoded->token_ids);
}

// Null where the request needs none.
ApiResult<std::shared_ptr<const chat_template::ChatTemplate>> Preparer::find_template(
    const openai::ChatRequest& request, const Model& model) const {
  const bool needs_one = !request.token_data && !request.use_raw_prompt;
  if (request.chat_template && !needs_one) {
    return make_api_error(ApiErrorCode::kInvalidValue, "chat_template",
                          "chat_template is given and the extension object's use_raw_prompt or "
                          "token_data goes without a template; send one of them");
  }
  const bool has_one = request.chat_template || model.chat_template != nullptr;
  if (!model.card.serves_chat || (needs_one && !has_one)) {
    return make_api_error(ApiErrorCode::kUnsupportedForModel, "model",
                          "the model '{}' has no chat template; use /v1/completions",
                          request.shared.model);
  }
  if (request.chat_template) return request_templates_.get(*request.chat_template);
  return model.chat_template;
}

ApiResult<Prepared> Preparer::prepare_chat(text::Json body, const Tenant& tenant) const {
  const MonotonicTime begin = clock_.now();
  ASSIGN_OR_RETURN_API(
      openai::ChatRequest request,
      openai::parse_chat_request(std::move(body), chat_table_, options_.unknown_fields));
  Prepared prepared;
  prepared.api = openai::Api::kChat;
  ASSIGN_OR_RETURN_API(prepared.model, find_model(request.shared.model, tenant));
  const Model& model = *prepared.model;
  ASSIGN_OR_RETURN_API(const auto chat_template, find_template(request, model));
  prepared.request = std::move(request.shared);
  const MonotonicTime parsed = clock_.now();
  MonotonicTime rendered = parsed;
  PreparedPrompt prompt;
  if (request.token_data) {
    RETURN_IF_API_ERROR(
        check_token_ids(*request.token_data, model.card.vocab_size, "penstock.token_data"));
    prompt.token_ids = std::move(*request.token_data);
    prepared.prompt_field = "penstock.token_data";
  } else {
    const std::string sentinel = ids_.make_request_id();
    ASSIGN_OR_RETURN_API(
        const text::OriginText text,
        chat_text(std::move(request),
                  {*chat_template, *model.tokenizer, clock_.unix_us(), sentinel}, prepared));
    rendered = clock_.now();
    const std::string salt = tenant.salt(prepared.request.cache_salt);
    ASSIGN_OR_RETURN_API(prompt.token_ids,
                         encode({.text = text, .path = "messages", .salt = salt}, prepared));
    if (prepared.request.annotations.formatted_prompt) prepared.formatted_prompt = text.bytes();
  }
  prepared.prompts.push_back(std::move(prompt));
  prepared.times = {parsed - begin, rendered - parsed, clock_.now() - rendered};
  return prepared;
}

ApiResult<Prepared> Preparer::prepare_completions(const text::Json& body,
                                                  const Tenant& tenant) const {
  const MonotonicTime begin = clock_.now();
  ASSIGN_OR_RETURN_API(
      openai::CompletionRequest request,
      openai::parse_completion_request(body, completions_table_, options_.unknown_fields));
  Prepared prepared;
  prepared.api = openai::Api::kCompletions;
  ASSIGN_OR_RETURN_API(prepared.model, find_model(request.shared.model, tenant));
  if (!prepared.model->card.serves_completions) {
    return make_api_error(ApiErrorCode::kUnsupportedForModel, "model",
                          "the model '{}' does not serve completions; use /v1/chat/completions",
                          request.shared.model);
  }
  const MonotonicTime parsed = clock_.now();
  const std::string salt = tenant.salt(request.shared.cache_salt);
  for (std::size_t i = 0; i < request.prompts.size(); ++i) {
    ASSIGN_OR_RETURN_API(PreparedPrompt prompt, completion_prompt(request, i, salt, prepared));
    prepared.prompts.push_back(std::move(prompt));
  }
  prepared.request = std::move(request.shared);
  prepared.times = {parsed - begin, {}, clock_.now() - parsed};
  return prepared;
}

ApiResult<PreparedPrompt> Preparer::completion_prompt(const openai::CompletionRequest& request,
                                                      std::size_t number, const std::string& salt,
                                                      Prepared& prepared) const {
  const std::string path = request.prompts.size() == 1 ? "prompt" : format("prompt[{}]", number);
  const tokenizer::Tokenizer& tokenizer = *prepared.model->tokenizer;
  PreparedPrompt prompt;
  const auto echo_of = [&](std::string text, bool skips_special) {
    return request.shared.output.echo_logprobs
               ? make_echo_with_tokens(std::move(text), prompt.token_ids, tokenizer, skips_special)
               : make_echo(std::move(text));
  };
  if (const auto* ids = std::get_if<std::vector<openai::TokenId>>(&request.prompts[number])) {
    RETURN_IF_API_ERROR(check_token_ids(*ids, tokenizer.vocab_size(), path));
    prompt.token_ids = *ids;
    if (request.echo) {
      const bool skips_special = request.shared.output.skip_special_tokens;
      prompt.echo = echo_of(tokenizer.decode(*ids, skips_special), skips_special);
    }
    return prompt;
  }
  const auto& text = std::get<std::string>(request.prompts[number]);
  const text::OriginText data(text, text::Origin::kData);
  ASSIGN_OR_RETURN_API(prompt.token_ids, encode({.text = data,
                                                 .add_special_tokens = request.add_special_tokens,
                                                 .path = path,
                                                 .salt = salt},
                                                prepared));
  // What the tokenizer puts around a text is no part of it.
  if (request.echo) prompt.echo = echo_of(text, true);
  return prompt;
}

ApiStatus Preparer::finish(Prepared& prepared) const {
  const discovery::ModelCard& card = prepared.model->card;
  RETURN_IF_API_ERROR(check_against_card(prepared.request, card));
  TokenBudget budget;
  budget.wanted = prepared.request.max_tokens;
  budget.min_tokens = prepared.request.stop.min_tokens;
  if (prepared.api == openai::Api::kCompletions) {
    budget.fallback = openai::kDefaultCompletionTokens;
  } else {
    budget.prompt_field = prepared.prompt_field;
  }
  for (PreparedPrompt& prompt : prepared.prompts) {
    budget.num_prompt_tokens = prompt.token_ids.size();
    ASSIGN_OR_RETURN_API(prompt.max_tokens, allowed_tokens(budget, card.context_length));
  }
  const discovery::SamplingDefaults none;
  prepared.sampling = resolve_sampling(
      prepared.request.sampling, options_.use_generation_config ? card.generation_defaults : none,
      ids_.draw_seed());
  ASSIGN_OR_RETURN_API(prepared.bad_sequences,
                       bad_sequences(prepared.request.sampling.bad_words,
                                     *prepared.model->tokenizer, card.vocab_size));
  prepared.request.output.include_usage |=
      prepared.request.output.stream && options_.force_include_usage;
  return {};
}

}  // namespace penstock::frontend
