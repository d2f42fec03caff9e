// The walk over a GGUF file's bytes; formats/gguf.h is what others include.
//
// Limits, all far above real files: they bound memory to a small multiple of the bytes read.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "formats/byte_reader.h"
#include "formats/gguf.h"

namespace penstock::formats {

class GgufParser final {
 public:
  static constexpr std::uint64_t kMaxKeys = 1U << 16;
  static constexpr std::uint64_t kMaxTensors = 1U << 18;
  static constexpr std::uint64_t kMaxNameBytes = 1024;
  static constexpr std::uint64_t kMaxArrayElements = std::uint64_t{1} << 25;  // of all arrays
  static constexpr std::uint64_t kMaxAlignment = std::uint64_t{1} << 20;
  static constexpr int kMaxArrayDepth = 4;
  static constexpr std::uint32_t kMaxDims = 4;

  explicit GgufParser(std::span<const std::byte> bytes) noexcept : bytes_(bytes), in_(bytes) {}

  [[nodiscard]] Result<GgufFile> run();

 private:
  struct Counts {
    std::uint64_t tensors = 0;
    std::uint64_t keys = 0;
  };
  // Where a tensor's data starts, relative to the data section.
  struct PendingTensor {
    std::uint64_t offset = 0;
    std::uint64_t num_bytes = 0;
  };

  [[nodiscard]] Result<Counts> read_header();
  [[nodiscard]] Status read_metadata(std::uint64_t count);
  [[nodiscard]] Result<std::string_view> read_string(std::string_view field);
  [[nodiscard]] Result<std::string_view> read_name(std::string_view field);
  [[nodiscard]] Result<GgufValue> read_value(std::uint32_t type, const std::string& field);
  [[nodiscard]] Result<GgufValue> read_array(const std::string& field, int depth);
  [[nodiscard]] Result<GgufValue> read_elements(std::uint32_t type, std::uint64_t count,
                                                const std::string& field, int depth);
  template <class T, class Read>
  [[nodiscard]] static Result<GgufValue> read_each(std::uint64_t count, const Read& read);
  [[nodiscard]] Result<GgufValue> read_nested(std::uint64_t count, const std::string& field,
                                              int depth);
  template <class Stored, class Wide>
  [[nodiscard]] Result<GgufValue> read_numbers(std::uint64_t count, const std::string& field);
  [[nodiscard]] Result<bool> read_bool(std::string_view field);

  [[nodiscard]] Status read_tensor_infos(std::uint64_t count);
  [[nodiscard]] Result<PendingTensor> read_tensor_info();
  [[nodiscard]] Status place_tensors();
  [[nodiscard]] Status check_disjoint() const;
  [[nodiscard]] Result<std::uint64_t> alignment() const;

  std::span<const std::byte> bytes_;
  ByteReader in_;
  GgufFile file_;
  std::vector<PendingTensor> pending_;  // of file_.tensors_, same order
  std::uint64_t array_elements_ = 0;
};

}  // namespace penstock::formats
