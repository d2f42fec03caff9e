// A cursor over untrusted little-endian bytes. Every read is checked against the end; the error
// names the field, the place and how many bytes there are.
//
// Threading: one owner. Views that it returns live as long as the bytes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/result.h"

namespace penstock::formats {

static_assert(std::endian::native == std::endian::little, "the readers copy little-endian words");

class ByteReader final {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] std::size_t position() const noexcept { return position_; }
  [[nodiscard]] std::size_t remaining() const noexcept { return bytes_.size() - position_; }

  // The next `count` bytes.
  [[nodiscard]] Result<std::span<const std::byte>> take(std::uint64_t count,
                                                        std::string_view field) {
    if (count > remaining()) {
      return make_error(ErrorCode::kInvalid,
                        "{} at byte {} takes {} bytes, but the file ends after {}", field,
                        position_, count, bytes_.size());
    }
    const auto out = bytes_.subspan(position_, static_cast<std::size_t>(count));
    position_ += out.size();
    return out;
  }

  // An integer or float of fixed width.
  template <class T>
  [[nodiscard]] Result<T> read(std::string_view field) {
    ASSIGN_OR_RETURN(const auto raw, take(sizeof(T), field));
    T value;
    std::memcpy(&value, raw.data(), sizeof(T));
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t position_ = 0;
};

}  // namespace penstock::formats
