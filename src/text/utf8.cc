#include "text/utf8.h"

#include <algorithm>
#include <cstring>

namespace penstock::text {
namespace {

// Length of a sequence by its first byte; 0 for bytes that cannot start one.
constexpr int length_of_lead(unsigned char lead) noexcept {
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) return 3;
  return lead < 0xF5 ? 4 : 0;
}

// Whether `second` may follow `lead` (no overlong forms, surrogates, or values over U+10FFFF).
constexpr bool is_second(unsigned char lead, unsigned char second) noexcept {
  switch (lead) {
    case 0xE0:
      return second >= 0xA0 && second <= 0xBF;
    case 0xED:
      return second >= 0x80 && second <= 0x9F;
    case 0xF0:
      return second >= 0x90 && second <= 0xBF;
    case 0xF4:
      return second >= 0x80 && second <= 0x8F;
    default:
      return second >= 0x80 && second <= 0xBF;
  }
}

constexpr bool is_continuation(unsigned char c) noexcept {
  return (c & 0xC0) == 0x80;
}

// How many bytes from `at` are well-formed so far, and how many the sequence wants.
struct Prefix {
  std::size_t good = 0;
  std::size_t wanted = 0;  // 0: the first byte starts nothing
};

Prefix well_formed_prefix(std::string_view bytes, std::size_t at) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[at + i]); };
  const auto wanted = static_cast<std::size_t>(length_of_lead(byte(0)));
  if (wanted == 0) return {};
  std::size_t good = 1;
  const std::size_t available = bytes.size() - at;
  while (good < wanted && good < available &&
         (good == 1 ? is_second(byte(0), byte(1)) : is_continuation(byte(good)))) {
    ++good;
  }
  return {good, wanted};
}

// The length of the character that `bytes` begin with where its lead allows any continuation and
// it is whole; else 0.
inline std::size_t common_length(std::string_view bytes) noexcept {
  if (bytes.size() < 3) return 0;
  const auto lead = static_cast<unsigned char>(bytes[0]);
  const auto second = static_cast<unsigned char>(bytes[1]);
  const auto third = static_cast<unsigned char>(bytes[2]);
  if (lead < 0x80) return 1;
  if (lead >= 0xE1 && lead <= 0xEF && lead != 0xED) {
    return is_continuation(second) && is_continuation(third) ? 3 : 0;
  }
  return lead >= 0xC2 && lead < 0xE0 && is_continuation(second) ? 2 : 0;
}

}  // namespace

std::size_t find_invalid_utf8(std::string_view bytes) noexcept {
  std::size_t i = 0;
  while (i < bytes.size()) {
    if (bytes.size() - i >= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i, 8);
      if ((word & 0x8080808080808080U) == 0) {
        i += 8;
        continue;
      }
    }
    // Runs of one script: all but the rare leads of two and three bytes, without a call each.
    const std::size_t length = common_length(bytes.substr(i, 3));
    if (length > 0) {
      i += length;
      continue;
    }
    const Prefix prefix = well_formed_prefix(bytes, i);
    if (prefix.wanted == 0 || prefix.good < prefix.wanted) return i;
    i += prefix.wanted;
  }
  return std::string_view::npos;
}

DecodedChar decode_utf8(std::string_view bytes, std::size_t at) noexcept {
  const Prefix prefix = well_formed_prefix(bytes, at);
  if (prefix.wanted == 0 || prefix.good < prefix.wanted) return {};
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(bytes[at + i]));
  };
  switch (prefix.wanted) {
    case 1:
      return {byte(0), 1};
    case 2:
      return {((byte(0) & 0x1F) << 6) | (byte(1) & 0x3F), 2};
    case 3:
      return {((byte(0) & 0x0F) << 12) | ((byte(1) & 0x3F) << 6) | (byte(2) & 0x3F), 3};
    default:
      return {((byte(0) & 0x07) << 18) | ((byte(1) & 0x3F) << 12) | ((byte(2) & 0x3F) << 6) |
                  (byte(3) & 0x3F),
              4};
  }
}

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&out](char32_t value) { out += static_cast<char>(value); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

std::size_t incomplete_utf8_tail(std::string_view bytes) noexcept {
  for (std::size_t back = 1; back <= 3 && back <= bytes.size(); ++back) {
    const std::size_t at = bytes.size() - back;
    if (is_continuation(static_cast<unsigned char>(bytes[at]))) continue;
    const Prefix prefix = well_formed_prefix(bytes, at);
    return prefix.good == back && prefix.good < prefix.wanted ? back : 0;
  }
  return 0;
}

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  bool in_ill_formed_run = false;
  append_replacing_invalid(out, bytes, in_ill_formed_run);
  return out;
}

void append_replacing_invalid(std::string& out, std::string_view bytes, bool& in_ill_formed_run) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t bad = std::min(find_invalid_utf8(bytes.substr(at)), bytes.size() - at);
    if (bad > 0) {
      out.append(bytes, at, bad);
      in_ill_formed_run = false;
      at += bad;
      continue;
    }
    if (!in_ill_formed_run) append_utf8(out, kReplacement);
    in_ill_formed_run = true;
    at += std::max<std::size_t>(1, well_formed_prefix(bytes, at).good);
  }
}

}  // namespace penstock::text
