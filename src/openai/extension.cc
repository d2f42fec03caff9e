#include "openai/extension.h"

#include <algorithm>
#include <array>

#include "openai/field_reader.h"
#include "openai/field_table.h"

namespace penstock::openai {
namespace {

using text::Json;

constexpr std::array<std::string_view, 10> kNotBuiltMembers = {"max_thinking_tokens",
                                                               "backend_instance_id",
                                                               "decode_worker_id",
                                                               "prefill_worker_id",
                                                               "dp_rank",
                                                               "prefill_dp_rank",
                                                               "agent_hints",
                                                               "router_config_override",
                                                               "session_id",
                                                               "agent_context"};

bool is_salt_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == ':' || c == '-';
}

// One member of the extension object: its value is not null.
class MemberReader final {
 public:
  MemberReader(GenerationRequest& request, Extension& extension, std::string_view object_name)
      : request_(request), extension_(extension), object_name_(object_name) {}

  ApiStatus read(std::string_view name, const Json& value) {
    const std::string path = format("{}.{}", object_name_, clipped(name));
    if (name == "greed_sampling") return read_greedy(value, path);
    if (name == "cache_salt") return read_salt(value, path);
    if (name == "annotations") return read_annotations(value, path);
    if (name == "extra_fields") return read_extra_fields(value, path);
    if (name == "token_data") return read_token_data(value, path);
    if (name == "use_raw_prompt") {
      RETURN_IF_API_ERROR(check_value(value, FieldType::kBoolean, {}, path));
      extension_.use_raw_prompt = value.as_bool();
      return {};
    }
    if (std::ranges::find(kNotBuiltMembers, name) != kNotBuiltMembers.end()) {
      return not_built(path);
    }
    return make_api_error(ApiErrorCode::kUnknownParameter, path,
                          "{} is not a member of the extension object; leave it out", path);
  }

 private:
  static std::unexpected<ApiError> not_built(std::string_view path) {
    return make_api_error(ApiErrorCode::kUnsupportedParameter, path,
                          "{} is not built yet in this version; leave it out", path);
  }

  ApiStatus read_greedy(const Json& value, std::string_view path) {
    RETURN_IF_API_ERROR(check_value(value, FieldType::kBoolean, {}, path));
    if (!value.as_bool()) return {};
    if (request_.sampling.temperature.value_or(0) != 0) {
      return make_api_error(ApiErrorCode::kInvalidValue, path,
                            "{} is true and temperature is {}; leave one out", path,
                            *request_.sampling.temperature);
    }
    request_.sampling.temperature = 0;
    return {};
  }

  ApiStatus read_salt(const Json& value, std::string_view path) {
    RETURN_IF_API_ERROR(check_value(value, FieldType::kString, {}, path));
    RETURN_IF_API_ERROR(check_cache_salt(value.as_string(), path));
    if (!request_.cache_salt.empty() && request_.cache_salt != value.as_string()) {
      return make_api_error(ApiErrorCode::kInvalidValue, path,
                            "{} differs from the top-level cache_salt; leave one out", path);
    }
    request_.cache_salt = value.as_string();
    return {};
  }

  ApiStatus read_annotations(const Json& value, std::string_view path) {
    RETURN_IF_API_ERROR(check_value(value, FieldType::kArray, {0, 16}, path));
    ASSIGN_OR_RETURN_API(const auto names, strings_of(value.as_array(), path));
    if (!names.empty() && !request_.output.stream) {
      return make_api_error(ApiErrorCode::kInvalidValue, path,
                            "{} are events of a stream; set stream to true", path);
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == "request_id") {
        request_.annotations.request_id = true;
      } else if (names[i] == "formatted_prompt") {
        request_.annotations.formatted_prompt = true;
      } else if (names[i] == "token_ids") {
        request_.annotations.token_ids = true;
      } else if (names[i] == "query_instance_id") {
        return not_built(format("{}[{}]", path, i));
      } else {
        return make_api_error(ApiErrorCode::kInvalidValue, format("{}[{}]", path, i),
                              "the annotation '{}' is unknown; request_id, formatted_prompt and "
                              "token_ids are offered",
                              clipped(names[i]));
      }
    }
    return {};
  }

  ApiStatus read_extra_fields(const Json& value, std::string_view path) {
    RETURN_IF_API_ERROR(check_value(value, FieldType::kArray, {0, 16}, path));
    ASSIGN_OR_RETURN_API(const auto names, strings_of(value.as_array(), path));
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == "stop_reason") {
        request_.output.stop_reason = true;
      } else if (names[i] == "token_ids") {
        request_.output.token_ids = true;
      } else if (names[i] == "worker_id" || names[i] == "timing" || names[i] == "why") {
        return not_built(format("{}[{}]", path, i));
      } else {
        return make_api_error(ApiErrorCode::kInvalidValue, format("{}[{}]", path, i),
                              "the extra field '{}' is unknown; stop_reason and token_ids are "
                              "offered",
                              clipped(names[i]));
      }
    }
    return {};
  }

  ApiStatus read_token_data(const Json& value, std::string_view path) {
    RETURN_IF_API_ERROR(check_value(value, FieldType::kArray, {1}, path));
    ASSIGN_OR_RETURN_API(extension_.token_data, token_ids_of(value.as_array(), path));
    return {};
  }

  GenerationRequest& request_;
  Extension& extension_;
  std::string_view object_name_;
};

}  // namespace

ApiStatus check_cache_salt(std::string_view salt, std::string_view path) {
  if (!salt.empty() && salt.size() <= 128 && std::ranges::all_of(salt, is_salt_character)) {
    return {};
  }
  return make_api_error(ApiErrorCode::kInvalidValue, path,
                        "{} must have 1 to 128 characters of A-Z, a-z, 0-9, '.', '_', ':', '-'",
                        path);
}

ApiResult<Extension> parse_extension(const Json::Object& body, GenerationRequest& request) {
  if (!request.cache_salt.empty()) {
    RETURN_IF_API_ERROR(check_cache_salt(request.cache_salt, "cache_salt"));
  }
  const Json* own = find_present(body, "penstock");
  const Json* other = find_present(body, "nvext");
  Extension extension;
  if (own == nullptr && other == nullptr) return extension;
  if (own != nullptr && other != nullptr) {
    return make_api_error(ApiErrorCode::kInvalidValue, "nvext",
                          "penstock and nvext are two names of one object; send one of them");
  }
  MemberReader reader(request, extension, own != nullptr ? "penstock" : "nvext");
  for (const auto& [name, value] : (own != nullptr ? own : other)->as_object()) {
    if (value.is_null()) continue;
    RETURN_IF_API_ERROR(reader.read(name, value));
  }
  return extension;
}

}  // namespace penstock::openai
