#include "chat_template/values/arithmetic.h"

#include <cmath>

#include "chat_template/values/markup.h"
#include "chat_template/values/percent_format.h"

namespace penstock::chat_template {
namespace {

std::string_view symbol(BinaryOp op) noexcept {
  switch (op) {
    case BinaryOp::kAdd:
      return "+";
    case BinaryOp::kSub:
      return "-";
    case BinaryOp::kMul:
      return "*";
    case BinaryOp::kDiv:
      return "/";
    case BinaryOp::kFloorDiv:
      return "//";
    case BinaryOp::kMod:
      return "%";
    case BinaryOp::kPow:
      return "**";
  }
  return "";
}

std::unexpected<Error> overflow(BinaryOp op) {
  return fail("the result of '{}' does not fit a 64-bit integer", symbol(op));
}

std::unexpected<Error> unsupported(BinaryOp op, const Value& a, const Value& b) {
  return fail("unsupported operand type(s) for {}: '{}' and '{}'", symbol(op), type_name(a),
              type_name(b));
}

Result<Value> int_pow(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) return fail("0.0 cannot be raised to a negative power");
    return Value::real(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  std::int64_t result = 1;
  while (true) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) {
      return overflow(BinaryOp::kPow);
    }
    exponent >>= 1;
    if (exponent == 0) return Value::integer(result);
    if (__builtin_mul_overflow(base, base, &base)) return overflow(BinaryOp::kPow);
  }
}

Result<Value> ints(BinaryOp op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  switch (op) {
    case BinaryOp::kAdd:
      if (__builtin_add_overflow(a, b, &result)) return overflow(op);
      return Value::integer(result);
    case BinaryOp::kSub:
      if (__builtin_sub_overflow(a, b, &result)) return overflow(op);
      return Value::integer(result);
    case BinaryOp::kMul:
      if (__builtin_mul_overflow(a, b, &result)) return overflow(op);
      return Value::integer(result);
    case BinaryOp::kPow:
      return int_pow(a, b);
    default:
      break;
  }
  if (b == 0) return fail("division by zero");
  if (op == BinaryOp::kDiv) {
    // The wide type holds both exactly.
    return Value::real(
        static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b)));
  }
  if (b == -1) {  // the one quotient that may overflow
    if (op == BinaryOp::kMod) return Value::integer(0);
    if (__builtin_sub_overflow(std::int64_t{0}, a, &result)) return overflow(op);
    return Value::integer(result);
  }
  const bool adjust = a % b != 0 && (a < 0) != (b < 0);
  if (op == BinaryOp::kMod) return Value::integer(a % b + (adjust ? b : 0));
  return Value::integer(a / b - (adjust ? 1 : 0));
}

Result<Value> float_pow(double a, double b) {
  if (a == 0 && b < 0) return fail("0.0 cannot be raised to a negative power");
  if (a < 0 && std::isfinite(a) && std::isfinite(b) && b != std::floor(b)) {
    return fail("a negative number to a fractional power is complex, which templates do not have");
  }
  const double result = std::pow(a, b);
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) {
    return fail("the result of '**' is too large for a float");
  }
  return Value::real(result);
}

Result<Value> floats(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::kAdd:
      return Value::real(a + b);
    case BinaryOp::kSub:
      return Value::real(a - b);
    case BinaryOp::kMul:
      return Value::real(a * b);
    case BinaryOp::kPow:
      return float_pow(a, b);
    default:
      break;
  }
  if (b == 0) return fail("float division by zero");
  if (op == BinaryOp::kDiv) return Value::real(a / b);
  return Value::real(op == BinaryOp::kMod ? floor_mod(a, b) : floor_div(a, b));
}

Result<Value> add_strings(Runtime& runtime, const Str& a, const Str& b) {
  RETURN_IF_ERROR(runtime.charge_bytes(std::uint64_t{a.size} + b.size));
  if (!a.is_markup && !b.is_markup) {
    ASSIGN_OR_RETURN(const Str* text, concat_str(runtime.heap(), a, b));
    return Value(text);
  }
  // Markup escapes what it meets.
  ASSIGN_OR_RETURN(const Str* left, escape_html(runtime, a));
  ASSIGN_OR_RETURN(const Str* right, escape_html(runtime, b));
  ASSIGN_OR_RETURN(const Str* text, concat_str(runtime.heap(), *left, *right));
  return Value(with_markup(runtime.heap(), *text, true));
}

