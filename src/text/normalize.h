// Unicode normalization form C (UAX 15); utf8proc's data behind it.
//
// Of Unicode 9, which is what the tokenizers that models were trained with use: combining marks
// added since then stay where they are (make_unicode_table.py).
// Work is O(bytes), and O(n log n) in a run of n combining marks. Threading: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace penstock::text {

struct ByteRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  [[nodiscard]] bool empty() const noexcept { return begin == end; }
};

// The first part of `text` at or after `from` that NFC may change: one character that starts a
// composition and all that may join it. What lies between such parts is NFC already, and each can
// be normalized alone. Empty, at the end, when there is none. `text` is valid UTF-8, and `from`
// is 0 or where the last part ended.
[[nodiscard]] ByteRange next_nfc_part(std::string_view text, std::size_t from) noexcept;

// NFC of `text`, which is valid UTF-8.
[[nodiscard]] std::string to_nfc(std::string_view text);

}  // namespace penstock::text
