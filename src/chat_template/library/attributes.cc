#include "chat_template/library/attributes.h"

#include <algorithm>

#include "chat_template/library/methods.h"
#include "chat_template/library/object_attributes.h"
#include "chat_template/values/dict.h"

namespace penstock::chat_template {
namespace {

// Double-underscore attributes that every Python object has.
constexpr std::string_view kObjectAttributes[] = {
    "__class__",   "__delattr__", "__dir__",           "__doc__",          "__eq__",
    "__format__",  "__ge__",      "__getattribute__",  "__getstate__",     "__gt__",
    "__hash__",    "__init__",    "__init_subclass__", "__le__",           "__lt__",
    "__ne__",      "__new__",     "__reduce__",        "__reduce_ex__",    "__repr__",
    "__setattr__", "__sizeof__",  "__str__",           "__subclasshook__",
};
constexpr std::string_view kContainerAttributes[] = {"__contains__", "__getitem__", "__iter__",
                                                     "__len__"};

bool is_object_attribute(const Value& object, std::string_view name) noexcept {
  if (!name.starts_with("__")) return false;
  if (std::ranges::find(kObjectAttributes, name) != std::end(kObjectAttributes)) return true;
  const bool container = object.is_dict() || object.is_sequence() || object.is_str();
  return container &&
         std::ranges::find(kContainerAttributes, name) != std::end(kContainerAttributes);
}

Value unsafe(Runtime& runtime, const Value& object, std::string_view name) {
  return make_undefined_hint(
      runtime, runtime.heap().copy(format("access to attribute '{}' of '{}' object is unsafe.",
                                          name, type_name(object))));
}

bool is_mutating(const Value& object, std::string_view name) noexcept {
  return (object.is_list() && is_mutating_list_method(name)) ||
         (object.is_dict() && is_mutating_dict_method(name));
}

// The element itself, or nothing where Python raises TypeError or LookupError.
Result<std::optional<Value>> find_element(Runtime& runtime, const Value& object, const Value& key) {
  if (object.is_dict()) {
    if (const Status hashable = check_hashable(runtime, key); !hashable) {
      if (hashable.error().code() != ErrorCode::kInvalid) {
        return std::unexpected(hashable.error());
      }
      return std::nullopt;
    }
    const Value* found = find_key(object.dict(), key);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }
  if (!key.is_integral()) return std::nullopt;
  std::int64_t index = key.as_int();
  if (object.is_sequence()) {
    const std::int64_t size = object.items().size;
    if (index < 0) index += size;
    if (index < 0 || index >= size) return std::nullopt;
    return object.items().items[index];
  }
  if (object.is(Value::Type::kRange)) {
    if (index < 0) index += object.range().size;
    if (index < 0 || index >= object.range().size) return std::nullopt;
    return Value::integer(object.range().at(index));
  }
  if (!object.is_str()) return std::nullopt;
  const Str& text = object.str();
  RETURN_IF_ERROR(runtime.charge_bytes(text.size));
  const std::int64_t length = text.length();
  if (index < 0) index += length;
  if (index < 0 || index >= length) return std::nullopt;
  const std::uint32_t begin = text.offset_of(static_cast<std::uint64_t>(index));
  const Str* rest = slice_str(runtime.heap(), text, begin, text.size);
  return Value(slice_str(runtime.heap(), text, begin, begin + rest->offset_of(1)));
}

}  // namespace

const NativeDef* find_method(const Value& object, std::string_view name) noexcept {
  switch (object.type()) {
    case Value::Type::kStr:
      return find_str_method(name);
    case Value::Type::kDict:
      return find_dict_method(name);
    case Value::Type::kList:
      return find_list_method(name);
    case Value::Type::kTuple:
      return name == "copy" ? nullptr : find_list_method(name);
    case Value::Type::kRange:
      return find_range_method(name);
    case Value::Type::kLoop:
      return find_loop_method(name);
    case Value::Type::kCycler:
      return find_cycler_method(name);
    default:
      return nullptr;
  }
}

Result<std::optional<Value>> find_attribute(Runtime& runtime, const Value& object,
                                            const Str& name_text) {
  const std::string_view name = name_text.view();
  if (object.is_undefined()) return fail_undefined(runtime, object);
  if (const NativeDef* method = find_method(object, name)) {
    return Value(static_cast<const Bound*>(runtime.heap().make<Bound>(method, object)));
  }
  if (is_mutating(object, name) || is_object_attribute(object, name)) {
    return unsafe(runtime, object, name);
  }
  ASSIGN_OR_RETURN(const std::optional<Value> found, object_attribute(runtime, object, name));
  if (found && name.starts_with('_')) return unsafe(runtime, object, name);
  return found;
}

Result<Value> get_attribute(Runtime& runtime, const Value& object, const Str& name) {
  ASSIGN_OR_RETURN(const std::optional<Value> attribute, find_attribute(runtime, object, name));
  if (attribute) return *attribute;
  if (object.is_dict()) {
    if (const Value* found = find_key(object.dict(), name.view())) return *found;
  }
  return make_undefined(runtime, object, Value(&name));
}

Result<Value> get_item(Runtime& runtime, const Value& object, const Value& key) {
  if (object.is_undefined()) return fail_undefined(runtime, object);
  ASSIGN_OR_RETURN(const std::optional<Value> element, find_element(runtime, object, key));
  if (element) return *element;
  if (key.is_str()) {
    ASSIGN_OR_RETURN(const std::optional<Value> attribute,
                     find_attribute(runtime, object, key.str()));
    if (attribute) return *attribute;
  }
  return make_undefined(runtime, object, key);
}

}  // namespace penstock::chat_template
