#include "chat_template/values/format_spec.h"

#include <cmath>
#include <optional>

#include "chat_template/values/convert.h"
#include "chat_template/values/number_format.h"
#include "chat_template/values/unicode.h"

namespace penstock::chat_template {
namespace {

struct Spec {
  std::string_view fill = " ";
  Origin fill_origin = Origin::kData;
  char align = '\0';  // < > ^ =
  char sign = '\0';   // + - space
  bool alternate = false;
  bool zero_padded = false;
  std::int64_t width = 0;
  char grouping = '\0';  // , _
  std::optional<int> precision;
  char type = '\0';
};

bool is_align(char c) noexcept {
  return c == '<' || c == '>' || c == '^' || c == '=';
}

class SpecParser final {
 public:
  explicit SpecParser(const Str& text) : text_(text), rest_(text.view()) {}

  Result<Spec> parse() {
    parse_fill();
    if (take_any("+- ")) spec_.sign = taken_;
    if (take_any("z")) return fail("format spec '{}': 'z' is not supported", text_.view());
    if (take_any("#")) spec_.alternate = true;
    if (take_any("0") && !filled_) {
      spec_.zero_padded = true;
      spec_.fill = "0";
      if (spec_.align == '\0') spec_.align = '=';
    }
    ASSIGN_OR_RETURN(const std::optional<int> width, parse_number());
    spec_.width = width.value_or(0);
    if (take_any(",_")) spec_.grouping = taken_;
    if (take_any(".")) {
      ASSIGN_OR_RETURN(spec_.precision, parse_number());
      if (!spec_.precision) return fail("Format specifier missing precision");
    }
    if (!rest_.empty()) {
      spec_.type = rest_[0];
      rest_.remove_prefix(1);
    }
    if (!rest_.empty()) return fail("Invalid format specifier '{}'", text_.view());
    return spec_;
  }

 private:
  void parse_fill() {
    if (rest_.empty()) return;
    const unicode::Char first = unicode::char_at(rest_, 0);
    if (first.num_bytes < rest_.size() && is_align(rest_[first.num_bytes])) {
      spec_.fill = rest_.substr(0, first.num_bytes);
      spec_.fill_origin = text_.origin_at(0);
      spec_.align = rest_[first.num_bytes];
      filled_ = true;
      rest_.remove_prefix(first.num_bytes + 1);
    } else if (is_align(rest_[0])) {
      spec_.align = rest_[0];
      rest_.remove_prefix(1);
    }
  }

  bool take_any(std::string_view set) {
    if (rest_.empty() || !set.contains(rest_[0])) return false;
    taken_ = rest_[0];
    rest_.remove_prefix(1);
    return true;
  }

  Result<std::optional<int>> parse_number() {
    std::optional<int> number;
    while (!rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9') {
      const int next = number.value_or(0);
      if (next > 100'000'000) return fail("Too many decimal digits in format string");
      number = next * 10 + (rest_[0] - '0');
      rest_.remove_prefix(1);
    }
    return number;
  }

