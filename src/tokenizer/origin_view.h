// A part of an OriginText, without a copy. Threading: a value; the text outlives it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "text/origin_text.h"

namespace penstock::tokenizer {

class OriginView final {
 public:
  explicit OriginView(const text::OriginText& text)
      : whole_(&text), begin_(0), end_(text.bytes().size()) {}

  [[nodiscard]] std::string_view text() const noexcept {
    return std::string_view(whole_->bytes()).substr(begin_, end_ - begin_);
  }
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  // Offsets are into text(), here and below.
  [[nodiscard]] OriginView sub(std::size_t begin, std::size_t end) const noexcept {
    return {*whole_, begin_ + begin, begin_ + end};
  }
  [[nodiscard]] bool starts_whole() const noexcept { return begin_ == 0; }

  // Whether all of [begin, end), which is not empty, is trusted. O(log spans).
  [[nodiscard]] bool is_trusted(std::size_t begin, std::size_t end) const noexcept {
    const auto span = span_at(begin_ + begin);
    return span->origin == text::Origin::kTrusted && begin_ + end <= span->end;
  }
  // Appends [begin, end) with the origin of each byte.
  void append_to(text::OriginText& out, std::size_t begin, std::size_t end) const {
    if (begin == end) return;
    const std::string_view bytes = whole_->bytes();
    std::size_t at = begin_ + begin;
    for (auto span = span_at(at); at < begin_ + end; ++span) {
      const std::size_t stop = std::min(span->end, begin_ + end);
      out.append(bytes.substr(at, stop - at), span->origin);
      at = stop;
    }
  }

 private:
  OriginView(const text::OriginText& whole, std::size_t begin, std::size_t end)
      : whole_(&whole), begin_(begin), end_(end) {}
  [[nodiscard]] auto span_at(std::size_t offset) const noexcept
      -> std::vector<text::OriginText::Span>::const_iterator {
    return std::ranges::upper_bound(whole_->spans(), offset, {}, &text::OriginText::Span::end);
  }

  const text::OriginText* whole_;
  std::size_t begin_;
  std::size_t end_;
};

}  // namespace penstock::tokenizer
