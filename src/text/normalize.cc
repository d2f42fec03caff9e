#include "text/normalize.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace penstock::text {
namespace {

// Every character below U+0300 is inert, and begins with a byte below this one.
constexpr unsigned char kFirstLead = 0xCC;

// The first byte at or after `at` that may begin a character from U+0300 on.
std::size_t skip_low(std::string_view text, std::size_t at) noexcept {
  while (at < text.size()) {
    if (text.size() - at >= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data() + at, 8);
      if ((word & (word << 1) & 0x8080808080808080U) == 0) {  // no byte from 0xC0 on
        at += 8;
        continue;
      }
    }
    if (static_cast<unsigned char>(text[at]) >= kFirstLead) return at;
    ++at;
  }
  return at;
}

std::size_t previous_character(std::string_view text, std::size_t at) noexcept {
  do {
    --at;
  } while ((static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return at;
}

int combining_class(utf8proc_int32_t c) noexcept {
  return is_nfc_inert(static_cast<char32_t>(c)) ? 0 : utf8proc_get_property(c)->combining_class;
}

// utf8proc's own reordering is quadratic in a run of marks; this one is not.
void reorder_marks(std::vector<utf8proc_int32_t>& chars) {
  auto from = chars.begin();
  while (from != chars.end()) {
    if (combining_class(*from) == 0) {
      ++from;
      continue;
    }
    const auto to = std::find_if(from, chars.end(), [](auto c) { return combining_class(c) == 0; });
    std::stable_sort(from, to,
                     [](auto a, auto b) { return combining_class(a) < combining_class(b); });
    from = to;
  }
}

void append_normalized(std::string& out, std::string_view part) {
  constexpr auto kOptions = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  constexpr int kMaxDecomposed = 32;  // canonical decompositions have at most 4 characters
  std::vector<utf8proc_int32_t> chars;
  chars.reserve(part.size());
  for (std::size_t at = 0; at < part.size();) {
    const DecodedChar c = decode_utf8(part, at);
    CHECK(c.num_bytes != 0, "NFC of bytes that are not UTF-8");
    at += c.num_bytes;
    utf8proc_int32_t decomposed[kMaxDecomposed];
    int last_boundclass = 0;
    const utf8proc_ssize_t count =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c.code_point), decomposed,
                                kMaxDecomposed, kOptions, &last_boundclass);
    CHECK(count > 0 && count <= kMaxDecomposed);
    chars.insert(chars.end(), decomposed, decomposed + count);
  }
  reorder_marks(chars);
  const utf8proc_ssize_t count =
      utf8proc_normalize_utf32(chars.data(), static_cast<utf8proc_ssize_t>(chars.size()), kOptions);
  CHECK(count >= 0);
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    append_utf8(out, static_cast<char32_t>(chars[static_cast<std::size_t>(i)]));
  }
}

}  // namespace

ByteRange next_nfc_part(std::string_view text, std::size_t from) noexcept {
  std::size_t at = from;
  while (true) {
    at = skip_low(text, at);
    if (at >= text.size()) return {text.size(), text.size()};
    const DecodedChar c = decode_utf8(text, at);
    if (!is_nfc_inert(c.code_point)) break;
    at += c.num_bytes;
  }
  const std::size_t begin = at == from ? at : previous_character(text, at);
  while (at < text.size()) {
    const DecodedChar c = decode_utf8(text, at);
    if (is_nfc_inert(c.code_point)) break;
    at += c.num_bytes;
  }
  return {begin, at};
}

std::string to_nfc(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t copied = 0;
  while (copied < text.size()) {
    const ByteRange part = next_nfc_part(text, copied);
    out.append(text, copied, part.begin - copied);
    if (!part.empty()) append_normalized(out, text.substr(part.begin, part.end - part.begin));
    copied = part.end;
  }
  return out;
}

}  // namespace penstock::text
