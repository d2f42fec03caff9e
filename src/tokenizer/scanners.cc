#include "tokenizer/scanners.h"

#include <array>
#include <cstdint>

#include "text/unicode.h"
#include "tokenizer/definition.h"

namespace penstock::tokenizer {
namespace {

// The classes the patterns tell apart. A newline is \r or \n; kSpace is all other \s.
enum class Kind : std::uint8_t { kLetter, kNumber, kNewline, kSpace, kOther };

constexpr auto kAsciiKinds = [] {
  std::array<Kind, 128> kinds{};
  for (unsigned c = 0; c < 128; ++c) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    kinds[c] = is_letter                                         ? Kind::kLetter
               : c >= '0' && c <= '9'                            ? Kind::kNumber
               : c == '\n' || c == '\r'                          ? Kind::kNewline
               : c == ' ' || c == '\t' || c == '\v' || c == '\f' ? Kind::kSpace
                                                                 : Kind::kOther;
  }
  return kinds;
}();

struct Char {
  Kind kind = Kind::kOther;
  std::uint8_t num_bytes = 1;
};

// The text is valid UTF-8, so the first byte tells the length.
Char decode_char(std::string_view text, std::size_t at) noexcept {
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[at + i]));
  };
  const char32_t lead = byte(0);
  char32_t c = 0;
  std::uint8_t num_bytes = 0;
  if (lead < 0xE0) {
    c = ((lead & 0x1F) << 6) | (byte(1) & 0x3F);
    num_bytes = 2;
  } else if (lead < 0xF0) {
    c = ((lead & 0x0F) << 12) | ((byte(1) & 0x3F) << 6) | (byte(2) & 0x3F);
    num_bytes = 3;
  } else {
    c = ((lead & 0x07) << 18) | ((byte(1) & 0x3F) << 12) | ((byte(2) & 0x3F) << 6) |
        (byte(3) & 0x3F);
    num_bytes = 4;
  }
  if (text::is_letter(c)) return {Kind::kLetter, num_bytes};
  if (text::is_number(c)) return {Kind::kNumber, num_bytes};
  return {text::is_whitespace(c) ? Kind::kSpace : Kind::kOther, num_bytes};
}

inline Char char_at(std::string_view text, std::size_t at) noexcept {
  const auto byte = static_cast<unsigned char>(text[at]);
  return byte < 0x80 ? Char{kAsciiKinds[byte], 1} : decode_char(text, at);
}

inline bool is_kind_at(std::string_view text, std::size_t at, Kind kind) noexcept {
  return at < text.size() && char_at(text, at).kind == kind;
}

inline std::size_t skip(std::string_view text, std::size_t at, Kind kind) noexcept {
  while (at < text.size()) {
    const Char c = char_at(text, at);
    if (c.kind != kind) break;
    at += c.num_bytes;
  }
  return at;
}

inline std::size_t skip_newlines(std::string_view text, std::size_t at) noexcept {
  while (at < text.size() && (text[at] == '\n' || text[at] == '\r')) ++at;
  return at;
}

// A run of whitespace from `begin`, as \s+(?!\S)|\s+ takes it: all of it at the end of the text,
// else all but the last character, which goes with what follows, but at least one.
struct SpaceRun {
  std::size_t end = 0;           // of the run
  std::size_t last_begin = 0;    // where its last character begins
  std::size_t newlines_end = 0;  // after its last \r or \n; 0 when it has none
};

SpaceRun space_run(std::string_view text, std::size_t begin) noexcept {
  SpaceRun run{begin, begin, 0};
  while (run.end < text.size()) {
    const Char c = char_at(text, run.end);
    if (c.kind != Kind::kSpace && c.kind != Kind::kNewline) break;
    run.last_begin = run.end;
    run.end += c.num_bytes;
    if (c.kind == Kind::kNewline) run.newlines_end = run.end;
  }
  return run;
}

std::size_t end_of_spaces(std::string_view text, std::size_t begin, const SpaceRun& run) noexcept {
  const bool is_whole = run.end == text.size() || run.last_begin == begin;
  return is_whole ? run.end : run.last_begin;
}

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 32) : c;
}

