// Filters over numbers: abs, int, float, round, sum, filesizeformat.
#include <charconv>
#include <cmath>

#include "chat_template/library/arguments.h"
#include "chat_template/library/attribute_path.h"
#include "chat_template/library/parse_number.h"
#include "chat_template/library/registry.h"
#include "chat_template/values/arithmetic.h"
#include "chat_template/values/convert.h"
#include "chat_template/values/iterate.h"
#include "chat_template/values/number_format.h"

namespace penstock::chat_template {
namespace {

Result<Value> abs_filter(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("abs", args));
  if (self.is_float()) return Value::real(std::fabs(self.as_float()));
  if (self.is_integral()) {
    return self.as_int() < 0 ? negate(runtime, self) : Value::integer(self.as_int());
  }
  if (self.is_number()) return self;
  return fail("bad operand type for abs(): '{}'", type_name(self));
}

// int(value): truncation; nothing where Python raises ValueError or TypeError.
Result<std::optional<Value>> to_int(Runtime& runtime, const Value& value, std::int64_t base) {
  if (value.is_str()) return parse_int(value.str().view(), base);
  if (value.is_integral()) return Value::integer(value.as_int());
  if (value.is(Value::Type::kBig)) return value;
  if (value.is_undefined()) return fail_undefined(runtime, value);
  if (!value.is_float() || std::isnan(value.as_float())) return std::nullopt;
  if (std::isinf(value.as_float())) return fail("cannot convert float infinity to integer");
  if (!(std::fabs(value.as_float()) < 0x1p63)) {
    return fail("{} does not fit a 64-bit integer", float_text(value.as_float()));
  }
  return Value::integer(static_cast<std::int64_t>(value.as_float()));
}

Result<Value> int_filter(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<2>("int", args, {"default", "base"}));
  ASSIGN_OR_RETURN(const std::int64_t base, int_or(runtime, bound[1], 10));
  const Value fallback = bound[0].is_missing() ? Value::integer(0) : bound[0];
  ASSIGN_OR_RETURN(const std::optional<Value> direct, to_int(runtime, self, base));
  if (direct) return *direct;
  // "42.9" is not an integer's text, but a float's.
  if (!self.is_str()) return fallback;
  const std::optional<double> number = parse_float(self.str().view());
  if (!number || !std::isfinite(*number)) return fallback;
  ASSIGN_OR_RETURN(const std::optional<Value> rounded, to_int(runtime, Value::real(*number), 10));
  return rounded.value_or(fallback);
}

Result<Value> float_filter(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<1>("float", args, {"default"}));
  if (self.is_float()) return self;
  if (self.is_integral()) return Value::real(static_cast<double>(self.as_int()));
  if (self.is(Value::Type::kBig)) return Value::real(static_cast<double>(self.as_big()));
  if (self.is_undefined()) return fail_undefined(runtime, self);
  if (self.is_str()) {
    if (const std::optional<double> number = parse_float(self.str().view())) {
      return Value::real(*number);
    }
  }
  return bound[0].is_missing() ? Value::real(0.0) : bound[0];
}

// round(): to the nearest, ties to even, exactly on the decimal text of the number.
double round_to(double value, std::int64_t precision) {
  if (!std::isfinite(value)) return value;
  if (precision > 322) return value;
  if (precision < -308) return std::copysign(0.0, value);
  if (precision >= 0) {
    const std::string text =
        float_digits(std::fabs(value), {.notation = 'f', .precision = static_cast<int>(precision)});
    double rounded = 0;
    std::from_chars(text.data(), text.data() + text.size(), rounded);
    return std::copysign(rounded, value);
  }
  const double unit = std::pow(10.0, static_cast<double>(-precision));
  return std::nearbyint(value / unit) * unit;
}

Result<Value> round_int(std::int64_t value, std::int64_t precision) {
  if (precision >= 0) return Value::integer(value);
  if (precision < -18) return Value::integer(0);
  std::int64_t unit = 1;
  for (std::int64_t i = 0; i < -precision; ++i) unit *= 10;
  std::int64_t rest = value % unit;
  if (rest < 0) rest += unit;
  std::int64_t rounded = 0;
  if (__builtin_sub_overflow(value, rest, &rounded)) return fail("round: the result overflows");
  const bool odd = (rounded / unit) % 2 != 0;
  const bool up = rest > unit / 2 || (rest == unit / 2 && odd);
  if (up && __builtin_add_overflow(rounded, unit, &rounded)) {
    return fail("round: the result overflows");
  }
  return Value::integer(rounded);
}

