// Comparison and membership, as Python's operators do them. Threading: of the runtime.
#pragma once

#include <compare>

#include "base/result.h"
#include "chat_template/values/runtime.h"
#include "chat_template/values/value.h"

namespace penstock::chat_template {

// Exact, also between integers and floats; both must be numbers.
[[nodiscard]] std::partial_ordering compare_numbers(const Value& a, const Value& b) noexcept;

[[nodiscard]] Result<bool> equals(Runtime& runtime, const Value& a, const Value& b);

enum class Order : std::uint8_t { kLess, kLessEqual, kGreater, kGreaterEqual };
// Types that have no order are an error.
[[nodiscard]] Result<bool> in_order(Runtime& runtime, Order order, const Value& a, const Value& b);

// `item in container`. An iterator is consumed up to the item.
[[nodiscard]] Result<bool> contains(Runtime& runtime, const Value& container, const Value& item);

}  // namespace penstock::chat_template
