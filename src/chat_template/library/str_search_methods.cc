// str: find, index, count, startswith, replace, join, strip, removeprefix and their relatives.
#include <algorithm>

#include "chat_template/library/arguments.h"
#include "chat_template/library/methods.h"
#include "chat_template/library/text_ops.h"
#include "chat_template/values/iterate.h"
#include "chat_template/values/markup.h"
#include "chat_template/values/search.h"

namespace penstock::chat_template {
namespace {

// What find and its kin search: needle, and the byte range given by start and end.
struct Search {
  std::string_view needle;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  bool in_range = true;  // false when start lies after the end: then nothing is found
};

Result<std::int64_t> index_or(Runtime& runtime, const Value& value, std::int64_t fallback) {
  if (value.is_none()) return fallback;
  return int_or(runtime, value, fallback);
}

Result<Search> bounds(Runtime& runtime, const Str& text, const Value& start, const Value& stop) {
  Search search;
  search.end = text.size;
  if ((start.is_missing() || start.is_none()) && (stop.is_missing() || stop.is_none())) {
    return search;
  }
  const std::int64_t length = text.length();
  RETURN_IF_ERROR(runtime.charge_bytes(text.size));
  ASSIGN_OR_RETURN(std::int64_t first, index_or(runtime, start, 0));
  ASSIGN_OR_RETURN(std::int64_t last, index_or(runtime, stop, length));
  if (first < 0) first = std::max<std::int64_t>(0, first + length);
  if (last < 0) last = std::max<std::int64_t>(0, last + length);
  last = std::min(last, length);
  if (first > last) {
    search.in_range = false;
    return search;
  }
  search.begin = text.offset_of(static_cast<std::uint64_t>(first));
  search.end = text.offset_of(static_cast<std::uint64_t>(last));
  return search;
}

Result<Search> parse_search(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind_positional<3>("find", args, 1));
  ASSIGN_OR_RETURN(const Str* needle, need_str(bound[0]));
  ASSIGN_OR_RETURN(Search search, bounds(runtime, self.str(), bound[1], bound[2]));
  search.needle = needle->view();
  RETURN_IF_ERROR(runtime.charge_bytes(self.str().size));
  return search;
}

// The byte offset, or kNotFound.
std::size_t first_match(const Str& text, const Search& search) {
  if (!search.in_range) return kNotFound;
  return find_bytes(text.view().substr(0, search.end), search.needle, search.begin);
}

std::size_t last_match(const Str& text, const Search& search) {
  if (!search.in_range) return kNotFound;
  const std::size_t at = rfind_bytes(text.view(), search.needle, search.end);
  return at == kNotFound || at < search.begin ? kNotFound : at;
}

template <std::size_t (*match)(const Str&, const Search&), bool must_find>
Result<Value> find_method(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const Search search, parse_search(runtime, self, args));
  const std::size_t at = match(self.str(), search);
  if (at == kNotFound) {
    if (must_find) return fail("substring not found");
    return Value::integer(-1);
  }
  const Str* before = slice_str(runtime.heap(), self.str(), 0, static_cast<std::uint32_t>(at));
  return Value::integer(before->length());
}

Result<Value> count(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const Search search, parse_search(runtime, self, args));
  if (!search.in_range) return Value::integer(0);
  const Str& text = self.str();
  if (search.needle.empty()) {
    return Value::integer(slice_str(runtime.heap(), text, search.begin, search.end)->length() + 1);
  }
  const std::string_view area = text.view().substr(0, search.end);
  std::int64_t found = 0;
  for (std::size_t at = search.begin; (at = find_bytes(area, search.needle, at)) != kNotFound;
       at += search.needle.size()) {
    ++found;
  }
  return Value::integer(found);
}