Result<Value> add_lists(Runtime& runtime, const Value& a, const Value& b) {
  const std::uint64_t size = std::uint64_t{a.items().size} + b.items().size;
  if (!runtime.heap().fits(size * sizeof(Value))) return memory_exhausted(runtime.heap());
  RETURN_IF_ERROR(runtime.charge(size / 64));
  const std::span<Value> items = runtime.heap().make_array<Value>(size);
  const auto middle = std::ranges::copy(a.items().view(), items.begin()).out;
  std::ranges::copy(b.items().view(), middle);
  List* list = runtime.heap().make<List>();
  list->items = items.data();
  list->size = static_cast<std::uint32_t>(size);
  return a.is_list() ? Value::list(list) : Value::tuple(list);
}

Result<Value> repeat(Runtime& runtime, const Value& source, std::int64_t times) {
  if (times < 0) times = 0;
  Heap& heap = runtime.heap();
  const auto count = static_cast<std::uint64_t>(times);
  const std::uint64_t unit = source.is_str() ? source.str().size : source.items().size;
  if (unit > 0 && count > heap.max_bytes() / unit) return memory_exhausted(heap);
  const std::uint64_t bytes = unit * count * (source.is_str() ? 1 : sizeof(Value));
  if (!heap.fits(bytes)) return memory_exhausted(heap);
  RETURN_IF_ERROR(runtime.charge_bytes(bytes));
  if (source.is_str()) {
    TextBuilder out(heap);
    for (std::uint64_t i = 0; unit > 0 && i < count; ++i) out.append(source.str());
    ASSIGN_OR_RETURN(const Str* text, out.finish());
    return Value(with_markup(heap, *text, source.str().is_markup));
  }
  const std::span<Value> items = heap.make_array<Value>(unit * count);
  auto at = items.begin();
  for (std::uint64_t i = 0; unit > 0 && i < count; ++i) {
    at = std::ranges::copy(source.items().view(), at).out;
  }
  List* list = heap.make<List>();
  list->items = items.data();
  list->size = static_cast<std::uint32_t>(items.size());
  return source.is_list() ? Value::list(list) : Value::tuple(list);
}

bool is_repeatable(const Value& value) noexcept {
  return value.is_str() || value.is_sequence();
}

double as_double(const Value& value) noexcept {
  return value.is_float()              ? value.as_float()
         : value.is(Value::Type::kBig) ? static_cast<double>(value.as_big())
                                       : static_cast<double>(value.as_int());
}

}  // namespace

double floor_mod(double a, double b) noexcept {
  double mod = std::fmod(a, b);
  if (mod == 0) return std::copysign(0.0, b);
  if ((b < 0) != (mod < 0)) mod += b;
  return mod;
}

double floor_div(double a, double b) noexcept {
  const double mod = std::fmod(a, b);
  double quotient = (a - mod) / b;
  if (mod != 0 && (b < 0) != (mod < 0)) quotient -= 1.0;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1.0 : floored;
}

Result<Value> binary(Runtime& runtime, BinaryOp op, const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return ints(op, a.as_int(), b.as_int());
  if (a.is_number() && b.is_number()) {
    if (!a.is_float() && !b.is_float()) return overflow(op);  // one is above 64 bits
    return floats(op, as_double(a), as_double(b));
  }
  if (op == BinaryOp::kMod && a.is_str()) {
    return percent_format(runtime, a.str(), b);
  }
  if (a.is_undefined()) return fail_undefined(runtime, a);
  if (b.is_undefined()) return fail_undefined(runtime, b);
  if (op == BinaryOp::kAdd) {
    if (a.is_str() && b.is_str()) return add_strings(runtime, a.str(), b.str());
    if (a.is_sequence() && a.type() == b.type()) return add_lists(runtime, a, b);
    if (a.is_str()) {
      return fail("can only concatenate str (not \"{}\") to str", type_name(b));
    }
  }
  if (op == BinaryOp::kMul) {
    if (is_repeatable(a) && b.is_integral()) return repeat(runtime, a, b.as_int());
    if (is_repeatable(b) && a.is_integral()) return repeat(runtime, b, a.as_int());
  }
  return unsupported(op, a, b);
}

Result<Value> negate(Runtime& runtime, const Value& value) {
  if (value.is_integral()) return ints(BinaryOp::kSub, 0, value.as_int());
  if (value.is_float()) return Value::real(-value.as_float());
  if (value.is_undefined()) return fail_undefined(runtime, value);
  return fail("bad operand type for unary -: '{}'", type_name(value));
}

Result<Value> unary_plus(Runtime& runtime, const Value& value) {
  if (value.is_integral()) return Value::integer(value.as_int());
  if (value.is_number()) return value;
  if (value.is_undefined()) return fail_undefined(runtime, value);
  return fail("bad operand type for unary +: '{}'", type_name(value));
}

}  // namespace penstock::chat_template
