#include "chat_template/syntax/literals.h"

#include <charconv>
#include <cmath>

#include "chat_template/syntax/lexer.h"
#include "text/utf8.h"

namespace penstock::chat_template {
namespace {

int digit_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

class StringDecoder final {
 public:
  StringDecoder(std::string_view body, std::uint32_t line) : body_(body), line_(line) {}

  Result<std::string> run() {
    while (at_ < body_.size()) {
      if (body_[at_] != '\\') {
        out_.push_back(body_[at_++]);
      } else {
        RETURN_IF_ERROR(escape());
      }
    }
    return std::move(out_);
  }

 private:
  Status escape() {
    ++at_;
    if (at_ == body_.size()) return syntax_error(line_, "\\ at the end of a string");
    const char c = body_[at_++];
    switch (c) {
      case '\n':
        return {};
      case '\\':
      case '\'':
      case '"':
        out_.push_back(c);
        return {};
      case 'a':
        out_.push_back('\a');
        return {};
      case 'b':
        out_.push_back('\b');
        return {};
      case 'f':
        out_.push_back('\f');
        return {};
      case 'n':
        out_.push_back('\n');
        return {};
      case 'r':
        out_.push_back('\r');
        return {};
      case 't':
        out_.push_back('\t');
        return {};
      case 'v':
        out_.push_back('\v');
        return {};
      case 'x':
        return hexadecimal(2);
      case 'u':
        return hexadecimal(4);
      case 'U':
        return hexadecimal(8);
      case 'N':
        return syntax_error(line_, "\\N{{...}} in a string is not supported");
      default:
        break;
    }
    if (digit_value(c) < 8) return octal();
    out_.push_back('\\');
    out_.push_back(c);
    return {};
  }

  Status hexadecimal(int num_digits) {
    char32_t code = 0;
    for (int i = 0; i < num_digits; ++i, ++at_) {
      const int digit = at_ < body_.size() ? digit_value(body_[at_]) : 16;
      if (digit == 16) return syntax_error(line_, "truncated hexadecimal escape in a string");
      code = code * 16 + static_cast<char32_t>(digit);
    }
    return append(code);
  }

  Status octal() {
    --at_;
    char32_t code = 0;
    for (int i = 0; i < 3 && at_ < body_.size() && digit_value(body_[at_]) < 8; ++i, ++at_) {
      code = code * 8 + static_cast<char32_t>(digit_value(body_[at_]));
    }
    return append(code);
  }

  Status append(char32_t code) {
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
      return syntax_error(line_, "a string escape names U+{:04X}, which is no character",
                          static_cast<std::uint32_t>(code));
    }
    text::append_utf8(out_, code);
    return {};
  }

  std::string_view body_;
  std::uint32_t line_;
  std::size_t at_ = 0;
  std::string out_;
};

// Scans digits with single underscores between them.
class NumberScanner final {
 public:
  explicit NumberScanner(std::string_view text) : text_(text) {}

  // "1", "1_000"; nothing is taken when no digit is there.
  bool digits(int base, std::string& out) {
    std::size_t end = at_;
    bool any = false;
    while (end < text_.size()) {
      const bool underscore =
          any && text_[end] == '_' && end + 1 < text_.size() && digit_value(text_[end + 1]) < base;
      if (underscore) ++end;
      if (digit_value(text_[end]) >= base) break;
      out.push_back(text_[end++]);
      any = true;
    }
    at_ = end;
    return any;
  }
  bool take(std::string_view any_of) {
    if (at_ >= text_.size() || !any_of.contains(text_[at_])) return false;
    ++at_;
    return true;
  }

  std::size_t at_ = 0;

 private:
  std::string_view text_;
};

// "1.5", "1e9", "1.5e-9"; num_bytes is 0 for anything else.
Number scan_float(std::string_view text) {
  NumberScanner scanner(text);
  std::string digits;
  if (!scanner.digits(10, digits)) return {};
  bool is_float = false;
  const std::size_t before_point = scanner.at_;
  if (scanner.take(".")) {
    std::string fraction;
    is_float = scanner.digits(10, fraction);
    if (is_float) {
      digits += "." + fraction;
    } else {
      scanner.at_ = before_point;
    }
  }
  const std::size_t before_exponent = scanner.at_;
  if (scanner.take("eE")) {
    const bool negative = scanner.take("-");
    if (!negative) scanner.take("+");
    std::string exponent;
    if (scanner.digits(10, exponent)) {
      is_float = true;
      digits += (negative ? "e-" : "e") + exponent;
    } else {
      scanner.at_ = before_exponent;
    }
  }
  if (!is_float) return {};
  double value = 0;
  const std::from_chars_result end =
      std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end.ec == std::errc::result_out_of_range) {
    value = digits.find("e-") != std::string::npos ? 0.0 : HUGE_VAL;
  }
  return {Value::real(value), scanner.at_};
}

Result<Number> scan_integer(std::string_view text, std::uint32_t line) {
  NumberScanner scanner(text);
  std::string digits;
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char kind = static_cast<char>(text[1] | 0x20);
    base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 10;
  }
  if (base != 10) {
    scanner.at_ = 2;
    scanner.take("_");
    if (!scanner.digits(base, digits)) base = 10;
  }
  if (base == 10) {
    scanner.at_ = 0;
    if (text[0] == '0') {
      // Only zeros may follow a leading zero; other digits begin a token of their own.
      std::string zeros;
      scanner.digits(1, zeros);
      digits = std::string(1, '0');
    } else if (!scanner.digits(10, digits)) {
      return Number{};
    }
  }
  std::int64_t value = 0;
  const std::from_chars_result end =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (end.ec != std::errc{}) {
    return syntax_error(line, "the integer {} does not fit 64 bits", text.substr(0, scanner.at_));
  }
  return Number{Value::integer(value), scanner.at_};
}

}  // namespace

const Str* make_literal(Heap& heap, std::string_view text) {
  const Str* literal = copy_str(heap, text, Origin::kTrusted);
  (void)literal->is_ascii();  // settles the one lazy field before threads share the string
  return literal;
}

Result<const Str*> decode_string(Heap& heap, std::string_view body, std::uint32_t line) {
  ASSIGN_OR_RETURN(const std::string decoded, StringDecoder(body, line).run());
  return make_literal(heap, decoded);
}

Result<Number> scan_number(std::string_view text, bool after_dot, std::uint32_t line) {
  if (text.empty() || text[0] < '0' || text[0] > '9') return Number{};
  if (!after_dot) {
    if (const Number number = scan_float(text); number.num_bytes > 0) return number;
  }
  return scan_integer(text, line);
}

}  // namespace penstock::chat_template
