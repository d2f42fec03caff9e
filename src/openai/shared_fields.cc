#include "openai/shared_fields.h"

#include <algorithm>
#include <charconv>

#include "openai/field_reader.h"

namespace penstock::openai {
namespace {

using text::Json;

std::vector<std::string> stop_strings_of(const Json::Object& body) {
  const Json* stop = find_present(body, "stop");
  if (stop == nullptr) return {};
  if (stop->is_string()) return {stop->as_string()};
  return strings_of(stop->as_array());
}

std::vector<std::pair<TokenId, float>> logit_bias_of(const Json::Object& body) {
  std::vector<std::pair<TokenId, float>> bias;
  const Json* map = find_present(body, "logit_bias");
  if (map == nullptr) return bias;
  for (const auto& [name, value] : map->as_object()) {
    TokenId id = 0;
    std::from_chars(name.data(), name.data() + name.size(), id);
    bias.emplace_back(id, static_cast<float>(value.as_double()));
  }
  return bias;
}

std::vector<TokenId> ids_or_none(const Json::Object& body, std::string_view name) {
  const Json* ids = find_present(body, name);
  return ids == nullptr ? std::vector<TokenId>{} : token_ids_of(ids->as_array());
}

SamplingWish sampling_of(const Json::Object& body) {
  SamplingWish wish;
  wish.temperature = number_of(body, "temperature");
  wish.top_p = number_of(body, "top_p");
  if (const auto top_k = integer_of(body, "top_k")) wish.top_k = std::max<std::int64_t>(*top_k, 0);
  wish.repetition_penalty = number_of(body, "repetition_penalty");
  wish.min_p = number_of(body, "min_p").value_or(0);
  wish.frequency_penalty = number_of(body, "frequency_penalty").value_or(0);
  wish.presence_penalty = number_of(body, "presence_penalty").value_or(0);
  if (const auto seed = integer_of(body, "seed")) wish.seed = static_cast<std::uint64_t>(*seed);
  wish.logit_bias = logit_bias_of(body);
  wish.allowed_token_ids = ids_or_none(body, "allowed_token_ids");
  if (const Json* words = find_present(body, "bad_words")) {
    wish.bad_words = strings_of(words->as_array());
  }
  return wish;
}

StopWish stop_of(const Json::Object& body) {
  StopWish wish;
  wish.strings = stop_strings_of(body);
  wish.token_ids = ids_or_none(body, "stop_token_ids");
  wish.min_tokens = static_cast<std::uint32_t>(integer_of(body, "min_tokens").value_or(0));
  wish.include_string_in_output = bool_or(body, "include_stop_str_in_output", false);
  wish.ignore_eos = bool_or(body, "ignore_eos", false);
  return wish;
}

ApiResult<OutputWish> parse_output(const Json::Object& body) {
  OutputWish wish;
  wish.stream = bool_or(body, "stream", false);
  wish.token_ids = bool_or(body, "return_token_ids", false);
  wish.tokens_as_token_ids = bool_or(body, "return_tokens_as_token_ids", false);
  wish.skip_special_tokens = bool_or(body, "skip_special_tokens", true);
  if (const auto top = integer_of(body, "prompt_logprobs")) {
    if (wish.stream) {
      return make_api_error(ApiErrorCode::kInvalidValue, "prompt_logprobs",
                            "prompt_logprobs is given with stream; a stream has no place for it, "
                            "set stream to false");
    }
    wish.prompt_logprobs = static_cast<std::uint32_t>(*top);
  }
  const Json* options = find_present(body, "stream_options");
  if (options == nullptr) return wish;
  wish.include_usage = bool_or(options->as_object(), "include_usage", false);
  wish.continuous_usage = bool_or(options->as_object(), "continuous_usage_stats", false);
  return wish;
}

ApiStatus check_best_of(const Json::Object& body, std::uint32_t n) {
  const auto best_of = integer_of(body, "best_of");
  if (!best_of || *best_of == n) return {};
  return make_api_error(ApiErrorCode::kUnsupportedParameter, "best_of",
                        "best_of is {} and n is {}; only equal values are supported", *best_of, n);
}

}  // namespace

ApiResult<GenerationRequest> parse_shared_fields(const Json::Object& body) {
  GenerationRequest request;
  request.model = *string_of(body, "model");
  request.n = static_cast<std::uint32_t>(integer_of(body, "n").value_or(1));
  request.sampling = sampling_of(body);
  request.stop = stop_of(body);
  ASSIGN_OR_RETURN_API(request.output, parse_output(body));
  RETURN_IF_API_ERROR(check_best_of(body, request.n));
  request.cache_salt = string_of(body, "cache_salt").value_or("");
  request.names_service_tier = find_present(body, "service_tier") != nullptr;
  request.wants_store = bool_or(body, "store", false);
  return request;
}

}  // namespace penstock::openai
