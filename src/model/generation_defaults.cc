#include "model/generation_defaults.h"

#include <limits>
#include <string_view>

#include "text/json.h"

namespace penstock::model {
namespace {

using text::Json;

const Json* present(const Json& object, std::string_view name) {
  const Json* value = object.find(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

// A number above `least` (or equal to it, when `closed`) and at most `most`.
struct Range {
  double least = 0;
  bool closed = true;
  double most = 0;
};

Result<std::optional<double>> read_real(const Json& json, std::string_view name, Range range) {
  const Json* value = present(json, name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) {
    return make_error(ErrorCode::kInvalid, "'{}' is of type {}; it must be a number", name,
                      value->type_name());
  }
  const double number = value->as_double();
  const bool enough = range.closed ? number >= range.least : number > range.least;
  if (!enough || !(number <= range.most)) {
    return make_error(ErrorCode::kInvalid, "'{}' is {}; it must be {} {} and at most {}", name,
                      number, range.closed ? "at least" : "above", range.least, range.most);
  }
  return number;
}

Result<std::uint32_t> read_token_id(const Json& value) {
  if (!value.is_int() || value.as_int() < 0 ||
      value.as_int() > std::numeric_limits<std::uint32_t>::max()) {
    return make_error(ErrorCode::kInvalid, "'eos_token_id' holds something other than token ids");
  }
  return static_cast<std::uint32_t>(value.as_int());
}

}  // namespace

Result<GenerationDefaults> parse_generation_defaults(const Json& json) {
  if (!json.is_object()) {
    return make_error(ErrorCode::kInvalid, "it is of type {}; it must be an object",
                      json.type_name());
  }
  GenerationDefaults defaults;
  ASSIGN_OR_RETURN(defaults.temperature, read_real(json, "temperature", {.most = 100}));
  ASSIGN_OR_RETURN(defaults.top_p, read_real(json, "top_p", {.closed = false, .most = 1}));
  ASSIGN_OR_RETURN(defaults.repetition_penalty,
                   read_real(json, "repetition_penalty", {.closed = false, .most = 100}));
  if (const Json* top_k = present(json, "top_k"); top_k != nullptr) {
    if (!top_k->is_int() || top_k->as_int() < -1) {
      return make_error(ErrorCode::kInvalid,
                        "'top_k' must be an integer of at least 0, or -1 for no limit");
    }
    defaults.top_k = top_k->as_int();
  }
  const Json* eos = present(json, "eos_token_id");
  if (eos == nullptr) return defaults;
  if (!eos->is_array()) {
    ASSIGN_OR_RETURN(const std::uint32_t id, read_token_id(*eos));
    defaults.eos_token_ids = {id};
    return defaults;
  }
  for (const Json& value : eos->as_array()) {
    ASSIGN_OR_RETURN(const std::uint32_t id, read_token_id(value));
    defaults.eos_token_ids.push_back(id);
  }
  return defaults;
}

}  // namespace penstock::model
