#include "chat_template/values/from_json.h"

#include <limits>

#include "chat_template/values/dict.h"

namespace penstock::chat_template {
namespace {

Result<Value> borrow(Runtime& runtime, const std::string& text, Origin origin) {
  if (text.size() > std::numeric_limits<std::uint32_t>::max()) {
    return make_error(ErrorCode::kResourceExhausted,
                      "a string of {} bytes is too long for the chat template", text.size());
  }
  return Value(borrow_str(runtime.heap(), text, origin));
}

Result<Value> from_array(Runtime& runtime, const text::Json::Array& array, Origin origin) {
  std::vector<Value> items;
  items.reserve(array.size());
  for (const text::Json& item : array) {
    ASSIGN_OR_RETURN(const Value value, from_json(runtime, item, origin));
    items.push_back(value);
  }
  return new_list(runtime.heap(), items);
}

Result<Value> from_object(Runtime& runtime, const text::Json::Object& object, Origin origin) {
  DictBuilder builder(runtime);
  builder.reserve(object.size());
  for (const auto& [name, member] : object) {
    ASSIGN_OR_RETURN(const Value key, borrow(runtime, name, origin));
    ASSIGN_OR_RETURN(const Value value, from_json(runtime, member, origin));
    builder.add(key, value);
  }
  return builder.finish();
}

}  // namespace

Result<Value> from_json(Runtime& runtime, const text::Json& json, Origin origin) {
  const DepthGuard guard(runtime);
  RETURN_IF_ERROR(guard.status());
  if (json.is_string()) return borrow(runtime, json.as_string(), origin);
  if (json.is_array()) return from_array(runtime, json.as_array(), origin);
  if (json.is_object()) return from_object(runtime, json.as_object(), origin);
  if (json.is_bool()) return Value::boolean(json.as_bool());
  if (json.is_int()) return Value::integer(json.as_int());
  if (json.is_uint64()) return Value::big(json.as_uint64());
  if (json.is_double()) return Value::real(json.as_double());
  return Value::none();
}

}  // namespace penstock::chat_template