// The end of 's 't 're 've 'm 'll 'd at text[at] == '\'', or `at` when none is there. Caseless also
// takes U+017F, the long s, whose case folding is s.
template <bool kCaseless>
std::size_t end_of_contraction(std::string_view text, std::size_t at) noexcept {
  const auto letter = [&](std::size_t i) {
    if (at + i >= text.size()) return '\0';
    return kCaseless ? lower(text[at + i]) : text[at + i];
  };
  switch (letter(1)) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return at + 2;
    case 'r':
    case 'v':
      return letter(2) == 'e' ? at + 3 : at;
    case 'l':
      return letter(2) == 'l' ? at + 3 : at;
    case '\xC5':
      return kCaseless && letter(2) == '\xBF' ? at + 3 : at;
    default:
      return at;
  }
}

// Llama 3's pattern, whose numbers have at most `kMaxDigits` characters.
template <int kMaxDigits>
std::size_t scan_cl100k(std::string_view text, std::size_t at) noexcept {
  if (text[at] == '\'') {
    if (const std::size_t end = end_of_contraction<true>(text, at); end != at) return end;
  }
  const Char first = char_at(text, at);
  const std::size_t next = at + first.num_bytes;
  switch (first.kind) {
    case Kind::kLetter:
      return skip(text, next, Kind::kLetter);
    case Kind::kNumber: {
      std::size_t end = next;
      for (int i = 1; i < kMaxDigits && is_kind_at(text, end, Kind::kNumber); ++i) {
        end += char_at(text, end).num_bytes;
      }
      return end;
    }
    case Kind::kOther:
      if (is_kind_at(text, next, Kind::kLetter)) return skip(text, next, Kind::kLetter);
      return skip_newlines(text, skip(text, next, Kind::kOther));
    case Kind::kSpace:
      if (is_kind_at(text, next, Kind::kLetter)) return skip(text, next, Kind::kLetter);
      if (text[at] == ' ' && is_kind_at(text, next, Kind::kOther)) {
        return skip_newlines(text, skip(text, next, Kind::kOther));
      }
      [[fallthrough]];
    case Kind::kNewline: {
      const SpaceRun run = space_run(text, at);
      return run.newlines_end != 0 ? run.newlines_end : end_of_spaces(text, at, run);
    }
  }
  return next;
}

}  // namespace

std::size_t scan_gpt2(std::string_view text, std::size_t at) noexcept {
  if (text[at] == '\'') {
    if (const std::size_t end = end_of_contraction<false>(text, at); end != at) return end;
  }
  Char first = char_at(text, at);
  std::size_t next = at + first.num_bytes;
  if (text[at] == ' ' && next < text.size()) {
    const Char second = char_at(text, next);
    if (second.kind != Kind::kSpace && second.kind != Kind::kNewline) {
      first = second;
      next += second.num_bytes;
    }
  }
  if (first.kind == Kind::kSpace || first.kind == Kind::kNewline) {
    return end_of_spaces(text, at, space_run(text, at));
  }
  return skip(text, next, first.kind);
}

std::size_t scan_llama3(std::string_view text, std::size_t at) noexcept {
  return scan_cl100k<3>(text, at);
}

std::size_t scan_qwen2(std::string_view text, std::size_t at) noexcept {
  return scan_cl100k<1>(text, at);
}

Scanner scanner_for(std::string_view pattern) noexcept {
  if (pattern == kGpt2Pattern) return scan_gpt2;
  if (pattern == kLlama3Pattern) return scan_llama3;
  if (pattern == kQwen2Pattern) return scan_qwen2;
  return nullptr;
}

std::size_t find_number(std::string_view text, std::size_t at) noexcept {
  while (at < text.size()) {
    const Char c = char_at(text, at);
    if (c.kind == Kind::kNumber) break;
    at += c.num_bytes;
  }
  return at;
}

std::size_t skip_numbers(std::string_view text, std::size_t at) noexcept {
  return skip(text, at, Kind::kNumber);
}

}  // namespace penstock::tokenizer
