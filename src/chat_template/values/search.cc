#include "chat_template/values/search.h"

#include <cstring>
#include <string>

namespace penstock::chat_template {

std::size_t find_bytes(std::string_view text, std::string_view needle, std::size_t from) noexcept {
  if (from > text.size()) return kNotFound;
  if (needle.empty()) return from;
  if (text.empty()) return kNotFound;  // its data may be null, which memmem does not take
  // memmem of the C library is a two-way search; std::string_view::find is quadratic.
  const void* at = memmem(text.data() + from, text.size() - from, needle.data(), needle.size());
  if (at == nullptr) return kNotFound;
  return static_cast<std::size_t>(static_cast<const char*>(at) - text.data());
}

std::size_t rfind_bytes(std::string_view text, std::string_view needle, std::size_t end) noexcept {
  if (end > text.size() || needle.size() > end) return kNotFound;
  if (needle.empty()) return end;
  if (needle.size() == 1) return text.substr(0, end).rfind(needle[0]);
  // Backwards there is no library search with a linear bound: search forwards in mirrored bytes.
  const std::string mirrored_text(text.rend() - static_cast<std::ptrdiff_t>(end), text.rend());
  const std::string mirrored(needle.rbegin(), needle.rend());
  const std::size_t at = find_bytes(mirrored_text, mirrored, 0);
  return at == kNotFound ? kNotFound : end - at - needle.size();
}

}  // namespace penstock::chat_template
