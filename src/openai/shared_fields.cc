#include "openai/shared_fields.h"

#include <algorithm>
#include <charconv>

#include "openai/field_reader.h"
#include "openai/field_table.h"

namespace penstock::openai {
namespace {

using text::Json;

constexpr std::size_t kMaxStopStrings = 16;
constexpr std::size_t kMaxStopBytes = 256;
constexpr std::size_t kMaxBadWordBytes = 256;

ApiResult<std::vector<std::string>> parse_stop_strings(const Json::Object& body) {
  const Json* stop = find_present(body, "stop");
  if (stop == nullptr) return std::vector<std::string>{};
  std::vector<std::string> strings;
  if (stop->is_string()) {
    strings.push_back(stop->as_string());
  } else {
    ASSIGN_OR_RETURN_API(strings, strings_of(stop->as_array(), "stop"));
  }
  if (strings.size() > kMaxStopStrings) {
    return make_api_error(ApiErrorCode::kInvalidValue, "stop",
                          "stop has {} strings; it must have at most {}", strings.size(),
                          kMaxStopStrings);
  }
  for (std::size_t i = 0; i < strings.size(); ++i) {
    if (!strings[i].empty() && strings[i].size() <= kMaxStopBytes) continue;
    const std::string path = stop->is_string() ? "stop" : format("stop[{}]", i);
    return make_api_error(ApiErrorCode::kInvalidValue, path,
                          "{} has {} bytes; a stop string has 1 to {}", path, strings[i].size(),
                          kMaxStopBytes);
  }
  return strings;
}

ApiResult<std::vector<std::pair<TokenId, float>>> parse_logit_bias(const Json::Object& body) {
  std::vector<std::pair<TokenId, float>> bias;
  const Json* map = find_present(body, "logit_bias");
  if (map == nullptr) return bias;
  for (const auto& [name, value] : map->as_object()) {
    TokenId id = 0;
    const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), id);
    const bool is_canonical = name == "0" || !name.starts_with('0');
    if (code != std::errc{} || end != name.data() + name.size() || !is_canonical) {
      return make_api_error(ApiErrorCode::kInvalidValue, "logit_bias",
                            "logit_bias has the key '{}'; keys are token ids", clipped(name));
    }
    RETURN_IF_API_ERROR(
        check_value(value, FieldType::kNumber, {-100, 100}, format("logit_bias.{}", name)));
    bias.emplace_back(id, static_cast<float>(value.as_double()));
  }
  return bias;
}

ApiResult<std::vector<std::string>> parse_bad_words(const Json::Object& body) {
  const Json* list = find_present(body, "bad_words");
  if (list == nullptr) return std::vector<std::string>{};
  ASSIGN_OR_RETURN_API(std::vector<std::string> words, strings_of(list->as_array(), "bad_words"));
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!words[i].empty() && words[i].size() <= kMaxBadWordBytes) continue;
    const std::string path = format("bad_words[{}]", i);
    return make_api_error(ApiErrorCode::kInvalidValue, path,
                          "{} has {} bytes; a bad word has 1 to {}", path, words[i].size(),
                          kMaxBadWordBytes);
  }
  return words;
}

ApiResult<SamplingWish> parse_sampling(const Json::Object& body) {
  SamplingWish wish;
  wish.temperature = number_of(body, "temperature");
  wish.top_p = number_of(body, "top_p");
  if (const auto top_k = integer_of(body, "top_k")) wish.top_k = std::max<std::int64_t>(*top_k, 0);
  wish.repetition_penalty = number_of(body, "repetition_penalty");
  wish.min_p = number_of(body, "min_p").value_or(0);
  wish.frequency_penalty = number_of(body, "frequency_penalty").value_or(0);
  wish.presence_penalty = number_of(body, "presence_penalty").value_or(0);
  if (const auto seed = integer_of(body, "seed")) wish.seed = static_cast<std::uint64_t>(*seed);
  ASSIGN_OR_RETURN_API(wish.logit_bias, parse_logit_bias(body));
  if (const Json* ids = find_present(body, "allowed_token_ids")) {
    ASSIGN_OR_RETURN_API(wish.allowed_token_ids,
                         token_ids_of(ids->as_array(), "allowed_token_ids"));
  }
  ASSIGN_OR_RETURN_API(wish.bad_words, parse_bad_words(body));
  return wish;
}

