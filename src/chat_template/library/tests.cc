// What may follow `is`.
#include <algorithm>

#include "chat_template/library/arguments.h"
#include "chat_template/library/methods.h"
#include "chat_template/library/registry.h"
#include "chat_template/values/arithmetic.h"
#include "chat_template/values/compare.h"
#include "chat_template/values/convert.h"
#include "chat_template/values/iterate.h"

namespace penstock::chat_template {
namespace {

template <bool (*predicate)(const Value&)>
Result<Value> type_test(Runtime&, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("test", args));
  return Value::boolean(predicate(self));
}

bool is_defined(const Value& value) {
  return !value.is_undefined();
}
bool is_undefined(const Value& value) {
  return value.is_undefined();
}
bool is_none(const Value& value) {
  return value.is_none();
}
bool is_boolean(const Value& value) {
  return value.is_bool();
}
bool is_true(const Value& value) {
  return value.is_bool() && value.as_bool();
}
bool is_false(const Value& value) {
  return value.is_bool() && !value.as_bool();
}
bool is_integer(const Value& value) {
  return value.is_int() || value.is(Value::Type::kBig);
}
bool is_float(const Value& value) {
  return value.is_float();
}
bool is_number(const Value& value) {
  return value.is_number();
}
bool is_string(const Value& value) {
  return value.is_str();
}
bool is_mapping(const Value& value) {
  return value.is_dict();
}
bool is_sequence(const Value& value) {
  return value.is_str() || value.is_sequence() || value.is_dict() ||
         value.is(Value::Type::kRange) || value.is_undefined();
}
bool is_iterable_test(const Value& value) {
  return is_iterable(value) || value.is(Value::Type::kLoop);
}
bool is_callable(const Value& value) {
  return value.is_callable();
}
bool is_escaped(const Value& value) {
  return value.is_str() && value.str().is_markup;
}

Result<bool> has_remainder(Runtime& runtime, const Value& value, const Value& divisor,
                           std::int64_t remainder) {
  ASSIGN_OR_RETURN(const Value rest, binary(runtime, BinaryOp::kMod, value, divisor));
  return equals(runtime, rest, Value::integer(remainder));
}

template <int remainder>
Result<Value> parity(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("odd", args));
  ASSIGN_OR_RETURN(const bool holds, has_remainder(runtime, self, Value::integer(2), remainder));
  return Value::boolean(holds);
}

Result<Value> divisible_by(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<1>("divisibleby", args, {"num"}, 1));
  ASSIGN_OR_RETURN(const bool holds, has_remainder(runtime, self, bound[0], 0));
  return Value::boolean(holds);
}

template <bool wanted>
Result<Value> equal(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind_positional<1>("eq", args, 1));
  ASSIGN_OR_RETURN(const bool same, equals(runtime, self, bound[0]));
  return Value::boolean(same == wanted);
}

template <Order order>
Result<Value> ordered(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind_positional<1>("lt", args, 1));
  ASSIGN_OR_RETURN(const bool holds, in_order(runtime, order, self, bound[0]));
  return Value::boolean(holds);
}

Result<Value> in(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<1>("in", args, {"seq"}, 1));
  ASSIGN_OR_RETURN(const bool found, contains(runtime, bound[0], self));
  return Value::boolean(found);
}

// Identity; numbers, whose identity Python leaves open, are the same when they are equal.
Result<Value> same_as(Runtime&, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<1>("sameas", args, {"other"}, 1));
  if (self.is_undefined() || self.is_none()) return Value::boolean(self.type() == bound[0].type());
  return Value::boolean(self.same_as(bound[0]));
}

template <bool upper>
Result<Value> case_test(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("lower", args));
  ASSIGN_OR_RETURN(const Str* text, to_str(runtime, self));
  return find_str_method(upper ? "isupper" : "islower")->call(runtime, Value(text), {});
}

template <const NativeDef* (*find)(std::string_view) noexcept>
Result<Value> exists(Runtime&, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("filter", args));
  return Value::boolean(self.is_str() && find(self.str().view()) != nullptr);
}

constexpr NativeDef kTests[] = {
    {"!=", equal<false>},
    {"<", ordered<Order::kLess>},
    {"<=", ordered<Order::kLessEqual>},
    {"==", equal<true>},
    {">", ordered<Order::kGreater>},
    {">=", ordered<Order::kGreaterEqual>},
    {"boolean", type_test<is_boolean>},
    {"callable", type_test<is_callable>},
    {"defined", type_test<is_defined>},
    {"divisibleby", divisible_by},
    {"eq", equal<true>},
    {"equalto", equal<true>},
    {"escaped", type_test<is_escaped>},
    {"even", parity<0>},
    {"false", type_test<is_false>},
    {"filter", exists<find_filter>},
    {"float", type_test<is_float>},
    {"ge", ordered<Order::kGreaterEqual>},
    {"greaterthan", ordered<Order::kGreater>},
    {"gt", ordered<Order::kGreater>},
    {"in", in},
    {"integer", type_test<is_integer>},
    {"iterable", type_test<is_iterable_test>},
    {"le", ordered<Order::kLessEqual>},
    {"lessthan", ordered<Order::kLess>},
    {"lower", case_test<false>},
    {"lt", ordered<Order::kLess>},
    {"mapping", type_test<is_mapping>},
    {"ne", equal<false>},
    {"none", type_test<is_none>},
    {"number", type_test<is_number>},
    {"odd", parity<1>},
    {"sameas", same_as},
    {"sequence", type_test<is_sequence>},
    {"string", type_test<is_string>},
    {"test", exists<find_test>},
    {"true", type_test<is_true>},
    {"undefined", type_test<is_undefined>},
    {"upper", case_test<true>},
};

}  // namespace

const NativeDef* find_test(std::string_view name) noexcept {
  const auto at = std::ranges::find(kTests, name, &NativeDef::name);
  return at == std::end(kTests) ? nullptr : &*at;
}

}  // namespace penstock::chat_template
