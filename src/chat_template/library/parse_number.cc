#include "chat_template/library/parse_number.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include "chat_template/values/runtime.h"
#include "chat_template/values/unicode.h"

namespace penstock::chat_template {
namespace {

std::string_view strip(std::string_view text) {
  while (!text.empty() && unicode::is_space(unicode::char_at(text, 0).code_point)) {
    text.remove_prefix(unicode::char_at(text, 0).num_bytes);
  }
  while (!text.empty()) {
    const std::size_t last = unicode::char_before(text, text.size());
    if (!unicode::is_space(unicode::char_at(text, last).code_point)) break;
    text = text.substr(0, last);
  }
  return text;
}

// Digits with single underscores between them, without the underscores; empty when malformed.
std::string remove_underscores(std::string_view text, bool may_lead) {
  std::string out;
  bool previous = !may_lead;
  for (const char c : text) {
    if (c == '_' && previous) return {};
    previous = c == '_';
    if (c != '_') out.push_back(c);
  }
  return previous ? std::string() : out;
}

bool has_prefix(std::string_view text, std::int64_t base) noexcept {
  if (text.size() < 2 || text[0] != '0') return false;
  const char kind = static_cast<char>(text[1] | 0x20);
  return (kind == 'x' && base == 16) || (kind == 'o' && base == 8) || (kind == 'b' && base == 2);
}

}  // namespace

Result<std::optional<Value>> parse_int(std::string_view text, std::int64_t base) {
  if (base != 0 && (base < 2 || base > 36)) return std::nullopt;
  text = strip(text);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  bool prefixed = false;
  if (base == 0) {
    base = has_prefix(text, 16) ? 16 : has_prefix(text, 8) ? 8 : has_prefix(text, 2) ? 2 : 10;
    const bool leading_zero = base == 10 && text.starts_with('0');
    if (leading_zero && text.find_first_not_of("0_") != std::string_view::npos) return std::nullopt;
  }
  if (has_prefix(text, base)) {
    text.remove_prefix(2);
    prefixed = true;
  }
  const std::string digits = remove_underscores(text, prefixed);
  if (digits.empty() || digits[0] == '-' || digits[0] == '+') return std::nullopt;
  const std::string_view sign = negative ? "-" : "";
  const std::string signed_digits = std::string(sign) + digits;
  std::int64_t value = 0;
  const char* end = signed_digits.data() + signed_digits.size();
  const std::from_chars_result parsed =
      std::from_chars(signed_digits.data(), end, value, static_cast<int>(base));
  if (parsed.ptr != end) return std::nullopt;
  if (parsed.ec == std::errc::result_out_of_range) {
    return fail("the integer {}{} does not fit 64 bits", sign, digits);
  }
  return Value::integer(value);
}

std::optional<double> parse_float(std::string_view text) {
  text = strip(text);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const double sign = negative ? -1.0 : 1.0;
  std::string word;
  for (const char c : text.substr(0, 9)) word.push_back(static_cast<char>(c | 0x20));
  if (word == "inf" || word == "infinity") return sign * std::numeric_limits<double>::infinity();
  if (word == "nan") return std::numeric_limits<double>::quiet_NaN();
  // An underscore stands between two digits only.
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto is_digit = [&text](std::size_t at) {
      return at < text.size() && text[at] >= '0' && text[at] <= '9';
    };
    if (text[i] != '_') {
      digits.push_back(text[i]);
    } else if (i == 0 || !is_digit(i - 1) || !is_digit(i + 1)) {
      return std::nullopt;
    }
  }
  if (digits.empty() || (digits[0] != '.' && (digits[0] < '0' || digits[0] > '9'))) {
    return std::nullopt;
  }
  double value = 0;
  const char* end = digits.data() + digits.size();
  const std::from_chars_result parsed = std::from_chars(digits.data(), end, value);
  if (parsed.ptr != end) return std::nullopt;
  if (parsed.ec == std::errc::result_out_of_range) {
    const bool tiny = digits.find("e-") != std::string::npos ||
                      digits.find("E-") != std::string::npos || digits[0] == '.' ||
                      digits[0] == '0';
    value = tiny ? 0.0 : std::numeric_limits<double>::infinity();
  }
  return sign * value;
}

}  // namespace penstock::chat_template
