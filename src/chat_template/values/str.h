// Strings of the template language: immutable bytes that know which of them are trusted.
//
// A Str is a header in a heap; its bytes lie in the same heap, in the compiled template or in the
// render's input (borrowed: both outlive the render). Most strings have one origin; a mixed one
// carries a list of spans. Indices of the language count code points, those here count bytes.
// Invariant 1 of the room: no function here gives a byte another origin than its source's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "chat_template/values/heap.h"
#include "text/origin_text.h"

namespace penstock::chat_template {

using text::Origin;

struct OriginSpan {
  std::uint32_t end = 0;  // byte offset; the span begins where the one before ends
  Origin origin = Origin::kData;
};

// Room to grow behind a string that was made by concatenation: `s ~ x` in a loop appends in place
// while s is the newest user of the buffer, so that building a text costs its length, not its
// square. Older strings see only their own first bytes, which never change.
struct TextBuffer {
  char* bytes = nullptr;
  OriginSpan* spans = nullptr;
  std::uint32_t size = 0;
  std::uint32_t capacity = 0;
  std::uint32_t num_spans = 0;
  std::uint32_t span_capacity = 0;
};

struct Str {
  const char* bytes = nullptr;
  std::uint32_t size = 0;
  std::uint32_t num_spans = 0;        // 0: `origin` holds for all bytes
  const OriginSpan* spans = nullptr;  // ascending; the last may end after `size`
  TextBuffer* buffer = nullptr;
  Origin origin = Origin::kData;
  bool is_markup = false;  // result of `safe` or `escape`
  enum class Ascii : std::uint8_t { kUnknown, kYes, kNo };
  mutable Ascii ascii = Ascii::kUnknown;  // settled at compile for literals, which threads share

  [[nodiscard]] std::string_view view() const noexcept { return {bytes, size}; }
  [[nodiscard]] bool is_ascii() const noexcept;
  // Number of code points. O(size).
  [[nodiscard]] std::uint32_t length() const noexcept;
  // The byte offset of a code point; size for those past the end. O(size) unless ASCII.
  [[nodiscard]] std::uint32_t offset_of(std::uint64_t code_point) const noexcept;
  [[nodiscard]] Origin origin_at(std::uint32_t at) const noexcept;

  // Calls visit(bytes, origin) for each stretch of [begin, end) of one origin.
  template <class Visit>
  void for_each_span(std::uint32_t begin, std::uint32_t end, Visit&& visit) const {
    if (begin >= end) return;
    if (num_spans == 0) return visit(view().substr(begin, end - begin), origin);
    const OriginSpan* span = std::upper_bound(
        spans, spans + num_spans, begin,
        [](std::uint32_t at, const OriginSpan& candidate) { return at < candidate.end; });
    for (; begin < end; ++span) {
      const std::uint32_t stop = std::min(span->end, end);
      visit(view().substr(begin, stop - begin), span->origin);
      begin = stop;
    }
  }
  template <class Visit>
  void for_each_span(Visit&& visit) const {
    for_each_span(0, size, std::forward<Visit>(visit));
  }
};

// A string over bytes that outlive the heap, or that the heap owns already.
[[nodiscard]] const Str* borrow_str(Heap& heap, std::string_view bytes, Origin origin);
[[nodiscard]] const Str* copy_str(Heap& heap, std::string_view bytes, Origin origin);
// The bytes [begin, end) of `source`, sharing its storage. Markup stays markup.
[[nodiscard]] const Str* slice_str(Heap& heap, const Str& source, std::uint32_t begin,
                                   std::uint32_t end);
[[nodiscard]] const Str* with_markup(Heap& heap, const Str& source, bool is_markup);
// left then right; plain text, also where a side is markup.
[[nodiscard]] Result<const Str*> concat_str(Heap& heap, const Str& left, const Str& right);

[[nodiscard]] std::unexpected<Error> memory_exhausted(const Heap& heap);

// Collects a new string. Stops growing at the heap's budget; finish() then says so.
class TextBuilder final {
 public:
  explicit TextBuilder(Heap& heap) : heap_(heap) {}

  void append(std::string_view bytes, Origin origin);
  void append(const Str& source) { append(source, 0, source.size); }
  void append(const Str& source, std::uint32_t begin, std::uint32_t end) {
    source.for_each_span(begin, end,
                         [this](std::string_view bytes, Origin origin) { append(bytes, origin); });
  }
  void append(char32_t code_point, Origin origin);
  // Text that the engine itself makes: digits, quotes, separators. It counts as data.
  void append_made(std::string_view bytes) { append(bytes, Origin::kData); }

  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] bool overflowed() const noexcept { return overflowed_; }
  [[nodiscard]] Result<const Str*> finish();

 private:
  Heap& heap_;
  std::string bytes_;
  std::vector<OriginSpan> spans_;
  bool overflowed_ = false;
};

}  // namespace penstock::chat_template
