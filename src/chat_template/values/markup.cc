#include "chat_template/values/markup.h"

namespace penstock::chat_template {
namespace {

std::string_view entity(char c) noexcept {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '\'':
      return "&#39;";
    case '"':
      return "&#34;";
    default:
      return {};
  }
}

}  // namespace

Result<const Str*> escape_html(Runtime& runtime, const Str& text) {
  if (text.is_markup) return &text;
  RETURN_IF_ERROR(runtime.charge_bytes(text.size));
  if (text.view().find_first_of("&<>'\"") == std::string_view::npos) {
    return with_markup(runtime.heap(), text, true);
  }
  TextBuilder out(runtime.heap());
  std::uint32_t plain_from = 0;
  for (std::uint32_t at = 0; at < text.size; ++at) {
    const std::string_view replacement = entity(text.bytes[at]);
    if (replacement.empty()) continue;
    out.append(text, plain_from, at);
    out.append(replacement, text.origin_at(at));
    plain_from = at + 1;
  }
  out.append(text, plain_from, text.size);
  ASSIGN_OR_RETURN(const Str* escaped, out.finish());
  return with_markup(runtime.heap(), *escaped, true);
}

}  // namespace penstock::chat_template
