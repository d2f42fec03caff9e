// Writes GGUF files for tests, well-formed or deliberately not.
//
//   GgufWriter writer;
//   writer.add_string("general.architecture", "llama");
//   writer.add_tensor("w", DType::kF32, {2, 3}, bytes);  // shape outermost first
//   std::string file = writer.finish();
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "formats/tensor.h"

namespace penstock::formats::testing {

inline std::uint32_t gguf_type(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return 0;
    case DType::kF16:
      return 1;
    case DType::kQ4_0:
      return 2;
    case DType::kQ4_1:
      return 3;
    case DType::kQ5_0:
      return 6;
    case DType::kQ5_1:
      return 7;
    case DType::kQ8_0:
      return 8;
    case DType::kQ4_K:
      return 12;
    case DType::kQ5_K:
      return 13;
    case DType::kQ6_K:
      return 14;
    case DType::kBF16:
      return 30;
  }
  return 0;
}

class GgufWriter final {
 public:
  template <class T>
  static void put(std::string& out, T value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  static void put_string(std::string& out, std::string_view text) {
    put<std::uint64_t>(out, text.size());
    out += text;
  }

  // A metadata value of any type number, its bytes as they are.
  void add_raw(std::string_view key, std::uint32_t type, std::string_view value) {
    put_string(metadata_, key);
    put(metadata_, type);
    metadata_ += value;
    ++num_keys;
  }
  template <class T>
  void add_scalar(std::string_view key, std::uint32_t type, T value) {
    std::string bytes;
    put(bytes, value);
    add_raw(key, type, bytes);
  }
  void add_u32(std::string_view key, std::uint32_t value) { add_scalar(key, 4, value); }
  void add_f32(std::string_view key, float value) { add_scalar(key, 6, value); }
  void add_bool(std::string_view key, bool value) {
    add_scalar(key, 7, static_cast<std::uint8_t>(value));
  }
  void add_string(std::string_view key, std::string_view value) {
    std::string bytes;
    put_string(bytes, value);
    add_raw(key, 8, bytes);
  }
  void add_strings(std::string_view key, const std::vector<std::string>& values) {
    std::string bytes;
    put<std::uint32_t>(bytes, 8);
    put<std::uint64_t>(bytes, values.size());
    for (const std::string& value : values) put_string(bytes, value);
    add_raw(key, 9, bytes);
  }

  void add_tensor(std::string_view name, DType dtype, const std::vector<std::uint64_t>& shape,
                  std::string_view bytes) {
    data_.resize((data_.size() + alignment - 1) / alignment * alignment);
    add_tensor_info(name, gguf_type(dtype), shape, data_.size());
    data_ += bytes;
  }
  // The info alone, with any numbers.
  void add_tensor_info(std::string_view name, std::uint32_t type,
                       const std::vector<std::uint64_t>& shape, std::uint64_t offset) {
    put_string(infos_, name);
    put(infos_, static_cast<std::uint32_t>(shape.size()));
    for (auto dim = shape.rbegin(); dim != shape.rend(); ++dim) put(infos_, *dim);
    put(infos_, type);
    put(infos_, offset);
    ++num_tensors;
  }
  void add_data(std::string_view bytes) { data_ += bytes; }

  [[nodiscard]] std::string finish() const {
    std::string out = "GGUF";
    put(out, version);
    put(out, num_tensors);
    put(out, num_keys);
    out += metadata_;
    out += infos_;
    if (!data_.empty()) out.resize((out.size() + alignment - 1) / alignment * alignment);
    return out + data_;
  }

  std::uint32_t version = 3;
  std::uint64_t num_keys = 0;
  std::uint64_t num_tensors = 0;
  std::uint64_t alignment = 32;  // of the writer; the file says so only by general.alignment

 private:
  std::string metadata_;
  std::string infos_;
  std::string data_;
};

}  // namespace penstock::formats::testing
