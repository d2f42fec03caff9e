// Filters over text: upper, lower, title, capitalize, trim, replace, center, indent, truncate,
// wordcount, string, format, join, tojson.
#include <algorithm>

#include "chat_template/library/arguments.h"
#include "chat_template/library/attribute_path.h"
#include "chat_template/library/methods.h"
#include "chat_template/library/registry.h"
#include "chat_template/library/text_ops.h"
#include "chat_template/values/case.h"
#include "chat_template/values/convert.h"
#include "chat_template/values/dict.h"
#include "chat_template/values/format_spec.h"
#include "chat_template/values/iterate.h"
#include "chat_template/values/json_dump.h"
#include "chat_template/values/percent_format.h"
#include "chat_template/values/search.h"
#include "chat_template/values/unicode.h"

namespace penstock::chat_template {
namespace {

template <CaseChange change>
Result<Value> case_filter(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("case", args));
  ASSIGN_OR_RETURN(const Str* text, to_str(runtime, self));
  ASSIGN_OR_RETURN(const Str* changed, change_case(runtime, *text, change));
  return Value(changed);
}

Result<Value> title(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("title", args));
  ASSIGN_OR_RETURN(const Str* text, to_str(runtime, self));
  ASSIGN_OR_RETURN(const Str* titled, title_words(runtime, *text));
  return Value(titled);
}

Result<Value> string(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("string", args));
  ASSIGN_OR_RETURN(const Str* text, to_str(runtime, self));
  return Value(text);
}

Result<Value> trim(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<1>("trim", args, {"chars"}));
  ASSIGN_OR_RETURN(const Str* chars, str_or_null(bound[0]));
  ASSIGN_OR_RETURN(const Str* text, to_str(runtime, self));
  ASSIGN_OR_RETURN(const Str* stripped, strip_text(runtime, *text, chars));
  return Value(stripped);
}

// str() as the builtin makes it: markup becomes plain text.
Result<const Str*> plain_str(Runtime& runtime, const Value& value) {
  ASSIGN_OR_RETURN(const Str* text, to_str(runtime, value));
  return with_markup(runtime.heap(), *text, false);
}

Result<Value> replace(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<3>("replace", args, {"old", "new", "count"}, 2));
  ASSIGN_OR_RETURN(const Str* text, plain_str(runtime, self));
  ASSIGN_OR_RETURN(const Str* from, plain_str(runtime, bound[0]));
  ASSIGN_OR_RETURN(const Str* to, plain_str(runtime, bound[1]));
  std::int64_t count = -1;
  if (!bound[2].is_none()) {
    ASSIGN_OR_RETURN(count, int_or(runtime, bound[2], -1));
  }
  ASSIGN_OR_RETURN(const Str* replaced, replace_text(runtime, *text, *from, *to, count));
  return Value(replaced);
}

Result<Value> center(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<1>("center", args, {"width"}));
  ASSIGN_OR_RETURN(const Str* text, to_str(runtime, self));
  const Value width[] = {bound[0].is_missing() ? Value::integer(80) : bound[0]};
  return find_str_method("center")->call(runtime, Value(text), {.positional = width, .named = {}});
}

// The text before every line: `width` spaces, or the string given for it.
Result<const Str*> indentation(Runtime& runtime, const Value& width) {
  if (width.is_str()) return &width.str();
  ASSIGN_OR_RETURN(const std::int64_t count, int_or(runtime, width, 4));
  if (count > 0) RETURN_IF_ERROR(check_width(runtime, count));
  const std::string spaces(static_cast<std::size_t>(std::max<std::int64_t>(0, count)), ' ');
  return copy_str(runtime.heap(), spaces, Origin::kData);
}

Result<Value> indent(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<3>("indent", args, {"width", "first", "blank"}));
  if (!self.is_str()) return fail("indent needs a string, got '{}'", type_name(self));
  const Str& text = self.str();
  ASSIGN_OR_RETURN(const Str* with, indentation(runtime, bound[0]));
  const bool indents_first = truthy(bound[1]);
  const bool indents_blank = truthy(bound[2]);
  RETURN_IF_ERROR(runtime.charge_bytes(text.size));
  // A newline is added so that a final line break yields an empty last line.
  std::string lines_of(text.view());
  lines_of.push_back('\n');
  TextBuilder out(runtime.heap());
  bool first = true;
  for (const Line& line : split_lines(lines_of)) {
    RETURN_IF_ERROR(runtime.charge_bytes(with->size));
    if (!first) out.append_made("\n");
    const bool blank = line.begin == line.end;
    const bool indents = first ? indents_first : indents_blank || !blank;
    if (indents) out.append(*with);
    out.append(text, line.begin, line.end);
    first = false;
  }
  ASSIGN_OR_RETURN(const Str* indented, out.finish());
  return Value(with_markup(runtime.heap(), *indented, text.is_markup));
}

