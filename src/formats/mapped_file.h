// A file mapped for reading. Ownership: movable handle; the mapping lives as long as it does.
// Whoever shortens the file meanwhile ends the process (SIGBUS): replace files by rename.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "base/result.h"

namespace penstock::formats {

class MappedFile final {
 public:
  // Errors: kNotFound, kIo; an empty file maps to no bytes.
  [[nodiscard]] static Result<MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  // When the file was last written, in nanoseconds since the epoch, as of open().
  [[nodiscard]] std::int64_t modified_ns() const noexcept { return modified_ns_; }

 private:
  MappedFile(std::span<const std::byte> bytes, std::int64_t modified_ns) noexcept
      : bytes_(bytes), modified_ns_(modified_ns) {}
  std::span<const std::byte> bytes_;
  std::int64_t modified_ns_ = 0;
};

}  // namespace penstock::formats
