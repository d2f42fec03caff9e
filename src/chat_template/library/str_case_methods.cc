// str: upper, lower, ..., isalpha, ..., center, ljust, rjust, zfill, expandtabs.
#include "chat_template/library/arguments.h"
#include "chat_template/library/methods.h"
#include "chat_template/values/case.h"
#include "chat_template/values/format_spec.h"
#include "chat_template/values/markup.h"
#include "chat_template/values/unicode.h"

namespace penstock::chat_template {
namespace {

template <CaseChange change>
Result<Value> change_method(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("case", args));
  ASSIGN_OR_RETURN(const Str* changed, change_case(runtime, self.str(), change));
  return Value(changed);
}

// True when there is a character and all satisfy the predicate.
template <bool (*predicate)(char32_t) noexcept, bool when_empty = false>
Result<Value> all_method(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("is", args));
  const std::string_view bytes = self.str().view();
  RETURN_IF_ERROR(runtime.charge_bytes(bytes.size()));
  for (std::size_t at = 0; at < bytes.size();) {
    const unicode::Char c = unicode::char_at(bytes, at);
    if (!predicate(c.code_point)) return Value::boolean(false);
    at += c.num_bytes;
  }
  return Value::boolean(when_empty || !bytes.empty());
}

bool is_ascii(char32_t c) noexcept {
  return c < 0x80;
}

// islower and isupper: some cased character, and none of the other case.
template <bool (*wanted)(char32_t) noexcept, bool (*unwanted)(char32_t) noexcept>
Result<Value> case_test(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("is", args));
  const std::string_view bytes = self.str().view();
  RETURN_IF_ERROR(runtime.charge_bytes(bytes.size()));
  bool found = false;
  for (std::size_t at = 0; at < bytes.size();) {
    const unicode::Char c = unicode::char_at(bytes, at);
    if (unwanted(c.code_point) || unicode::is_title(c.code_point)) return Value::boolean(false);
    found = found || wanted(c.code_point);
    at += c.num_bytes;
  }
  return Value::boolean(found);
}

Result<Value> is_title(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("istitle", args));
  const std::string_view bytes = self.str().view();
  RETURN_IF_ERROR(runtime.charge_bytes(bytes.size()));
  bool found = false;
  bool previous_cased = false;
  for (std::size_t at = 0; at < bytes.size();) {
    const char32_t c = unicode::char_at(bytes, at).code_point;
    if (unicode::is_upper(c) || unicode::is_title(c)) {
      if (previous_cased) return Value::boolean(false);
      previous_cased = found = true;
    } else if (unicode::is_lower(c)) {
      if (!previous_cased) return Value::boolean(false);
      found = true;
    } else {
      previous_cased = false;
    }
    at += unicode::char_at(bytes, at).num_bytes;
  }
  return Value::boolean(found);
}

Result<Value> is_identifier(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("isidentifier", args));
  const std::string_view bytes = self.str().view();
  RETURN_IF_ERROR(runtime.charge_bytes(bytes.size()));
  for (std::size_t at = 0; at < bytes.size();) {
    const unicode::Char c = unicode::char_at(bytes, at);
    const bool starts = c.code_point == '_' || unicode::is_alpha(c.code_point);
    if (!starts && (at == 0 || !unicode::is_decimal(c.code_point))) return Value::boolean(false);
    at += c.num_bytes;
  }
  return Value::boolean(!bytes.empty());
}

enum class Side : std::uint8_t { kLeft, kRight, kBoth };

void fill(TextBuilder& out, const Str& with, std::int64_t count) {
  for (std::int64_t i = 0; i < count && !out.overflowed(); ++i) out.append(with);
}

