#include "openai/extension.h"

#include <algorithm>
#include <utility>

#include "openai/field_reader.h"

namespace penstock::openai {
namespace {

using text::Json;

bool names(const Json::Object& object, std::string_view list, std::string_view value) {
  const Json* array = find_present(object, list);
  return array != nullptr && std::ranges::any_of(array->as_array(), [value](const Json& item) {
           return item.as_string() == value;
         });
}

// The members of one extension object; `name` is what the client called it.
class ExtensionReader final {
 public:
  ExtensionReader(const Json::Object& object, std::string_view name, GenerationRequest& request)
      : object_(object), name_(name), request_(request) {}

  ApiResult<Extension> read() {
    RETURN_IF_API_ERROR(read_greedy());
    RETURN_IF_API_ERROR(read_salt());
    RETURN_IF_API_ERROR(read_annotations());
    RETURN_IF_API_ERROR(read_pins());
    request_.output.stop_reason = names(object_, "extra_fields", "stop_reason");
    request_.output.token_ids |= names(object_, "extra_fields", "token_ids");
    if (const Json* hints = find_present(object_, "agent_hints")) read_hints(hints->as_object());
    Extension extension;
    extension.use_raw_prompt = bool_or(object_, "use_raw_prompt", false);
    if (const Json* ids = find_present(object_, "token_data")) {
      extension.token_data = token_ids_of(ids->as_array());
    }
    return extension;
  }

 private:
  ApiStatus read_greedy() {
    if (!bool_or(object_, "greed_sampling", false)) return {};
    if (request_.sampling.temperature.value_or(0) != 0) {
      const std::string path = format("{}.greed_sampling", name_);
      return make_api_error(ApiErrorCode::kInvalidValue, path,
                            "{} is true and temperature is {}; leave one out", path,
                            *request_.sampling.temperature);
    }
    request_.sampling.temperature = 0;
    return {};
  }

  ApiStatus read_salt() {
    auto salt = string_of(object_, "cache_salt");
    if (!salt) return {};
    if (!request_.cache_salt.empty() && request_.cache_salt != *salt) {
      const std::string path = format("{}.cache_salt", name_);
      return make_api_error(ApiErrorCode::kInvalidValue, path,
                            "{} is '{}' and the top-level cache_salt is '{}'; leave one out", path,
                            *salt, request_.cache_salt);
    }
    request_.cache_salt = *std::move(salt);
    return {};
  }

  ApiStatus read_annotations() {
    const Json* list = find_present(object_, "annotations");
    if (list == nullptr || list->as_array().empty()) return {};
    if (!request_.output.stream) {
      const std::string path = format("{}.annotations", name_);
      return make_api_error(ApiErrorCode::kInvalidValue, path,
                            "{} are events of a stream; set stream to true", path);
    }
    request_.annotations = {.request_id = names(object_, "annotations", "request_id"),
                            .formatted_prompt = names(object_, "annotations", "formatted_prompt"),
                            .token_ids = names(object_, "annotations", "token_ids")};
    return {};
  }

  std::optional<Pin> pin_of(std::string_view name) const {
    const auto id = integer_of(object_, name);
    if (!id) return std::nullopt;
    return Pin{format("{}.{}", name_, name), static_cast<std::uint64_t>(*id)};
  }

  ApiStatus read_pins() {
    PinWish& pins = request_.pins;
    pins.worker = pin_of("backend_instance_id");
    pins.rank = pin_of("dp_rank");
    const auto decode = pin_of("decode_worker_id");
    if (!decode) return {};
    if (pins.worker && pins.worker->id != decode->id) {
      return make_api_error(ApiErrorCode::kInvalidValue, decode->field,
                            "{} is {} and {} is {}; they name one worker, send one of them",
                            decode->field, decode->id, pins.worker->field, pins.worker->id);
    }
    pins.worker = decode;
    return {};
  }

  void read_hints(const Json::Object& hints) {
    if (const auto value = integer_of(hints, "priority")) {
      request_.hints.priority = static_cast<std::int32_t>(*value);
    }
    if (const auto value = integer_of(hints, "strict_priority")) {
      request_.hints.strict_priority = static_cast<std::uint32_t>(*value);
    }
  }

  const Json::Object& object_;
  std::string_view name_;
  GenerationRequest& request_;
};

}  // namespace

ApiResult<Extension> parse_extension(const Json::Object& body, GenerationRequest& request) {
  const Json* own = find_present(body, "penstock");
  const Json* other = find_present(body, "nvext");
  if (own == nullptr && other == nullptr) return Extension{};
  if (own != nullptr && other != nullptr) {
    return make_api_error(ApiErrorCode::kInvalidValue, "nvext",
                          "penstock and nvext are two names of one object; send one of them");
  }
  const Json& object = own != nullptr ? *own : *other;
  return ExtensionReader(object.as_object(), own != nullptr ? "penstock" : "nvext", request).read();
}

}  // namespace penstock::openai