Result<Value> round_filter(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<2>("round", args, {"precision", "method"}));
  ASSIGN_OR_RETURN(const std::int64_t precision, int_or(runtime, bound[0], 0));
  std::string_view method = "common";
  if (bound[1].is_str()) method = bound[1].str().view();
  if ((!bound[1].is_missing() && !bound[1].is_str()) ||
      (method != "common" && method != "ceil" && method != "floor")) {
    return fail("method must be common, ceil or floor");
  }
  if (!self.is_integral() && !self.is_float()) {
    if (self.is_undefined()) return fail_undefined(runtime, self);
    return fail("type {} doesn't define __round__ method", type_name(self));
  }
  if (method == "common") {
    if (!self.is_float()) return round_int(self.as_int(), precision);
    return Value::real(round_to(self.as_float(), precision));
  }
  ASSIGN_OR_RETURN(const Value unit,
                   binary(runtime, BinaryOp::kPow, Value::integer(10), Value::integer(precision)));
  ASSIGN_OR_RETURN(const Value scaled, binary(runtime, BinaryOp::kMul, self, unit));
  Value whole = scaled;
  if (scaled.is_float()) {
    const double number =
        method == "ceil" ? std::ceil(scaled.as_float()) : std::floor(scaled.as_float());
    if (!(std::fabs(number) < 0x1p63)) return fail("round: the result overflows");
    whole = Value::integer(static_cast<std::int64_t>(number));
  }
  return binary(runtime, BinaryOp::kDiv, whole, unit);
}

Result<Value> sum(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<2>("sum", args, {"attribute", "start"}));
  ASSIGN_OR_RETURN(const AttributePath path, AttributePath::parse(runtime, bound[0]));
  Value total = bound[1].is_missing() ? Value::integer(0) : bound[1];
  if (total.is_str()) return fail("sum() can't sum strings [use ''.join(seq) instead]");
  ASSIGN_OR_RETURN(Cursor cursor, Cursor::over(runtime, self));
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<Value> item, cursor.next(runtime));
    if (!item) return total;
    ASSIGN_OR_RETURN(const Value value, path.get(runtime, *item));
    ASSIGN_OR_RETURN(total, binary(runtime, BinaryOp::kAdd, total, value));
  }
}

Result<Value> filesizeformat(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<1>("filesizeformat", args, {"binary"}));
  ASSIGN_OR_RETURN(const Value size, float_filter(runtime, self, {}));
  const bool binary_units = !bound[0].is_missing() && truthy(bound[0]);
  if (self.is_str() && !parse_float(self.str().view())) {
    return fail("could not convert string to float: '{}'", self.str().view());
  }
  if (!self.is_str() && !self.is_number()) {
    return fail("float() argument must be a string or a number, not '{}'", type_name(self));
  }
  const double bytes = size.as_float();
  const double base = binary_units ? 1024 : 1000;
  if (bytes == 1) return make_data(runtime.heap(), "1 Byte");
  if (std::isnan(bytes) || (bytes < base && std::isinf(bytes))) return fail("not a size");
  if (bytes < base) return make_data(runtime.heap(), format("{:.0f} Bytes", std::trunc(bytes)));
  double unit = base;
  std::string_view prefix;
  for (const char& letter : std::string_view(binary_units ? "KMGTPEZY" : "kMGTPEZY")) {
    prefix = {&letter, 1};
    unit *= base;
    if (bytes < unit) break;
  }
  const std::string number = float_digits(base * bytes / unit, {.notation = 'f', .precision = 1});
  return make_data(runtime.heap(), format("{} {}{}", number, prefix, binary_units ? "iB" : "B"));
}

constexpr NativeDef kFilters[] = {
    {"abs", abs_filter},     {"filesizeformat", filesizeformat},
    {"float", float_filter}, {"int", int_filter},
    {"round", round_filter}, {"sum", sum},
};

}  // namespace

const std::span<const NativeDef> internal::kNumberFilters = kFilters;

}  // namespace penstock::chat_template
