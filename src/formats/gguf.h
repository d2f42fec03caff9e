// GGUF, versions 2 and 3: metadata and tensors of one model file.
//
// Every size, offset and count in the file is untrusted; a broken file gives one error that names
// the field and its place. Strings and tensor bytes are views into the file, nothing is copied.
// Byte format: docs/formats.md. Threading: immutable after parse; share freely.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/result.h"
#include "formats/mapped_file.h"
#include "formats/tensor.h"

namespace penstock::formats {

// An array of arrays: checked like all else, but its contents are not kept.
struct GgufNestedArray {
  std::uint64_t num_elements = 0;
};

// One metadata value. All integer types widen to i64 or u64, floats to double, arrays likewise.
// Strings are as written: nothing says that they are UTF-8. (Keys and tensor names are.)
using GgufValue =
    std::variant<bool, std::int64_t, std::uint64_t, double, std::string_view, std::vector<bool>,
                 std::vector<std::int64_t>, std::vector<std::uint64_t>, std::vector<double>,
                 std::vector<std::string_view>, GgufNestedArray>;

class GgufFile final {
 public:
  // Maps and parses. The error's text begins with the path: kInvalid for a broken file,
  // kUnsupported for a version, byte order or tensor type that is not read. Given the first part
  // of a split file (NAME-00001-of-0000N.gguf), its siblings are opened too and their tensors
  // added.
  [[nodiscard]] static Result<GgufFile> open(const std::filesystem::path& path);
  // Parses bytes that outlive the result.
  [[nodiscard]] static Result<GgufFile> parse(std::span<const std::byte> bytes);

  [[nodiscard]] std::uint32_t version() const noexcept { return version_; }
  [[nodiscard]] const GgufValue* find(std::string_view key) const noexcept;

  // Typed look-ups: absent = kNotFound, another type or out of range = kInvalid, naming the key.
  [[nodiscard]] Result<std::uint64_t> get_uint(std::string_view key) const;
  [[nodiscard]] Result<double> get_float(std::string_view key) const;  // integers widen
  [[nodiscard]] Result<bool> get_bool(std::string_view key) const;
  [[nodiscard]] Result<std::string_view> get_string(std::string_view key) const;
  [[nodiscard]] Result<std::span<const std::string_view>> get_strings(std::string_view key) const;

  // Metadata keys in file order.
  [[nodiscard]] const std::vector<std::string_view>& keys() const noexcept { return keys_; }
  [[nodiscard]] const std::vector<TensorView>& tensors() const noexcept { return tensors_; }
  [[nodiscard]] const TensorView* find_tensor(std::string_view name) const noexcept;
  // The bytes before the tensor data, of the first part: what the model digest covers as "GGUF
  // header".
  [[nodiscard]] std::span<const std::byte> header_bytes() const noexcept { return header_; }
  // The files that open() mapped, in order: one, or all parts. And their paths.
  [[nodiscard]] const std::vector<MappedFile>& files() const noexcept { return files_; }
  [[nodiscard]] const std::vector<std::filesystem::path>& paths() const noexcept { return paths_; }

 private:
  friend class GgufParser;
  GgufFile() = default;
  [[nodiscard]] static Result<GgufFile> open_one(const std::filesystem::path& path);
  [[nodiscard]] Status add_part(GgufFile part, std::uint64_t number, std::uint64_t num_parts);
  [[nodiscard]] Status index_tensors();

  std::vector<MappedFile> files_;
  std::vector<std::filesystem::path> paths_;
  std::uint32_t version_ = 0;
  std::vector<std::string_view> keys_;
  std::unordered_map<std::string_view, GgufValue> values_;
  std::vector<TensorView> tensors_;
  std::unordered_map<std::string_view, std::size_t> tensor_index_;
  std::span<const std::byte> header_;
};

}  // namespace penstock::formats
