#include "chat_template/library/text_ops.h"

#include <algorithm>

#include "chat_template/values/search.h"
#include "chat_template/values/unicode.h"

namespace penstock::chat_template {
namespace {

bool is_line_break(char32_t c) noexcept {
  return (c >= '\n' && c <= '\r') || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

// Which characters strip() takes off.
class CharSet final {
 public:
  explicit CharSet(const Str* chars) : is_space_(chars == nullptr) {
    if (is_space_) return;
    for (std::size_t at = 0; at < chars->size;) {
      const unicode::Char c = unicode::char_at(chars->view(), at);
      chars_.push_back(c.code_point);
      at += c.num_bytes;
    }
    std::ranges::sort(chars_);
  }
  [[nodiscard]] bool has(char32_t c) const {
    return is_space_ ? unicode::is_space(c) : std::ranges::binary_search(chars_, c);
  }

 private:
  bool is_space_;
  std::vector<char32_t> chars_;
};

Result<const Str*> insert_everywhere(Runtime& runtime, const Str& text, const Str& insert,
                                     std::uint64_t count) {
  TextBuilder out(runtime.heap());
  std::uint32_t at = 0;
  for (std::uint64_t done = 0; done < count; ++done) {
    RETURN_IF_ERROR(runtime.charge_bytes(insert.size));
    if (out.overflowed()) break;
    out.append(insert);
    if (at >= text.size) return out.finish();
    const std::uint32_t next = at + unicode::char_at(text.view(), at).num_bytes;
    out.append(text, at, next);
    at = next;
  }
  out.append(text, at, text.size);
  return out.finish();
}

}  // namespace

Result<const Str*> replace_text(Runtime& runtime, const Str& text, const Str& from, const Str& to,
                                std::int64_t count) {
  RETURN_IF_ERROR(runtime.charge_bytes(text.size));
  const std::uint64_t limit = count < 0 ? ~std::uint64_t{0} : static_cast<std::uint64_t>(count);
  if (limit == 0) return &text;
  if (from.size == 0) return insert_everywhere(runtime, text, to, limit);
  std::size_t at = find_bytes(text.view(), from.view(), 0);
  if (at == kNotFound) return &text;
  TextBuilder out(runtime.heap());
  std::uint32_t kept_from = 0;
  for (std::uint64_t done = 0; at != kNotFound && done < limit; ++done) {
    RETURN_IF_ERROR(runtime.charge_bytes(to.size));
    if (out.overflowed()) break;
    out.append(text, kept_from, static_cast<std::uint32_t>(at));
    out.append(to);
    kept_from = static_cast<std::uint32_t>(at) + from.size;
    at = find_bytes(text.view(), from.view(), kept_from);
  }
  out.append(text, kept_from, text.size);
  return out.finish();
}

Result<const Str*> strip_text(Runtime& runtime, const Str& text, const Str* chars,
                              StripSides sides) {
  RETURN_IF_ERROR(runtime.charge_bytes(chars == nullptr ? 0 : chars->size));
  const CharSet set(chars);
  const std::string_view bytes = text.view();
  std::size_t begin = 0;
  std::size_t end = bytes.size();
  while (sides.left && begin < end) {
    const unicode::Char c = unicode::char_at(bytes, begin);
    if (!set.has(c.code_point)) break;
    begin += c.num_bytes;
  }
  while (sides.right && end > begin) {
    const std::size_t last = unicode::char_before(bytes, end);
    if (!set.has(unicode::char_at(bytes, last).code_point)) break;
    end = last;
  }
  RETURN_IF_ERROR(runtime.charge_bytes(bytes.size() - (end - begin)));
  return slice_str(runtime.heap(), text, static_cast<std::uint32_t>(begin),
                   static_cast<std::uint32_t>(end));
}

std::vector<Line> split_lines(std::string_view text) {
  std::vector<Line> lines;
  std::uint32_t begin = 0;
  for (std::uint32_t at = 0; at < text.size();) {
    const unicode::Char c = unicode::char_at(text, at);
    std::uint32_t next = at + c.num_bytes;
    if (is_line_break(c.code_point)) {
      if (c.code_point == '\r' && next < text.size() && text[next] == '\n') ++next;
      lines.push_back({begin, at, next});
      begin = next;
    }
    at = next;
  }
  const auto size = static_cast<std::uint32_t>(text.size());
  if (begin < size) lines.push_back({begin, size, size});
  return lines;
}

}  // namespace penstock::chat_template