Result<Value> truncate(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound,
                   bind<4>("truncate", args, {"length", "killwords", "end", "leeway"}));
  ASSIGN_OR_RETURN(const std::int64_t length, int_or(runtime, bound[0], 255));
  const Str* end = borrow_str(runtime.heap(), "...", Origin::kData);
  if (!bound[2].is_missing()) {
    ASSIGN_OR_RETURN(end, need_str(bound[2]));
  }
  std::int64_t leeway = 5;
  if (!bound[3].is_none()) {
    ASSIGN_OR_RETURN(leeway, int_or(runtime, bound[3], 5));
  }
  const std::int64_t end_length = end->length();
  if (length < end_length) return fail("truncate: expected length >= {}", end_length);
  if (leeway < 0) return fail("truncate: expected leeway >= 0");
  const std::optional<std::int64_t> size = length_of(self);
  if (!size) return fail_no_length(self);
  if (*size - leeway <= length) return self;
  if (!self.is_str()) return fail("truncate needs a string, got '{}'", type_name(self));
  const Str& text = self.str();
  RETURN_IF_ERROR(runtime.charge_bytes(text.size));
  std::uint32_t cut = text.offset_of(static_cast<std::uint64_t>(length - end_length));
  if (!truthy(bound[1])) {
    const std::size_t space = text.view().substr(0, cut).rfind(' ');
    if (space != std::string_view::npos) cut = static_cast<std::uint32_t>(space);
  }
  TextBuilder out(runtime.heap());
  out.append(text, 0, cut);
  out.append(*end);
  ASSIGN_OR_RETURN(const Str* truncated, out.finish());
  return Value(with_markup(runtime.heap(), *truncated, text.is_markup));
}

Result<Value> wordcount(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("wordcount", args));
  ASSIGN_OR_RETURN(const Str* text, to_str(runtime, self));
  RETURN_IF_ERROR(runtime.charge_bytes(text->size));
  std::int64_t count = 0;
  bool in_word = false;
  for (std::size_t at = 0; at < text->size;) {
    const unicode::Char c = unicode::char_at(text->view(), at);
    const bool is_word = c.code_point == '_' || unicode::is_alnum(c.code_point);
    if (is_word && !in_word) ++count;
    in_word = is_word;
    at += c.num_bytes;
  }
  return Value::integer(count);
}

Result<Value> format_filter(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const Str* pattern, to_str(runtime, self));
  if (!args.positional.empty() && !args.named.empty()) {
    return fail("can't handle positional and keyword arguments at the same time");
  }
  if (args.named.empty()) {
    return percent_format(runtime, *pattern, new_tuple(runtime.heap(), args.positional));
  }
  DictBuilder names(runtime);
  for (const NamedArg& arg : args.named) names.add(Value(arg.name), arg.value);
  return percent_format(runtime, *pattern, names.finish());
}

Result<Value> join(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<2>("join", args, {"d", "attribute"}));
  const Str* separator = borrow_str(runtime.heap(), "", Origin::kData);
  if (!bound[0].is_missing()) {
    ASSIGN_OR_RETURN(separator, to_str(runtime, bound[0]));
  }
  const bool by_attribute = !bound[1].is_missing() && !bound[1].is_none();
  AttributePath path;
  if (by_attribute) {
    ASSIGN_OR_RETURN(path, AttributePath::parse(runtime, bound[1]));
  }
  ASSIGN_OR_RETURN(Cursor cursor, Cursor::over(runtime, self));
  TextBuilder out(runtime.heap());
  for (bool first = true;; first = false) {
    ASSIGN_OR_RETURN(std::optional<Value> item, cursor.next(runtime));
    if (!item) break;
    if (by_attribute) {
      ASSIGN_OR_RETURN(item, path.get(runtime, *item));
    }
    RETURN_IF_ERROR(runtime.charge_bytes(separator->size));
    if (!first) out.append(*separator);
    RETURN_IF_ERROR(append_str(runtime, out, *item));
  }
  ASSIGN_OR_RETURN(const Str* joined, out.finish());
  return Value(joined);
}

// json.dumps's indent: a number of spaces or the text itself.
Result<const Str*> json_indent(Runtime& runtime, const Value& indent) {
  if (indent.is_missing() || indent.is_none()) return nullptr;
  if (indent.is_str()) return &indent.str();
  return indentation(runtime, indent);
}

Result<Value> tojson(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound,
                   bind<4>("tojson", args, {"ensure_ascii", "indent", "separators", "sort_keys"}));
  JsonStyle style;
  style.ensure_ascii = !bound[0].is_missing() && truthy(bound[0]);
  ASSIGN_OR_RETURN(style.indent, json_indent(runtime, bound[1]));
  if (!bound[2].is_missing() && !bound[2].is_none()) {
    ASSIGN_OR_RETURN(const std::span<const Value> separators, all_items(runtime, bound[2]));
    if (separators.size() != 2) return fail("tojson: separators needs two strings");
    ASSIGN_OR_RETURN(style.item_separator, need_str(separators[0]));
    ASSIGN_OR_RETURN(style.key_separator, need_str(separators[1]));
  }
  style.sort_keys = !bound[3].is_missing() && truthy(bound[3]);
  ASSIGN_OR_RETURN(const Str* json, dump_json(runtime, self, style));
  return Value(json);
}

constexpr NativeDef kFilters[] = {
    {"capitalize", case_filter<CaseChange::kCapitalize>},
    {"center", center},
    {"format", format_filter},
    {"indent", indent},
    {"join", join},
    {"lower", case_filter<CaseChange::kLower>},
    {"replace", replace},
    {"string", string},
    {"title", title},
    {"tojson", tojson},
    {"trim", trim},
    {"truncate", truncate},
    {"upper", case_filter<CaseChange::kUpper>},
    {"wordcount", wordcount},
};

}  // namespace

const std::span<const NativeDef> internal::kTextFilters = kFilters;

}  // namespace penstock::chat_template
