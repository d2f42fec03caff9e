// Numbers as text in the notations of % and format(): d, x, e, f, g and their kin.
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::chat_template {

// Digits of a magnitude in base 2, 8, 10 or 16 (lower case).
[[nodiscard]] std::string digits_in_base(std::uint64_t magnitude, unsigned base);
[[nodiscard]] inline std::uint64_t magnitude(std::int64_t value) noexcept {
  return value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
}

struct FloatStyle {
  char notation = 'f';  // e E f F g G
  int precision = 6;
  bool alternate = false;  // keep the point and, in g, the trailing zeros
};
// Of a magnitude (no sign); inf and nan as words, in capitals for E F G.
[[nodiscard]] std::string float_digits(double magnitude, const FloatStyle& style);

// Groups the digits before the point or exponent by three (by four for bases 2 and 16).
[[nodiscard]] std::string group_digits(std::string_view digits, char separator, std::size_t every);

}  // namespace penstock::chat_template
