#include "chat_template/values/percent_format.h"

#include <cmath>

#include "chat_template/values/convert.h"
#include "chat_template/values/dict.h"
#include "chat_template/values/format_spec.h"
#include "chat_template/values/markup.h"
#include "chat_template/values/number_format.h"
#include "chat_template/values/unicode.h"

namespace penstock::chat_template {
namespace {

struct Conversion {
  bool left = false;
  bool plus = false;
  bool space = false;
  bool zero = false;
  bool alternate = false;
  std::int64_t width = 0;
  std::int64_t precision = -1;
  char type = '\0';
};

// A formatted number in its parts: zeros go between the sign and the digits.
struct NumberText {
  std::string sign;
  std::string digits;
};

class PercentFormatter final {
 public:
  PercentFormatter(Runtime& runtime, const Str& pattern, const Value& arguments)
      : runtime_(runtime),
        pattern_(pattern),
        bytes_(pattern.view()),
        arguments_(arguments),
        out_(runtime.heap()) {}

  Result<Value> run() {
    while (at_ < pattern_.size) {
      const std::size_t percent = std::min(bytes_.find('%', at_), bytes_.size());
      out_.append(pattern_, at_, static_cast<std::uint32_t>(percent));
      at_ = static_cast<std::uint32_t>(percent);
      if (at_ < pattern_.size) RETURN_IF_ERROR(convert());
      RETURN_IF_ERROR(runtime_.charge(1));
    }
    const bool takes_names = arguments_.is_dict() || arguments_.is_list() ||
                             arguments_.is_undefined() || arguments_.is(Value::Type::kRange);
    if (!takes_names && next_ < num_arguments()) {
      return fail("not all arguments converted during string formatting");
    }
    ASSIGN_OR_RETURN(const Str* text, out_.finish());
    return Value(with_markup(runtime_.heap(), *text, pattern_.is_markup));
  }

 private:
  std::size_t num_arguments() const { return arguments_.is_tuple() ? arguments_.items().size : 1; }

  Result<Value> next_argument() {
    if (next_ >= num_arguments()) return fail("not enough arguments for format string");
    ++next_;
    return arguments_.is_tuple() ? arguments_.items().items[next_ - 1] : arguments_;
  }

  Result<char> peek() {
    if (at_ >= pattern_.size) return fail("incomplete format");
    return bytes_[at_];
  }

  Result<Value> named_argument() {
    ++at_;
    const std::uint32_t begin = at_;
    for (int open = 1; open > 0; ++at_) {
      if (at_ >= pattern_.size) return fail("incomplete format key");
      if (bytes_[at_] == '(') ++open;
      if (bytes_[at_] == ')') --open;
    }
    const std::string_view name = bytes_.substr(begin, at_ - 1 - begin);
    if (!arguments_.is_dict()) return fail("format requires a mapping");
    const Value* found = find_key(arguments_.dict(), name);
    if (found == nullptr) return fail("no key '{}' for the format string", name);
    return *found;
  }

  void parse_flags(Conversion& conversion) {
    for (; at_ < pattern_.size; ++at_) {
      switch (bytes_[at_]) {
        case '-':
          conversion.left = true;
          break;
        case '+':
          conversion.plus = true;
          break;
        case ' ':
          conversion.space = true;
          break;
        case '0':
          conversion.zero = true;
          break;
        case '#':
          conversion.alternate = true;
          break;
        default:
          return;
      }
    }
  }

