#include "chat_template/values/compare.h"

#include <algorithm>
#include <cmath>

#include "chat_template/values/dict.h"
#include "chat_template/values/iterate.h"
#include "chat_template/values/search.h"

namespace penstock::chat_template {
namespace {

// The integer as 128 bits, so that i64 and u64 compare alike.
__extension__ using Wide = __int128;

Wide wide(const Value& value) noexcept {
  return value.is(Value::Type::kBig) ? Wide{value.as_big()} : Wide{value.as_int()};
}

std::partial_ordering compare_int_float(Wide a, double b) noexcept {
  if (std::isnan(b)) return std::partial_ordering::unordered;
  if (b >= 0x1p65) return std::partial_ordering::less;
  if (b <= -0x1p65) return std::partial_ordering::greater;
  const double whole = std::trunc(b);
  const auto b_int = static_cast<Wide>(whole);
  if (a != b_int) {
    return a < b_int ? std::partial_ordering::less : std::partial_ordering::greater;
  }
  return whole == b  ? std::partial_ordering::equivalent
         : whole < b ? std::partial_ordering::less
                     : std::partial_ordering::greater;
}

bool satisfies(Order order, std::partial_ordering result) noexcept {
  switch (order) {
    case Order::kLess:
      return result < 0;
    case Order::kLessEqual:
      return result <= 0;
    case Order::kGreater:
      return result > 0;
    case Order::kGreaterEqual:
      return result >= 0;
  }
  return false;
}

std::string_view symbol(Order order) noexcept {
  switch (order) {
    case Order::kLess:
      return "<";
    case Order::kLessEqual:
      return "<=";
    case Order::kGreater:
      return ">";
    case Order::kGreaterEqual:
      return ">=";
  }
  return "";
}

Result<bool> lists_equal(Runtime& runtime, std::span<const Value> a, std::span<const Value> b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSIGN_OR_RETURN(const bool equal, equals(runtime, a[i], b[i]));
    if (!equal) return false;
  }
  return true;
}

Result<bool> dicts_equal(Runtime& runtime, const Dict& a, const Dict& b) {
  if (a.size != b.size) return false;
  for (const Entry& entry : a.view()) {
    const Value* other = find_key(b, entry.key);
    if (other == nullptr) return false;
    ASSIGN_OR_RETURN(const bool equal, equals(runtime, entry.value, *other));
    if (!equal) return false;
  }
  return true;
}

Result<bool> lists_in_order(Runtime& runtime, Order order, std::span<const Value> a,
                            std::span<const Value> b) {
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    ASSIGN_OR_RETURN(const bool equal, equals(runtime, a[i], b[i]));
    if (!equal) return in_order(runtime, order, a[i], b[i]);
  }
  return satisfies(order, a.size() <=> b.size());
}

bool ranges_equal(const Range& a, const Range& b) noexcept {
  if (a.size != b.size) return false;
  return a.size == 0 || (a.start == b.start && (a.size == 1 || a.step == b.step));
}

Result<bool> range_contains(Runtime& runtime, const Range& range, const Value& item) {
  if (!item.is_number()) return false;
  for (std::int64_t i = 0; i < range.size; ++i) {
    RETURN_IF_ERROR(runtime.charge(i % 64 == 0 ? 1 : 0));
    if (compare_numbers(Value::integer(range.at(i)), item) == 0) return true;
  }
  return false;
}

Result<bool> any_equal(Runtime& runtime, const Value& container, const Value& item) {
  ASSIGN_OR_RETURN(Cursor cursor, Cursor::over(runtime, container));
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<Value> candidate, cursor.next(runtime));
    if (!candidate) return false;
    ASSIGN_OR_RETURN(const bool equal, equals(runtime, item, *candidate));
    if (equal) return true;
  }
}

}  // namespace

std::partial_ordering compare_numbers(const Value& a, const Value& b) noexcept {
  if (a.is_float() && b.is_float()) return a.as_float() <=> b.as_float();
  if (a.is_float()) return 0 <=> compare_int_float(wide(b), a.as_float());
  if (b.is_float()) return compare_int_float(wide(a), b.as_float());
  return wide(a) <=> wide(b);
}

Result<bool> equals(Runtime& runtime, const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return compare_numbers(a, b) == 0;
  if (a.type() != b.type()) return false;
  if (a.is_str()) {
    if (a.str().size != b.str().size) return false;
    RETURN_IF_ERROR(runtime.charge_bytes(a.str().size));
    return a.str().view() == b.str().view();
  }
  if (a.same_as(b) || a.is_undefined()) return true;
  const DepthGuard guard(runtime);
  RETURN_IF_ERROR(guard.status());
  RETURN_IF_ERROR(runtime.charge(1));
  switch (a.type()) {
    case Value::Type::kList:
    case Value::Type::kTuple:
      return lists_equal(runtime, a.items().view(), b.items().view());
    case Value::Type::kDict:
    case Value::Type::kItems:
      return dicts_equal(runtime, a.dict(), b.dict());
    case Value::Type::kKeys:
      return a.dict().size == b.dict().size &&
             std::ranges::all_of(a.dict().view(), [&b](const Entry& entry) {
               return find_key(b.dict(), entry.key) != nullptr;
             });
    case Value::Type::kRange:
      return ranges_equal(a.range(), b.range());
    default:
      return false;
  }
}

Result<bool> in_order(Runtime& runtime, Order order, const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return satisfies(order, compare_numbers(a, b));
  if (a.is_undefined()) return fail_undefined(runtime, a);
  if (b.is_undefined()) return fail_undefined(runtime, b);
  if (a.is_str() && b.is_str()) {
    RETURN_IF_ERROR(runtime.charge_bytes(std::min(a.str().size, b.str().size)));
    return satisfies(order, a.str().view() <=> b.str().view());
  }
  if (a.is_sequence() && a.type() == b.type()) {
    const DepthGuard guard(runtime);
    RETURN_IF_ERROR(guard.status());
    RETURN_IF_ERROR(runtime.charge(1));
    return lists_in_order(runtime, order, a.items().view(), b.items().view());
  }
  return fail("'{}' not supported between instances of '{}' and '{}'", symbol(order), type_name(a),
              type_name(b));
}

Result<bool> contains(Runtime& runtime, const Value& container, const Value& item) {
  switch (container.type()) {
    case Value::Type::kStr:
      if (!item.is_str()) {
        return fail("'in <string>' requires string as left operand, not {}", type_name(item));
      }
      RETURN_IF_ERROR(runtime.charge_bytes(container.str().size));
      return find_bytes(container.str().view(), item.str().view(), 0) != kNotFound;
    case Value::Type::kDict:
    case Value::Type::kKeys:
      RETURN_IF_ERROR(check_hashable(runtime, item));
      return find_key(container.dict(), item) != nullptr;
    case Value::Type::kRange:
      return range_contains(runtime, container.range(), item);
    default:
      return any_equal(runtime, container, item);
  }
}

}  // namespace penstock::chat_template
