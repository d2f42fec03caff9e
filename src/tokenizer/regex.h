// A regular expression of a tokenizer file; PCRE2 behind it.
//
// The files are written for Oniguruma with Ruby's syntax. What both read alike is taken; what they
// read differently is refused by name when the pattern is compiled. Classes such as \p{L} are of
// the library's Unicode version here (14 in Debian 12). Matching is bounded: a pattern that
// backtracks too much on some text is an error. Threading: immutable; share freely.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "text/normalize.h"

namespace penstock::tokenizer {

class Regex final {
 public:
  [[nodiscard]] static Result<Regex> compile(std::string_view pattern);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // One pass over one text, which is valid UTF-8. Empty matches count, except right after a match.
  class Matches final {
   public:
    Matches(const Regex& regex, std::string_view text);
    ~Matches();
    Matches(const Matches&) = delete;
    Matches& operator=(const Matches&) = delete;

    // The next match, or nothing at the end. kResourceExhausted when the match limit is reached.
    [[nodiscard]] Result<std::optional<text::ByteRange>> next();

   private:
    const Regex* regex_;
    std::string_view text_;
    void* data_;
    std::size_t at_ = 0;
    std::optional<std::size_t> last_end_;
  };

 private:
  struct Impl;
  explicit Regex(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::tokenizer
