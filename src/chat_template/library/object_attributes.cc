#include "chat_template/library/object_attributes.h"

#include "chat_template/syntax/ast.h"
#include "chat_template/values/macro.h"

namespace penstock::chat_template {
namespace {

using Found = Result<std::optional<Value>>;

Found loop_attribute(Runtime& runtime, Loop& loop, std::string_view name) {
  if (name == "index") return Value::integer(loop.index0 + 1);
  if (name == "index0") return Value::integer(loop.index0);
  if (name == "first") return Value::boolean(loop.index0 == 0);
  if (name == "depth") return Value::integer(loop.depth0 + 1);
  if (name == "depth0") return Value::integer(loop.depth0);
  if (name == "last") {
    ASSIGN_OR_RETURN(const std::optional<Value> next, loop.peek(runtime));
    return Value::boolean(!next);
  }
  if (name == "nextitem") {
    ASSIGN_OR_RETURN(const std::optional<Value> next, loop.peek(runtime));
    if (next) return *next;
    return make_undefined_hint(runtime, "there is no next item");
  }
  if (name == "previtem") {
    if (loop.index0 > 0) return loop.before;
    return make_undefined_hint(runtime, "there is no previous item");
  }
  if (name == "length" || name == "revindex" || name == "revindex0") {
    ASSIGN_OR_RETURN(const std::int64_t length, loop.length(runtime));
    return Value::integer(name == "length"     ? length
                          : name == "revindex" ? length - loop.index0
                                               : length - loop.index0 - 1);
  }
  return std::nullopt;
}

Found macro_attribute(Runtime& runtime, const Macro& macro, std::string_view name) {
  if (name == "name") return macro.name == nullptr ? Value::none() : Value(macro.name);
  if (name == "caller") return Value::boolean(macro.node->uses_caller);
  if (name == "catch_kwargs") return Value::boolean(macro.node->uses_kwargs);
  if (name == "catch_varargs") return Value::boolean(macro.node->uses_varargs);
  if (name == "arguments") {
    std::vector<Value> names;
    for (const MacroParameter& parameter : macro.node->parameters) {
      names.emplace_back(parameter.name);
    }
    return new_tuple(runtime.heap(), names);
  }
  return std::nullopt;
}

Found number_attribute(const Value& number, std::string_view name) {
  if (name == "real") return number.is_bool() ? Value::integer(number.as_int()) : number;
  if (name == "imag") return number.is_float() ? Value::real(0.0) : Value::integer(0);
  if (number.is_float()) return std::nullopt;
  if (name == "numerator") return Value::integer(number.as_int());
  if (name == "denominator") return Value::integer(1);
  return std::nullopt;
}

}  // namespace

Result<std::optional<Value>> object_attribute(Runtime& runtime, const Value& object,
                                              std::string_view name) {
  switch (object.type()) {
    case Value::Type::kNamespace: {
      const Value* found = object.name_space().find(name);
      return found == nullptr ? std::nullopt : std::optional(*found);
    }
    case Value::Type::kLoop:
      return loop_attribute(runtime, object.loop(), name);
    case Value::Type::kMacro:
      return macro_attribute(runtime, object.macro(), name);
    case Value::Type::kTuple:
      if (!object.items().is_group) return std::nullopt;
      if (name == "grouper") return object.items().items[0];
      if (name == "list") return object.items().items[1];
      return std::nullopt;
    case Value::Type::kRange:
      if (name == "start") return Value::integer(object.range().start);
      if (name == "stop") return Value::integer(object.range().stop);
      if (name == "step") return Value::integer(object.range().step);
      return std::nullopt;
    case Value::Type::kCycler:
      if (name == "current") return object.cycler().items->items[object.cycler().at];
      if (name == "items") return Value::tuple(object.cycler().items);
      if (name == "pos") return Value::integer(object.cycler().at);
      return std::nullopt;
    case Value::Type::kJoiner:
      if (name == "sep") return object.joiner().separator;
      if (name == "used") return Value::boolean(object.joiner().used);
      return std::nullopt;
    case Value::Type::kBool:
    case Value::Type::kInt:
    case Value::Type::kFloat:
      return number_attribute(object, name);
    default:
      return std::nullopt;
  }
}

}  // namespace penstock::chat_template
