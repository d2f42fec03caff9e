// Text whose bytes remember where they came from.
//
// A rendered chat prompt mixes the model author's literals (trusted: may spell special tokens)
// with what users and tools wrote (data: never a special token, whatever it spells). The template
// engine produces an OriginText, the tokenizer consumes it. Threading: a value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::text {

enum class Origin : std::uint8_t { kData, kTrusted };

class OriginText final {
 public:
  struct Span {
    std::size_t begin = 0;  // byte offsets into bytes(), begin < end
    std::size_t end = 0;
    Origin origin = Origin::kData;
    friend bool operator==(const Span&, const Span&) = default;
  };

  OriginText() = default;
  OriginText(std::string_view text, Origin origin) { append(text, origin); }

  // Neighbours of one origin become one span, so a marker cut by an expression that adds nothing
  // is still whole.
  void append(std::string_view text, Origin origin) {
    if (text.empty()) return;
    const std::size_t begin = bytes_.size();
    bytes_.append(text);
    if (!spans_.empty() && spans_.back().origin == origin) {
      spans_.back().end = bytes_.size();
    } else {
      spans_.push_back({begin, bytes_.size(), origin});
    }
  }
  void append(const OriginText& other) {
    if (&other == this) return append(OriginText(other));
    for (const Span& span : other.spans_) {
      append(std::string_view(other.bytes_).substr(span.begin, span.end - span.begin), span.origin);
    }
  }

  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
  // In order, without gaps or empty spans, covering bytes() exactly.
  [[nodiscard]] const std::vector<Span>& spans() const noexcept { return spans_; }
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
  friend bool operator==(const OriginText&, const OriginText&) = default;

 private:
  std::string bytes_;
  std::vector<Span> spans_;
};

}  // namespace penstock::text
