// The arithmetic operators, as Python does them on every type they take.
//
// Division and modulo round towards minus infinity. Integers are exact; a result outside 64 bits is
// an error that says so (Python would go on with a longer integer). Threading: of the runtime.
#pragma once

#include "base/result.h"
#include "chat_template/values/runtime.h"
#include "chat_template/values/value.h"

namespace penstock::chat_template {

enum class BinaryOp : std::uint8_t { kAdd, kSub, kMul, kDiv, kFloorDiv, kMod, kPow };

[[nodiscard]] Result<Value> binary(Runtime& runtime, BinaryOp op, const Value& a, const Value& b);
[[nodiscard]] Result<Value> negate(Runtime& runtime, const Value& value);
[[nodiscard]] Result<Value> unary_plus(Runtime& runtime, const Value& value);

// Python's float // and %.
[[nodiscard]] double floor_div(double a, double b) noexcept;
[[nodiscard]] double floor_mod(double a, double b) noexcept;

}  // namespace penstock::chat_template
