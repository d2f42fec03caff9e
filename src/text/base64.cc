#include "text/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace penstock::text {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNoDigit = 0xFF;

constexpr auto kDigits = [] {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    digits[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return digits;
}();

}  // namespace

std::string encode_base64(std::span<const std::byte> bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = (group << 8) | (j < have ? std::to_integer<std::uint32_t>(bytes[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out += j <= have ? kAlphabet[(group >> (18 - 6 * j)) & 63] : '=';
    }
  }
  return out;
}

Result<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) {
    return make_error(ErrorCode::kInvalid, "base64 has {} characters; it needs a multiple of 4",
                      text.size());
  }
  std::string out;
  out.reserve(text.size() / 4 * 3);
  const std::size_t pads = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  const std::size_t num_digits = text.size() - pads;
  for (std::size_t i = 0; i < num_digits; i += 4) {
    const std::size_t have = std::min<std::size_t>(4, num_digits - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      const std::uint8_t digit = j < have ? kDigits[static_cast<unsigned char>(text[i + j])] : 0;
      if (digit == kNoDigit) {
        return make_error(ErrorCode::kInvalid, "base64 has a wrong character at offset {}", i + j);
      }
      group = (group << 6) | digit;
    }
    const std::size_t num_bytes = have - 1;
    if ((group & (0xFFFFFFU >> (8 * num_bytes))) != 0) {
      return make_error(ErrorCode::kInvalid, "base64 ends in bits that belong to no byte");
    }
    for (std::size_t j = 0; j < num_bytes; ++j) {
      out += static_cast<char>((group >> (16 - 8 * j)) & 0xFF);
    }
  }
  return out;
}

}  // namespace penstock::text