  const Str& text_;
  std::string_view rest_;
  Spec spec_;
  bool filled_ = false;
  char taken_ = '\0';
};

void append_fill(TextBuilder& out, const Spec& spec, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) out.append(spec.fill, spec.fill_origin);
}

// `body` between fill; `sign` comes before the fill for '=' and before the body otherwise.
void append_aligned(TextBuilder& out, const Spec& spec, char align, std::string_view sign,
                    const Str& body) {
  const auto length = static_cast<std::int64_t>(sign.size() + body.length());
  const std::int64_t missing = std::max<std::int64_t>(0, spec.width - length);
  const std::int64_t left = align == '>' ? missing : align == '^' ? missing / 2 : 0;
  if (align == '=') {
    out.append_made(sign);
    append_fill(out, spec, missing);
  } else {
    append_fill(out, spec, left);
    out.append_made(sign);
  }
  out.append(body);
  if (align != '=') append_fill(out, spec, missing - left);
}

Status append_string(Runtime& runtime, TextBuilder& out, const Str& text, const Spec& spec) {
  if (spec.type != '\0' && spec.type != 's') {
    return fail("Unknown format code '{}' for object of type 'str'", spec.type);
  }
  if (spec.sign != '\0') return fail("Sign not allowed in string format specifier");
  if (spec.alternate) return fail("Alternate form (#) not allowed in string format specifier");
  if (spec.grouping != '\0') return fail("Cannot specify '{}' with 's'.", spec.grouping);
  if (spec.align == '=' && !spec.zero_padded) {
    return fail("'=' alignment not allowed in string format specifier");
  }
  const std::uint32_t end =
      spec.precision ? text.offset_of(static_cast<std::uint64_t>(*spec.precision)) : text.size;
  const char align = spec.align == '\0' || spec.align == '=' ? '<' : spec.align;
  append_aligned(out, spec, align, "", *slice_str(runtime.heap(), text, 0, end));
  return {};
}

void append_number(Heap& heap, TextBuilder& out, const Spec& spec, bool negative,
                   std::string digits, std::string_view prefix) {
  std::string sign = negative ? "-" : spec.sign == '+' ? "+" : spec.sign == ' ' ? " " : "";
  sign += prefix;
  const std::size_t every =
      spec.type == 'x' || spec.type == 'X' || spec.type == 'b' || spec.type == 'o' ? 4 : 3;
  if (spec.grouping != '\0') {
    // Zeros that pad up to the width are grouped with the digits.
    if (spec.fill == "0" && spec.align == '=') {
      const auto width = static_cast<std::size_t>(spec.width);
      while (sign.size() + group_digits(digits, spec.grouping, every).size() < width &&
             sign.size() + group_digits("0" + digits, spec.grouping, every).size() <= width + 1) {
        digits.insert(0, "0");
      }
    }
    digits = group_digits(digits, spec.grouping, every);
  }
  append_aligned(out, spec, spec.align == '\0' ? '>' : spec.align, sign,
                 *copy_str(heap, digits, Origin::kData));
}

std::unexpected<Error> unknown_code(const Spec& spec, std::string_view type) {
  return fail("Unknown format code '{}' for object of type '{}'", spec.type, type);
}

Status append_float(Runtime& runtime, TextBuilder& out, double value, const Spec& spec) {
  RETURN_IF_ERROR(check_width(runtime, spec.precision.value_or(0)));
  const double size = std::fabs(value);
  FloatStyle style{
      .notation = spec.type, .precision = spec.precision.value_or(6), .alternate = spec.alternate};
  std::string digits;
  switch (spec.type) {
    case '\0':
      if (!spec.precision) {
        digits = float_text(size);
        break;
      }
      // Like g, but with a digit after the point.
      style.notation = 'g';
      style.precision = std::max(style.precision, 1);
      digits = float_digits(size, style);
      if (std::isfinite(size) && digits.find_first_of(".e") == std::string::npos) {
        if (static_cast<int>(digits.size()) >= style.precision) {
          digits = float_digits(size, {.notation = 'e', .precision = style.precision - 1});
          const std::size_t e = digits.find('e');
          std::size_t last = digits.find_last_not_of('0', e - 1);
          if (digits.find('.') == std::string::npos)
            last = e - 1;
          else if (digits[last] == '.')
            --last;
          digits = digits.substr(0, last + 1) + digits.substr(e);
        } else {
          digits += ".0";
        }
      }
      break;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
      digits = float_digits(size, style);
      break;
    case 'n':
      style.notation = 'g';
      digits = float_digits(size, style);
      break;
    case '%':
      style.notation = 'f';
      digits = float_digits(size * 100, style) + "%";
      break;
    default:
      return unknown_code(spec, "float");
  }
  append_number(runtime.heap(), out, spec, std::signbit(value) && !std::isnan(value),
                std::move(digits), "");
  return {};
}

Status append_int(Runtime& runtime, TextBuilder& out, std::int64_t value, const Spec& spec) {
  const std::string_view float_types = "eEfFgG%";
  if (spec.type != '\0' && float_types.contains(spec.type)) {
    return append_float(runtime, out, static_cast<double>(value), spec);
  }
  if (spec.precision) return fail("Precision not allowed in integer format specifier");
  if (spec.type == 'c') {
    if (value < 0 || value > 0x10FFFF) return fail("%c arg not in range(0x110000)");
    if (spec.sign != '\0') return fail("Sign not allowed with integer format specifier 'c'");
    TextBuilder character(runtime.heap());
    character.append(static_cast<char32_t>(value), Origin::kData);
    ASSIGN_OR_RETURN(const Str* text, character.finish());
    append_aligned(out, spec, spec.align == '\0' ? '<' : spec.align, "", *text);
    return {};
  }
  unsigned base = 10;
  std::string_view prefix;
  switch (spec.type) {
    case '\0':
    case 'd':
    case 'n':
      break;
    case 'b':
      base = 2;
      prefix = "0b";
      break;
    case 'o':
      base = 8;
      prefix = "0o";
      break;
    case 'x':
    case 'X':
      base = 16;
      prefix = spec.type == 'x' ? "0x" : "0X";
      break;
    default:
      return unknown_code(spec, "int");
  }
  if (spec.grouping == ',' && base != 10) {
    return fail("Cannot specify ',' with '{}'.", spec.type);
  }
  std::string digits = digits_in_base(magnitude(value), base);
  if (spec.type == 'X') {
    for (char& c : digits) c = c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  append_number(runtime.heap(), out, spec, value < 0, std::move(digits),
                spec.alternate ? prefix : "");
  return {};
}

}  // namespace

Status check_width(Runtime& runtime, std::int64_t width) {
  // A character takes at most 4 bytes; a width that wraps in the product is caught before it.
  const std::uint64_t most = runtime.heap().max_bytes() / 4;
  if (width < 0 || static_cast<std::uint64_t>(width) > most ||
      !runtime.heap().fits(static_cast<std::uint64_t>(width) * 4)) {
    return memory_exhausted(runtime.heap());
  }
  return runtime.charge_bytes(static_cast<std::uint64_t>(width));
}

Status append_formatted(Runtime& runtime, TextBuilder& out, const Value& value, const Str& spec) {
  if (spec.size == 0) return append_str(runtime, out, value);
  ASSIGN_OR_RETURN(const Spec parsed, SpecParser(spec).parse());
  RETURN_IF_ERROR(check_width(runtime, parsed.width));
  if (value.is_str() && !value.str().is_markup) {
    return append_string(runtime, out, value.str(), parsed);
  }
  if (value.is_integral()) return append_int(runtime, out, value.as_int(), parsed);
  if (value.is_float()) return append_float(runtime, out, value.as_float(), parsed);
  return fail("unsupported format string passed to {}.__format__", type_name(value));
}

}  // namespace penstock::chat_template
