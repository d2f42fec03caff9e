// A tensor in a file: where its bytes are and how they are to be read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::formats {

// Element encodings, quantized ones as blocks along the innermost dimension. Block layouts are
// those of the GGUF format.
enum class DType : std::uint8_t {
  kF32,
  kF16,
  kBF16,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ4_K,
  kQ5_K,
  kQ6_K,
};

struct DTypeInfo {
  std::string_view name;     // as in GGUF: "Q4_1"
  std::size_t block_values;  // values per block; 1 for plain types
  std::size_t block_bytes;
};
[[nodiscard]] const DTypeInfo& info(DType dtype) noexcept;

// A read-only view; the bytes belong to the file that gave it and live as long as that.
// Row-major: shape[0] is the outermost dimension (rows), shape.back() the innermost, which is the
// contracted one (K) of a weight matrix. `bytes` is exactly as long as shape and dtype say, and at
// any alignment.
struct TensorView {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::uint64_t> shape;
  std::span<const std::byte> bytes;

  [[nodiscard]] std::uint64_t num_values() const noexcept;
};

}  // namespace penstock::formats
