// Filters for HTML and URLs: safe, escape, forceescape, urlencode, xmlattr.
#include "chat_template/library/arguments.h"
#include "chat_template/library/registry.h"
#include "chat_template/values/convert.h"
#include "chat_template/values/iterate.h"
#include "chat_template/values/markup.h"

namespace penstock::chat_template {
namespace {

Result<Value> safe(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("safe", args));
  ASSIGN_OR_RETURN(const Str* text, to_str(runtime, self));
  return Value(with_markup(runtime.heap(), *text, true));
}

Result<Value> escape(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("escape", args));
  ASSIGN_OR_RETURN(const Str* text, to_str(runtime, self));
  ASSIGN_OR_RETURN(const Str* escaped, escape_html(runtime, *text));
  return Value(escaped);
}

Result<Value> forceescape(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("forceescape", args));
  ASSIGN_OR_RETURN(const Str* text, to_str(runtime, self));
  ASSIGN_OR_RETURN(const Str* escaped,
                   escape_html(runtime, *with_markup(runtime.heap(), *text, false)));
  return Value(escaped);
}

// The bytes that a URL may hold as they are; everything else becomes %XX.
bool is_unreserved(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-' || c == '~';
}

Status append_quoted(Runtime& runtime, TextBuilder& out, const Value& value, bool for_query) {
  ASSIGN_OR_RETURN(const Str* text, to_str(runtime, value));
  RETURN_IF_ERROR(runtime.charge_bytes(text->size));
  for (std::uint32_t at = 0; at < text->size; ++at) {
    const char c = text->bytes[at];
    if (is_unreserved(c) || (c == '/' && !for_query)) {
      out.append(*text, at, at + 1);
    } else if (c == ' ' && for_query) {
      out.append("+", text->origin_at(at));
    } else {
      out.append(format("%{:02X}", static_cast<unsigned char>(c)), text->origin_at(at));
    }
  }
  return {};
}

Result<Value> urlencode(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("urlencode", args));
  TextBuilder out(runtime.heap());
  if (self.is_str() || !is_iterable(self)) {
    RETURN_IF_ERROR(append_quoted(runtime, out, self, false));
  } else {
    const Value pairs = self.is_dict() ? Value::view_of(Value::Type::kItems, &self.dict()) : self;
    ASSIGN_OR_RETURN(Cursor cursor, Cursor::over(runtime, pairs));
    for (bool first = true;; first = false) {
      ASSIGN_OR_RETURN(const std::optional<Value> item, cursor.next(runtime));
      if (!item) break;
      ASSIGN_OR_RETURN(const std::span<const Value> pair, all_items(runtime, *item));
      if (pair.size() != 2) return fail("urlencode needs pairs, got {} values", pair.size());
      if (!first) out.append_made("&");
      RETURN_IF_ERROR(append_quoted(runtime, out, pair[0], true));
      out.append_made("=");
      RETURN_IF_ERROR(append_quoted(runtime, out, pair[1], true));
    }
  }
  ASSIGN_OR_RETURN(const Str* encoded, out.finish());
  return Value(encoded);
}

Result<Value> xmlattr(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<1>("xmlattr", args, {"autospace"}));
  if (!self.is_dict()) return fail("xmlattr needs a mapping, got '{}'", type_name(self));
  const bool auto_space = bound[0].is_missing() || truthy(bound[0]);
  TextBuilder out(runtime.heap());
  for (const Entry& entry : self.dict().view()) {
    if (entry.value.is_none() || entry.value.is_undefined()) continue;
    ASSIGN_OR_RETURN(const Str* key, need_str(entry.key));
    if (key->view().find_first_of(" \t\n\r\f\v/>=") != std::string_view::npos) {
      return fail("Invalid character in attribute name: '{}'", key->view());
    }
    ASSIGN_OR_RETURN(key, escape_html(runtime, *key));
    ASSIGN_OR_RETURN(const Str* value, to_str(runtime, entry.value));
    ASSIGN_OR_RETURN(value, escape_html(runtime, *value));
    if (auto_space || out.size() > 0) out.append_made(" ");
    out.append(*key);
    out.append_made("=\"");
    out.append(*value);
    out.append_made("\"");
  }
  ASSIGN_OR_RETURN(const Str* attributes, out.finish());
  return Value(attributes);
}

constexpr NativeDef kFilters[] = {
    {"e", escape},  {"escape", escape},       {"forceescape", forceescape},
    {"safe", safe}, {"urlencode", urlencode}, {"xmlattr", xmlattr},
};

}  // namespace

const std::span<const NativeDef> internal::kMarkupFilters = kFilters;

}  // namespace penstock::chat_template
