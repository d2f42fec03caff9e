#include "openai/field_table.h"

#include <algorithm>
#include <iterator>

namespace penstock::openai {
namespace {

using enum FieldType;
using enum FieldState;

constexpr double kI32Max = 2147483647.0;
constexpr double kU32Max = 4294967295.0;

// Fields that both APIs have with one meaning.
constexpr FieldSpec kShared[] = {
    {"model", kString, {1, 256}, "required"},
    {"max_tokens", kInteger, {1, kU32Max}, "rest of the context"},
    {"min_tokens", kInteger, {0, kU32Max}, "0"},
    {"n", kInteger, {1, 16}, "1"},
    {"temperature", kNumber, {0, 2}, "card, else 1"},
    {"top_p", kNumber, {0, 1, true}, "card, else 1"},
    {"top_k", kInteger, {-1, kI32Max}, "card, else all"},
    {"min_p", kNumber, {0, 1}, "0"},
    {"frequency_penalty", kNumber, {-2, 2}, "0"},
    {"presence_penalty", kNumber, {-2, 2}, "0"},
    {"repetition_penalty", kNumber, {0, 2, true}, "card, else 1"},
    {"seed", kInteger, {}, "drawn per request"},
    {"logit_bias", kObject, {0, 1024}, "none"},
    {"allowed_token_ids", kArray, {1, 1024}, "none"},
    {"bad_words", kArray, {0, 128}, "none"},
    {"stop", kStringOrStrings, {}, "none"},
    {"stop_token_ids", kArray, {0, 64}, "none"},
    {"include_stop_str_in_output", kBoolean, {}, "false"},
    {"ignore_eos", kBoolean, {}, "false"},
    {"prompt_logprobs", kInteger, {0, 20}, "none"},
    {"return_token_ids", kBoolean, {}, "false"},
    {"return_tokens_as_token_ids", kBoolean, {}, "false"},
    {"skip_special_tokens", kBoolean, {}, "true"},
    {"stream", kBoolean, {}, "false"},
    {"stream_options", kObject, {}, "none"},
    {"response_format", kObject, {}, "text"},
    {"cache_salt", kString, {1, 128}, "none"},
    {"user", kString, {0, 256}, "none"},
    {"safety_identifier", kString, {0, 256}, "none"},
    {"metadata", kObject, {0, 16}, "none"},
    {"prompt_cache_key", kString, {0, 256}, "none"},
    {"service_tier", kString, {}, "auto"},
    {"store", kBoolean, {}, "false"},
    {"penstock", kObject, {}, "none"},
    {"nvext", kObject, {}, "none"},
    {"best_of", kInteger, {1, kU32Max}, "n"},
    {"guided_json", kAny, {}, "none", kNotBuilt},
    {"guided_regex", kString, {}, "none", kNotBuilt},
    {"guided_choice", kArray, {}, "none", kNotBuilt},
    {"guided_grammar", kString, {}, "none", kNotBuilt},
    {"guided_whitespace_pattern", kString, {}, "none", kNotBuilt},
    {"guided_decoding_backend", kString, {}, "auto", kNotBuilt},
    {"structured_outputs", kObject, {}, "none", kNotBuilt},
    {"max_thinking_tokens", kInteger, {0, kU32Max}, "none", kNotBuilt},
    {"use_beam_search", kAny, {}, "none", kRefused, "use n with temperature"},
    {"length_penalty", kAny, {}, "none", kRefused, "it belongs to beam search"},
    {"priority",
     kAny,
     {},
     "none",
     kRefused,
     "its direction differs between servers; use the header x-penstock-priority"},
};

constexpr FieldSpec kChatOnly[] = {
    {"messages", kArray, {1, 4096}, "required"},
    {"max_completion_tokens", kInteger, {1, kU32Max}, "rest of the context"},
    {"logprobs", kBoolean, {}, "false"},
    {"top_logprobs", kInteger, {0, 20}, "0"},
    {"tools", kArray, {0, 128}, "none"},
    {"tool_choice", kAny, {}, "none without tools"},
    {"parallel_tool_calls", kBoolean, {}, "true"},
    {"reasoning_effort", kString, {}, "the template's", kTemplate},
    {"documents", kArray, {}, "none", kTemplate},
    {"verbosity", kString, {}, "none", kTemplate},
    {"chat_template_kwargs", kObject, {}, "{}"},
    {"chat_template_args", kObject, {}, "{}"},
    {"chat_template", kString, {}, "the model's", kNotBuilt},
    {"add_generation_prompt", kBoolean, {}, "true"},
    {"continue_final_message", kBoolean, {}, "false"},
    {"modalities", kArray, {}, "[\"text\"]"},
    {"functions", kAny, {}, "none", kRefused, "use tools"},
    {"function_call", kAny, {}, "none", kRefused, "use tool_choice"},
    {"audio", kAny, {}, "none", kRefused, "only text is served"},
    {"prediction", kAny, {}, "none", kRefused, "leave it out"},
    {"web_search_options", kAny, {}, "none", kRefused, "leave it out"},
};

constexpr FieldSpec kCompletionsOnly[] = {
    {"prompt", kAny, {}, "required"},
    {"echo", kBoolean, {}, "false"},
    {"logprobs", kInteger, {0, 20}, "none"},
    {"suffix", kString, {}, "none", kRefused, "the model has no fill-in-the-middle tokens"},
    {"add_special_tokens", kBoolean, {}, "true"},
};

constexpr std::string_view kOnlyInChat = "it belongs to /v1/chat/completions";

std::vector<FieldSpec> shared_rows(const FieldLimits& limits) {
  std::vector<FieldSpec> rows(std::begin(kShared), std::end(kShared));
  for (FieldSpec& row : rows) {
    if (row.name == "n") row.range.max = limits.max_n;
  }
  return rows;
}

std::string_view unit_of(FieldType type) noexcept {
  switch (type) {
    case kString:
      return " characters";
    case kArray:
      return " items";
    case kObject:
      return " members";
    default:
      return "";
  }
}

std::string range_text(const FieldRange& range) {
  const std::string_view low = range.excludes_min ? "above " : "at least ";
  const bool has_min = range.min > -std::numeric_limits<double>::infinity();
  const bool has_max = range.max < std::numeric_limits<double>::infinity();
  if (has_min && has_max) return format("{}{} and at most {}", low, range.min, range.max);
  if (has_min) return format("{}{}", low, range.min);
  return format("at most {}", range.max);
}

bool has_type(const text::Json& value, FieldType type) noexcept {
  switch (type) {
    case kBoolean:
      return value.is_bool();
    case kInteger:
      return value.is_int() ||
             (value.is_double() && value.as_double() >= -9007199254740992.0 &&
              value.as_double() <= 9007199254740992.0 &&
              value.as_double() ==
                  static_cast<double>(static_cast<std::int64_t>(value.as_double())));
    case kNumber:
      return value.is_number();
    case kString:
      return value.is_string();
    case kStringOrStrings:
      return value.is_string() || value.is_array();
    case kArray:
      return value.is_array();
    case kObject:
      return value.is_object();
    case kAny:
      return true;
  }
  return false;
}

std::size_t num_characters(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// What the range bounds; nothing for types without one.
double measure_of(const text::Json& value) noexcept {
  if (value.is_number()) return value.as_double();
  if (value.is_string()) return static_cast<double>(num_characters(value.as_string()));
  if (value.is_array()) return static_cast<double>(value.as_array().size());
  if (value.is_object()) return static_cast<double>(value.as_object().size());
  return 0;
}

bool is_bounded(FieldType type) noexcept {
  return type != kBoolean && type != kAny && type != kStringOrStrings;
}

ApiStatus check_state(const FieldSpec& spec) {
  if (spec.state == kNotBuilt) {
    return make_api_error(ApiErrorCode::kUnsupportedParameter, spec.name,
                          "{} is not built yet in this version; leave it out", spec.name);
  }
  if (spec.state == kRefused) {
    return make_api_error(ApiErrorCode::kUnsupportedParameter, spec.name, "{} is not supported: {}",
                          spec.name, spec.note);
  }
  return {};
}

}  // namespace

std::string_view to_string(FieldType type) noexcept {
  switch (type) {
    case kBoolean:
      return "boolean";
    case kInteger:
      return "integer";
    case kNumber:
      return "number";
    case kString:
      return "string";
    case kStringOrStrings:
      return "string or array of strings";
    case kArray:
      return "array";
    case kObject:
      return "object";
    case kAny:
      return "any";
  }
  return "any";
}

FieldTable::FieldTable(std::vector<FieldSpec> specs) : specs_(std::move(specs)) {
  std::ranges::sort(specs_, {}, &FieldSpec::name);
}

FieldTable FieldTable::chat(const FieldLimits& limits) {
  std::vector<FieldSpec> rows = shared_rows(limits);
  rows.insert(rows.end(), std::begin(kChatOnly), std::end(kChatOnly));
  return FieldTable(std::move(rows));
}

FieldTable FieldTable::completions(const FieldLimits& limits) {
  std::vector<FieldSpec> rows = shared_rows(limits);
  for (FieldSpec& row : rows) {
    if (row.name != "max_tokens") continue;
    row.range.min = 0;
    row.default_text = "16";
  }
  rows.insert(rows.end(), std::begin(kCompletionsOnly), std::end(kCompletionsOnly));
  for (const FieldSpec& chat : kChatOnly) {
    if (chat.name == "logprobs") continue;
    rows.push_back({chat.name, kAny, {}, "none", kRefused, kOnlyInChat});
  }
  return FieldTable(std::move(rows));
}

const FieldSpec* FieldTable::find(std::string_view name) const noexcept {
  const auto at = std::ranges::lower_bound(specs_, name, {}, &FieldSpec::name);
  return at != specs_.end() && at->name == name ? &*at : nullptr;
}

ApiStatus check_value(const text::Json& value, FieldType type, const FieldRange& range,
                      std::string_view path) {
  if (!has_type(value, type)) {
    return make_api_error(ApiErrorCode::kInvalidValue, path, "{} is of type {}; it must be {} {}",
                          path, value.type_name(),
                          type == kInteger || type == kArray || type == kObject ? "an" : "a",
                          to_string(type));
  }
  if (!is_bounded(type)) return {};
  const double measure = measure_of(value);
  const bool above_min = range.excludes_min ? measure > range.min : measure >= range.min;
  if (above_min && measure <= range.max) return {};
  if (value.is_number()) {
    return make_api_error(ApiErrorCode::kInvalidValue, path, "{} is {}; it must be {}", path,
                          text::to_json(value), range_text(range));
  }
  return make_api_error(ApiErrorCode::kInvalidValue, path, "{} has {}{}; it must have {}", path,
                        measure, unit_of(type), range_text(range));
}

ApiResult<std::vector<std::string>> check_fields(const text::Json::Object& body,
                                                 const FieldTable& table, UnknownFields unknown) {
  std::vector<std::string> ignored;
  for (const auto& [name, value] : body) {
    if (value.is_null()) continue;
    const FieldSpec* spec = table.find(name);
    if (spec == nullptr) {
      if (unknown == UnknownFields::kReject) {
        return make_api_error(ApiErrorCode::kUnknownParameter, clipped(name),
                              "'{}' is not a field of this route; leave it out", clipped(name));
      }
      ignored.push_back(name);
      continue;
    }
    RETURN_IF_API_ERROR(check_state(*spec));
    RETURN_IF_API_ERROR(check_value(value, spec->type, spec->range, spec->name));
  }
  return ignored;
}

}  // namespace penstock::openai