ApiResult<StopWish> parse_stop(const Json::Object& body) {
  StopWish wish;
  ASSIGN_OR_RETURN_API(wish.strings, parse_stop_strings(body));
  if (const Json* ids = find_present(body, "stop_token_ids")) {
    ASSIGN_OR_RETURN_API(wish.token_ids, token_ids_of(ids->as_array(), "stop_token_ids"));
  }
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
  if (!wish.stream) {
    return make_api_error(ApiErrorCode::kInvalidValue, "stream_options",
                          "stream_options is given without stream; set stream to true");
  }
  for (const auto& [name, value] : options->as_object()) {
    const std::string path = format("stream_options.{}", clipped(name));
    const bool is_usage = name == "include_usage";
    if (!is_usage && name != "continuous_usage_stats") {
      return make_api_error(ApiErrorCode::kUnknownParameter, path,
                            "{} is unknown; include_usage and continuous_usage_stats are offered",
                            path);
    }
    if (value.is_null()) continue;
    RETURN_IF_API_ERROR(check_value(value, FieldType::kBoolean, {}, path));
    (is_usage ? wish.include_usage : wish.continuous_usage) = value.as_bool();
  }
  return wish;
}

// What is accepted and changes no token: each still has a form to keep.
ApiStatus check_bookkeeping(const Json::Object& body) {
  if (const auto tier = string_of(body, "service_tier");
      tier && *tier != "auto" && *tier != "default") {
    return make_api_error(ApiErrorCode::kInvalidValue, "service_tier",
                          "service_tier is '{}'; it must be auto or default", clipped(*tier));
  }
  const Json* metadata = find_present(body, "metadata");
  if (metadata == nullptr) return {};
  for (const auto& [name, value] : metadata->as_object()) {
    const std::string path = format("metadata.{}", clipped(name));
    RETURN_IF_API_ERROR(check_value(Json(name), FieldType::kString, {1, 64}, path));
    RETURN_IF_API_ERROR(check_value(value, FieldType::kString, {0, 512}, path));
  }
  return {};
}

// Structured output is not built: only the plain form passes.
ApiStatus check_response_format(const Json::Object& body) {
  const Json* format_field = find_present(body, "response_format");
  if (format_field == nullptr) return {};
  constexpr std::string_view kPath = "response_format.type";
  const Json* type = find_present(format_field->as_object(), "type");
  if (type == nullptr) {
    return make_api_error(ApiErrorCode::kMissingParameter, kPath, "{} is missing", kPath);
  }
  RETURN_IF_API_ERROR(check_value(*type, FieldType::kString, {}, kPath));
  if (type->as_string() == "text") return {};
  if (type->as_string() == "json_object" || type->as_string() == "json_schema") {
    return make_api_error(ApiErrorCode::kUnsupportedParameter, "response_format",
                          "response_format '{}' is not built yet in this version; use text",
                          type->as_string());
  }
  return make_api_error(ApiErrorCode::kInvalidValue, kPath,
                        "{} is '{}'; it must be text, json_object or json_schema", kPath,
                        clipped(type->as_string()));
}

ApiStatus check_best_of(const Json::Object& body, std::uint32_t n) {
  const auto best_of = integer_of(body, "best_of");
  if (!best_of || *best_of == n) return {};
  return make_api_error(ApiErrorCode::kUnsupportedParameter, "best_of",
                        "best_of is {} and n is {}; only equal values are supported", *best_of, n);
}

}  // namespace

ApiResult<std::string> parse_model(const Json::Object& body) {
  auto model = string_of(body, "model");
  if (!model) return make_api_error(ApiErrorCode::kMissingParameter, "model", "model is missing");
  return *std::move(model);
}

ApiResult<GenerationRequest> parse_shared_fields(const Json::Object& body) {
  GenerationRequest request;
  ASSIGN_OR_RETURN_API(request.model, parse_model(body));
  request.n = static_cast<std::uint32_t>(integer_of(body, "n").value_or(1));
  ASSIGN_OR_RETURN_API(request.sampling, parse_sampling(body));
  ASSIGN_OR_RETURN_API(request.stop, parse_stop(body));
  ASSIGN_OR_RETURN_API(request.output, parse_output(body));
  RETURN_IF_API_ERROR(check_response_format(body));
  RETURN_IF_API_ERROR(check_best_of(body, request.n));
  RETURN_IF_API_ERROR(check_bookkeeping(body));
  request.cache_salt = string_of(body, "cache_salt").value_or("");
  request.names_service_tier = find_present(body, "service_tier") != nullptr;
  request.wants_store = bool_or(body, "store", false);
  return request;
}

}  // namespace penstock::openai