// Fills up to a width; `side` says where the filling goes.
template <Side side>
Result<Value> pad_method(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind_positional<2>("center", args, 1));
  ASSIGN_OR_RETURN(const std::int64_t width, int_or(runtime, bound[0], 0));
  const Str& text = self.str();
  const Str* with = borrow_str(runtime.heap(), " ", Origin::kData);
  if (!bound[1].is_missing()) {
    ASSIGN_OR_RETURN(with, need_str(bound[1]));
    if (text.is_markup) {
      ASSIGN_OR_RETURN(with, escape_html(runtime, *with));
    }
    if (with->length() != 1) {
      return fail("The fill character must be exactly one character long");
    }
  }
  if (width <= text.length()) return self;
  const std::int64_t missing = width - text.length();
  RETURN_IF_ERROR(check_width(runtime, missing));
  const std::int64_t left = side == Side::kLeft    ? missing
                            : side == Side::kRight ? 0
                                                   : missing / 2 + (missing & width & 1);
  TextBuilder out(runtime.heap());
  fill(out, *with, left);
  out.append(text);
  fill(out, *with, missing - left);
  ASSIGN_OR_RETURN(const Str* padded, out.finish());
  return Value(with_markup(runtime.heap(), *padded, text.is_markup));
}

Result<Value> zfill(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind_positional<1>("zfill", args, 1));
  ASSIGN_OR_RETURN(const std::int64_t width, int_or(runtime, bound[0], 0));
  const Str& text = self.str();
  if (width <= text.length()) return self;
  const std::int64_t missing = width - text.length();
  RETURN_IF_ERROR(check_width(runtime, missing));
  const bool is_signed = text.size > 0 && (text.bytes[0] == '+' || text.bytes[0] == '-');
  TextBuilder out(runtime.heap());
  out.append(text, 0, is_signed ? 1 : 0);
  out.append_made(std::string(static_cast<std::size_t>(missing), '0'));
  out.append(text, is_signed ? 1 : 0, text.size);
  ASSIGN_OR_RETURN(const Str* padded, out.finish());
  return Value(with_markup(runtime.heap(), *padded, text.is_markup));
}

Result<Value> expandtabs(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<1>("expandtabs", args, {"tabsize"}));
  ASSIGN_OR_RETURN(const std::int64_t tab_size, int_or(runtime, bound[0], 8));
  const Str& text = self.str();
  RETURN_IF_ERROR(runtime.charge_bytes(text.size));
  if (tab_size > 0) RETURN_IF_ERROR(check_width(runtime, tab_size));
  TextBuilder out(runtime.heap());
  std::int64_t column = 0;
  for (std::uint32_t at = 0; at < text.size && !out.overflowed();) {
    const unicode::Char c = unicode::char_at(text.view(), at);
    if (c.code_point == '\t') {
      const std::int64_t spaces = tab_size > 0 ? tab_size - column % tab_size : 0;
      out.append(std::string(static_cast<std::size_t>(spaces), ' '), text.origin_at(at));
      column += spaces;
    } else {
      out.append(text, at, at + c.num_bytes);
      column = c.code_point == '\n' || c.code_point == '\r' ? 0 : column + 1;
    }
    at += c.num_bytes;
  }
  ASSIGN_OR_RETURN(const Str* expanded, out.finish());
  return Value(with_markup(runtime.heap(), *expanded, text.is_markup));
}

constexpr NativeDef kMethods[] = {
    {"capitalize", change_method<CaseChange::kCapitalize>},
    {"casefold", change_method<CaseChange::kFold>},
    {"center", pad_method<Side::kBoth>},
    {"expandtabs", expandtabs},
    {"isalnum", all_method<unicode::is_alnum>},
    {"isalpha", all_method<unicode::is_alpha>},
    {"isascii", all_method<is_ascii, true>},
    {"isdecimal", all_method<unicode::is_decimal>},
    {"isdigit", all_method<unicode::is_digit>},
    {"isidentifier", is_identifier},
    {"islower", case_test<unicode::is_lower, unicode::is_upper>},
    {"isnumeric", all_method<unicode::is_numeric>},
    {"isprintable", all_method<unicode::is_printable, true>},
    {"isspace", all_method<unicode::is_space>},
    {"istitle", is_title},
    {"isupper", case_test<unicode::is_upper, unicode::is_lower>},
    {"ljust", pad_method<Side::kRight>},
    {"lower", change_method<CaseChange::kLower>},
    {"rjust", pad_method<Side::kLeft>},
    {"swapcase", change_method<CaseChange::kSwap>},
    {"title", change_method<CaseChange::kTitle>},
    {"upper", change_method<CaseChange::kUpper>},
    {"zfill", zfill},
};

}  // namespace

const std::span<const NativeDef> internal::kStrCaseMethods = kMethods;

}  // namespace penstock::chat_template