  // A number, or * for one from the arguments.
  Result<std::int64_t> parse_size() {
    if (at_ < pattern_.size && bytes_[at_] == '*') {
      ++at_;
      ASSIGN_OR_RETURN(const Value value, next_argument());
      if (!value.is_integral()) return fail("* wants int");
      return value.as_int();
    }
    std::int64_t size = 0;
    for (; at_ < pattern_.size && bytes_[at_] >= '0' && bytes_[at_] <= '9'; ++at_) {
      size = size * 10 + (bytes_[at_] - '0');
      if (size > 1'000'000'000) return fail("width too big");
    }
    return size;
  }

  Status convert() {
    ++at_;
    Conversion conversion;
    ASSIGN_OR_RETURN(const char first, peek());
    std::optional<Value> named;
    if (first == '(') {
      ASSIGN_OR_RETURN(named, named_argument());
    }
    parse_flags(conversion);
    ASSIGN_OR_RETURN(conversion.width, parse_size());
    if (conversion.width < 0) {
      conversion.left = true;
      conversion.width = conversion.width < -1'000'000'000 ? 1'000'000'000 : -conversion.width;
    }
    if (at_ < pattern_.size && bytes_[at_] == '.') {
      ++at_;
      ASSIGN_OR_RETURN(conversion.precision, parse_size());
      conversion.precision = std::max<std::int64_t>(0, conversion.precision);
    }
    ASSIGN_OR_RETURN(conversion.type, peek());
    while (conversion.type == 'l' || conversion.type == 'h' || conversion.type == 'L') {
      ++at_;
      ASSIGN_OR_RETURN(conversion.type, peek());
    }
    ++at_;
    if (conversion.type == '%') {
      out_.append("%", pattern_.origin_at(at_ - 1));
      return {};
    }
    RETURN_IF_ERROR(check_width(runtime_, conversion.width));
    if (conversion.precision > 0) RETURN_IF_ERROR(check_width(runtime_, conversion.precision));
    Value value;
    if (named) {
      value = *named;
    } else {
      ASSIGN_OR_RETURN(value, next_argument());
    }
    return append(conversion, value);
  }

  Status append(const Conversion& conversion, const Value& value) {
    switch (conversion.type) {
      case 's':
      case 'r':
      case 'a':
        return append_text(conversion, value);
      case 'c':
        return append_character(conversion, value);
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o':
        return append_integer(conversion, value);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        return append_float(conversion, value);
      default:
        return fail("unsupported format character '{}'", conversion.type);
    }
  }

  void append_padded(const Conversion& conversion, const Str& text) {
    const std::int64_t missing = conversion.width - text.length();
    if (!conversion.left) pad(missing, " ");
    out_.append(text);
    if (conversion.left) pad(missing, " ");
  }

  void pad(std::int64_t count, std::string_view with) {
    for (std::int64_t i = 0; i < count; ++i) out_.append_made(with);
  }

  Status append_text(const Conversion& conversion, const Value& value) {
    const bool plain = conversion.type == 's';
    ASSIGN_OR_RETURN(const Str* text, plain ? to_str(runtime_, value) : to_repr(runtime_, value));
    if (pattern_.is_markup) {
      ASSIGN_OR_RETURN(text, escape_html(runtime_, *text));
    }
    std::uint32_t end = text->size;
    if (conversion.precision >= 0) {
      end = text->offset_of(static_cast<std::uint64_t>(conversion.precision));
    }
    append_padded(conversion, *slice_str(runtime_.heap(), *text, 0, end));
    return {};
  }

  Status append_character(const Conversion& conversion, const Value& value) {
    if (value.is_str()) {
      if (value.str().length() != 1) return fail("%c requires int or char");
      append_padded(conversion, value.str());
      return {};
    }
    if (!value.is_integral()) return fail("%c requires int or char");
    if (value.as_int() < 0 || value.as_int() > 0x10FFFF) {
      return fail("%c arg not in range(0x110000)");
    }
    TextBuilder character(runtime_.heap());
    character.append(static_cast<char32_t>(value.as_int()), Origin::kData);
    ASSIGN_OR_RETURN(const Str* text, character.finish());
    append_padded(conversion, *text);
    return {};
  }

  void append_number(const Conversion& conversion, NumberText number, bool negative) {
    const std::string_view sign = negative           ? "-"
                                  : conversion.plus  ? "+"
                                  : conversion.space ? " "
                                                     : "";
    number.sign = std::string(sign).append(number.sign);
    const auto length = static_cast<std::int64_t>(number.sign.size() + number.digits.size());
    const std::int64_t missing = conversion.width - length;
    const bool zeros = conversion.zero && !conversion.left;
    if (!conversion.left && !zeros) pad(missing, " ");
    out_.append_made(number.sign);
    if (zeros) pad(missing, "0");
    out_.append_made(number.digits);
    if (conversion.left) pad(missing, " ");
  }

  Status append_integer(const Conversion& conversion, const Value& value) {
    const bool decimal = conversion.type == 'd' || conversion.type == 'i' || conversion.type == 'u';
    std::int64_t number = 0;
    if (value.is_integral()) {
      number = value.as_int();
    } else if (decimal && value.is_float()) {
      if (!(std::fabs(value.as_float()) < 0x1p63)) return fail("cannot convert float to integer");
      number = static_cast<std::int64_t>(value.as_float());
    } else if (value.is_undefined()) {
      return fail_undefined(runtime_, value);
    } else {
      return fail("%{} format: a real number is required, not {}", conversion.type,
                  type_name(value));
    }
    NumberText text;
    const unsigned base = decimal ? 10 : conversion.type == 'o' ? 8 : 16;
    text.digits = digits_in_base(magnitude(number), base);
    if (static_cast<std::int64_t>(text.digits.size()) < conversion.precision) {
      text.digits.insert(0, static_cast<std::size_t>(conversion.precision) - text.digits.size(),
                         '0');
    }
    if (conversion.type == 'X') {
      for (char& c : text.digits) c = c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    if (conversion.alternate && !decimal) text.sign = std::string("0") + conversion.type;
    append_number(conversion, std::move(text), number < 0);
    return {};
  }

  Status append_float(const Conversion& conversion, const Value& value) {
    if (value.is_undefined()) return fail_undefined(runtime_, value);
    if (!value.is_integral() && !value.is_float()) {
      return fail("must be real number, not {}", type_name(value));
    }
    const double number = value.is_float() ? value.as_float() : static_cast<double>(value.as_int());
    NumberText text;
    text.digits = float_digits(
        std::fabs(number),
        {.notation = conversion.type,
         .precision = conversion.precision < 0 ? 6 : static_cast<int>(conversion.precision),
         .alternate = conversion.alternate});
    append_number(conversion, std::move(text), std::signbit(number) && !std::isnan(number));
    return {};
  }

  Runtime& runtime_;
  const Str& pattern_;
  std::string_view bytes_;
  Value arguments_;
  TextBuilder out_;
  std::uint32_t at_ = 0;
  std::size_t next_ = 0;
};

}  // namespace

Result<Value> percent_format(Runtime& runtime, const Str& pattern, const Value& arguments) {
  RETURN_IF_ERROR(runtime.charge_bytes(pattern.size));
  return PercentFormatter(runtime, pattern, arguments).run();
}

}  // namespace penstock::chat_template
