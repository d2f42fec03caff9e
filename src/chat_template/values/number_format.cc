#include "chat_template/values/number_format.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace penstock::chat_template {

std::string digits_in_base(std::uint64_t magnitude, unsigned base) {
  std::string out;
  do {
    out.push_back("0123456789abcdef"[magnitude % base]);
    magnitude /= base;
  } while (magnitude != 0);
  std::ranges::reverse(out);
  return out;
}

std::string float_digits(double magnitude, const FloatStyle& style) {
  const bool capitals = style.notation >= 'A' && style.notation <= 'Z';
  if (std::isnan(magnitude)) return capitals ? "NAN" : "nan";
  if (std::isinf(magnitude)) return capitals ? "INF" : "inf";
  const std::string pattern = std::string(style.alternate ? "%#.*" : "%.*") + style.notation;
  const int size = std::snprintf(nullptr, 0, pattern.c_str(), style.precision, magnitude);
  std::string out(static_cast<std::size_t>(std::max(size, 0)) + 1, '\0');
  std::snprintf(out.data(), out.size(), pattern.c_str(), style.precision, magnitude);
  out.pop_back();
  return out;
}

std::string group_digits(std::string_view digits, char separator, std::size_t every) {
  const std::size_t whole =
      every == 3 ? std::min(digits.find_first_of(".eE"), digits.size()) : digits.size();
  std::string out;
  for (std::size_t i = 0; i < whole; ++i) {
    if (i > 0 && (whole - i) % every == 0) out.push_back(separator);
    out.push_back(digits[i]);
  }
  out.append(digits.substr(whole));
  return out;
}

}  // namespace penstock::chat_template
