// Safetensors: a JSON header and the bytes of named tensors.
//
// Every length and offset is untrusted; a broken file gives one error that names the tensor. Tensor
// bytes are views into the file, at any alignment. Byte format: docs/formats.md. Threading:
// immutable after parse.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "formats/mapped_file.h"
#include "formats/tensor.h"

namespace penstock::formats {

class SafetensorsFile final {
 public:
  static constexpr std::size_t kMaxHeaderBytes = std::size_t{16} << 20;

  // Maps and parses. The error's text begins with the path.
  [[nodiscard]] static Result<SafetensorsFile> open(const std::filesystem::path& path);
  // Parses bytes that outlive the result.
  [[nodiscard]] static Result<SafetensorsFile> parse(std::span<const std::byte> bytes);

  // kNotFound, or kUnsupported for a tensor of a type other than F32, F16 and BF16: such a tensor
  // is no error until it is asked for.
  [[nodiscard]] Result<const TensorView*> find_tensor(std::string_view name) const;
  // The readable tensors, in the order of their bytes.
  [[nodiscard]] const std::vector<TensorView>& tensors() const noexcept { return tensors_; }
  // Names of all tensors, in the order of their bytes.
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
  // What open() mapped.
  [[nodiscard]] const std::optional<MappedFile>& file() const noexcept { return file_; }

 private:
  friend class SafetensorsParser;
  SafetensorsFile() = default;

  std::optional<MappedFile> file_;
  std::vector<std::string> names_;
  std::vector<TensorView> tensors_;
  std::unordered_map<std::string, std::size_t> index_;       // into tensors_
  std::unordered_map<std::string, std::string> unreadable_;  // name to type
};

// Which file of a sharded model holds which tensor: model.safetensors.index.json.
struct SafetensorsIndex {
  // Shard file names, each a plain name in the same directory, in order of first mention.
  std::vector<std::string> files;
  std::unordered_map<std::string, std::size_t> file_of;  // tensor name to number in `files`
};
[[nodiscard]] Result<SafetensorsIndex> parse_safetensors_index(std::string_view json);

}  // namespace penstock::formats
