// str: format and format_map, with the sandbox's way of looking up fields.
#include <algorithm>

#include "chat_template/library/arguments.h"
#include "chat_template/library/attributes.h"
#include "chat_template/library/methods.h"
#include "chat_template/values/convert.h"
#include "chat_template/values/dict.h"
#include "chat_template/values/format_spec.h"
#include "chat_template/values/markup.h"

namespace penstock::chat_template {
namespace {

bool all_digits(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

Result<std::int64_t> parse_index(std::string_view digits) {
  if (digits.size() > 9) return fail("Too many decimal digits in format string");
  std::int64_t index = 0;
  for (const char digit : digits) index = index * 10 + (digit - '0');
  return index;
}

class FieldFormatter final {
 public:
  FieldFormatter(Runtime& runtime, const Args& args, const Value* mapping, bool escapes)
      : runtime_(runtime), args_(args), mapping_(mapping), escapes_(escapes) {}

  // Formats [begin, end) of `pattern`; `nesting` fields deep specs may still hold fields.
  Status append(TextBuilder& out, const Str& pattern, int nesting) {
    if (nesting < 0) return fail("Max string recursion exceeded");
    const std::string_view bytes = pattern.view();
    std::uint32_t at = 0;
    while (at < pattern.size) {
      const auto brace =
          static_cast<std::uint32_t>(std::min(bytes.find_first_of("{}", at), bytes.size()));
      out.append(pattern, at, brace);
      if (brace == pattern.size) break;
      if (brace + 1 < pattern.size && bytes[brace + 1] == bytes[brace]) {
        out.append(pattern, brace, brace + 1);
        at = brace + 2;
        continue;
      }
      if (bytes[brace] == '}') return fail("Single '}}' encountered in format string");
      ASSIGN_OR_RETURN(const std::uint32_t end, field_end(bytes, brace + 1));
      RETURN_IF_ERROR(
          append_field(out, *slice_str(runtime_.heap(), pattern, brace + 1, end), nesting));
      at = end + 1;
    }
    return runtime_.charge(1);
  }

 private:
  // The closing brace of the field that begins at `at`; a bracketed index may hold braces.
  static Result<std::uint32_t> field_end(std::string_view bytes, std::uint32_t at) {
    bool in_brackets = false;
    int open = 1;
    for (; at < bytes.size(); ++at) {
      const char c = bytes[at];
      if (c == '[') in_brackets = true;
      if (c == ']') in_brackets = false;
      if (in_brackets) continue;
      if (c == '{') ++open;
      if (c == '}' && --open == 0) return at;
    }
    return fail("expected '}}' before end of string");
  }

  Status append_field(TextBuilder& out, const Str& field, int nesting) {
    RETURN_IF_ERROR(runtime_.charge(1));
    const std::string_view bytes = field.view();
    const auto name_end = static_cast<std::uint32_t>(find_name_end(bytes));
    ASSIGN_OR_RETURN(Value value, look_up(bytes.substr(0, name_end)));
    std::uint32_t at = name_end;
    if (at < field.size && bytes[at] == '!') {
      if (at + 1 >= field.size) return fail("end of string while looking for conversion specifier");
      if (at + 2 < field.size && bytes[at + 2] != ':') {
        return fail("expected ':' after conversion specifier");
      }
      ASSIGN_OR_RETURN(value, convert(value, bytes[at + 1]));
      at += 2;
    }
    const Str* spec = slice_str(runtime_.heap(), field, std::min(at + 1, field.size), field.size);
    TextBuilder nested(runtime_.heap());
    RETURN_IF_ERROR(append(nested, *spec, nesting - 1));
    ASSIGN_OR_RETURN(spec, nested.finish());
    if (!escapes_) return append_formatted(runtime_, out, value, *spec);
    return append_escaped(out, value, *spec);
  }

  Status append_escaped(TextBuilder& out, const Value& value, const Str& spec) {
    if (value.is_str() && value.str().is_markup && spec.size > 0) {
      return fail("Unsupported format specification for Markup.");
    }
    TextBuilder plain(runtime_.heap());
    RETURN_IF_ERROR(append_formatted(runtime_, plain, value, spec));
    ASSIGN_OR_RETURN(const Str* text, plain.finish());
    if (!value.is_str() || !value.str().is_markup) {
      ASSIGN_OR_RETURN(text, escape_html(runtime_, *text));
    }
    out.append(*text);
    return {};
  }

  static std::size_t find_name_end(std::string_view field) {
    bool in_brackets = false;
    for (std::size_t at = 0; at < field.size(); ++at) {
      if (field[at] == '[') in_brackets = true;
      if (field[at] == ']') in_brackets = false;
      if (!in_brackets && (field[at] == '!' || field[at] == ':')) return at;
    }
    return field.size();
  }

  Result<Value> convert(const Value& value, char conversion) {
    if (conversion == 's') {
      ASSIGN_OR_RETURN(const Str* text, to_str(runtime_, value));
      return Value(text);
    }
    if (conversion == 'r' || conversion == 'a') {
      ASSIGN_OR_RETURN(const Str* text, to_repr(runtime_, value));
      return Value(text);
    }
    return fail("Unknown conversion specifier {}", conversion);
  }

  // "name.attribute[key]"
  Result<Value> look_up(std::string_view field) {
    const std::size_t first_end = std::min(field.find_first_of(".["), field.size());
    ASSIGN_OR_RETURN(Value value, first_value(field.substr(0, first_end)));
    std::string_view rest = field.substr(first_end);
    while (!rest.empty()) {
      RETURN_IF_ERROR(runtime_.charge(1));
      const bool is_attribute = rest[0] == '.';
      const std::size_t end =
          is_attribute ? std::min(rest.find_first_of(".[", 1), rest.size()) : rest.find(']');
      if (end == std::string_view::npos) return fail("Missing ']' in format string");
      const std::string_view name = rest.substr(1, end - 1);
      if (name.empty()) return fail("Empty attribute in format string");
      rest.remove_prefix(is_attribute ? end : end + 1);
      if (!is_attribute && !rest.empty() && rest[0] != '.' && rest[0] != '[') {
        return fail("Only '.' or '[' may follow ']' in format field specifier");
      }
      const Value key = make_data(runtime_.heap(), name);
      if (is_attribute) {
        ASSIGN_OR_RETURN(value, get_attribute(runtime_, value, key.str()));
      } else if (all_digits(name)) {
        ASSIGN_OR_RETURN(const std::int64_t index, parse_index(name));
        ASSIGN_OR_RETURN(value, get_item(runtime_, value, Value::integer(index)));
      } else {
        ASSIGN_OR_RETURN(value, get_item(runtime_, value, key));
      }
    }
    return value;
  }

  Result<Value> first_value(std::string_view name) {
    if (name.empty() || all_digits(name)) {
      if (mapping_ != nullptr) return fail("Format string contains positional fields");
      if (name.empty() ? uses_numbers_ : next_index_ > 0) {
        return fail("cannot switch between manual and automatic field numbering");
      }
      std::int64_t index = next_index_;
      if (name.empty()) {
        ++next_index_;
      } else {
        uses_numbers_ = true;
        ASSIGN_OR_RETURN(index, parse_index(name));
      }
      if (static_cast<std::size_t>(index) >= args_.positional.size()) {
        return fail("Replacement index {} out of range for positional args tuple", index);
      }
      return args_.positional[static_cast<std::size_t>(index)];
    }
    if (mapping_ != nullptr) {
      const Value* found = find_key(mapping_->dict(), name);
      if (found != nullptr) return *found;
    }
    for (const NamedArg& arg : args_.named) {
      if (arg.name->view() == name) return arg.value;
    }
    return fail("no argument '{}' for the format string", name);
  }

  Runtime& runtime_;
  const Args& args_;
  const Value* mapping_;
  bool escapes_;
  std::int64_t next_index_ = 0;
  bool uses_numbers_ = false;
};

Result<Value> run(Runtime& runtime, const Str& pattern, const Args& args, const Value* mapping) {
  RETURN_IF_ERROR(runtime.charge_bytes(pattern.size));
  TextBuilder out(runtime.heap());
  FieldFormatter formatter(runtime, args, mapping, pattern.is_markup);
  RETURN_IF_ERROR(formatter.append(out, pattern, 2));
  ASSIGN_OR_RETURN(const Str* text, out.finish());
  return Value(with_markup(runtime.heap(), *text, pattern.is_markup));
}

Result<Value> format_method(Runtime& runtime, const Value& self, const Args& args) {
  return run(runtime, self.str(), args, nullptr);
}

Result<Value> format_map(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind_positional<1>("format_map", args, 1));
  if (!bound[0].is_dict()) return fail("format_map() argument must be a mapping");
  return run(runtime, self.str(), {}, bound.data());
}

constexpr NativeDef kMethods[] = {{"format", format_method}, {"format_map", format_map}};

}  // namespace

const std::span<const NativeDef> internal::kStrFormatMethods = kMethods;

}  // namespace penstock::chat_template