template <bool at_end>
Result<Value> affix_method(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind_positional<3>("startswith", args, 1));
  const Value& wanted = bound[0];
  ASSIGN_OR_RETURN(const Search search, bounds(runtime, self.str(), bound[1], bound[2]));
  if (!wanted.is_str() && !wanted.is_tuple()) {
    return fail("startswith first arg must be str or a tuple of str, not {}", type_name(wanted));
  }
  const Value one[] = {wanted};
  const std::span<const Value> affixes = wanted.is_tuple() ? wanted.items().view() : one;
  const std::string_view area = self.str().view().substr(search.begin, search.end - search.begin);
  for (const Value& affix : affixes) {
    RETURN_IF_ERROR(runtime.charge(1));
    ASSIGN_OR_RETURN(const Str* text, need_str(affix));
    if (!search.in_range) continue;
    if (at_end ? area.ends_with(text->view()) : area.starts_with(text->view())) {
      return Value::boolean(true);
    }
  }
  return Value::boolean(false);
}

Result<Value> replace(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind_positional<3>("replace", args, 2));
  ASSIGN_OR_RETURN(const Str* from, need_str(bound[0]));
  ASSIGN_OR_RETURN(const Str* to, need_str(bound[1]));
  ASSIGN_OR_RETURN(const std::int64_t count, int_or(runtime, bound[2], -1));
  if (self.str().is_markup) {
    ASSIGN_OR_RETURN(to, escape_html(runtime, *to));
  }
  ASSIGN_OR_RETURN(const Str* replaced, replace_text(runtime, self.str(), *from, *to, count));
  return Value(with_markup(runtime.heap(), *replaced, self.str().is_markup));
}

Result<Value> join(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind_positional<1>("join", args, 1));
  ASSIGN_OR_RETURN(Cursor cursor, Cursor::over(runtime, bound[0]));
  const bool is_markup = self.str().is_markup;
  TextBuilder out(runtime.heap());
  for (std::size_t i = 0;; ++i) {
    ASSIGN_OR_RETURN(const std::optional<Value> item, cursor.next(runtime));
    if (!item) break;
    if (!item->is_str()) {
      return fail("sequence item {}: expected str instance, {} found", i, type_name(*item));
    }
    const Str* text = &item->str();
    if (is_markup) {
      ASSIGN_OR_RETURN(text, escape_html(runtime, *text));
    }
    RETURN_IF_ERROR(runtime.charge_bytes(std::uint64_t{text->size} + self.str().size));
    if (i > 0) out.append(self.str());
    out.append(*text);
  }
  ASSIGN_OR_RETURN(const Str* joined, out.finish());
  return Value(with_markup(runtime.heap(), *joined, is_markup));
}

template <bool left, bool right>
Result<Value> strip_method(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind_positional<1>("strip", args));
  ASSIGN_OR_RETURN(const Str* chars, str_or_null(bound[0]));
  ASSIGN_OR_RETURN(const Str* stripped,
                   strip_text(runtime, self.str(), chars, {.left = left, .right = right}));
  return Value(stripped);
}

template <bool at_end>
Result<Value> remove_affix(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind_positional<1>("removeprefix", args, 1));
  ASSIGN_OR_RETURN(const Str* affix, need_str(bound[0]));
  const Str& text = self.str();
  RETURN_IF_ERROR(runtime.charge_bytes(affix->size));
  if (at_end && text.view().ends_with(affix->view())) {
    return Value(slice_str(runtime.heap(), text, 0, text.size - affix->size));
  }
  if (!at_end && text.view().starts_with(affix->view())) {
    return Value(slice_str(runtime.heap(), text, affix->size, text.size));
  }
  return self;
}

constexpr NativeDef kMethods[] = {
    {"count", count},
    {"endswith", affix_method<true>},
    {"find", find_method<first_match, false>},
    {"index", find_method<first_match, true>},
    {"join", join},
    {"lstrip", strip_method<true, false>},
    {"removeprefix", remove_affix<false>},
    {"removesuffix", remove_affix<true>},
    {"replace", replace},
    {"rfind", find_method<last_match, false>},
    {"rindex", find_method<last_match, true>},
    {"rstrip", strip_method<false, true>},
    {"startswith", affix_method<false>},
    {"strip", strip_method<true, true>},
};

}  // namespace

const std::span<const NativeDef> internal::kStrSearchMethods = kMethods;

}  // namespace penstock::chat_template
