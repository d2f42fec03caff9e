// The model digest: what tells two models apart, two fine-tunes of one shape included.
//
// SHA-256 over the byte stream described in docs/formats.md ("Model digest"). The per-user cache
// ($XDG_CACHE_HOME/penstock, else ~/.cache/penstock) remembers it under the paths, sizes and
// modification times of the files; whatever goes wrong there costs time only. Threading: pure
// functions but for that cache, whose entries appear by rename.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "formats/mapped_file.h"
#include "formats/tensor.h"

namespace penstock::text {
class Json;
}

namespace penstock::model {

// `configuration` is the GGUF header or the canonical config.json; tensors are in name order.
[[nodiscard]] std::string digest_model(std::string_view configuration,
                                       std::span<const formats::TensorView* const> tensors);

// Members sorted by name at every level, compact; members of the top level whose names begin with
// "_" are remarks of the tools that wrote the file and left out.
[[nodiscard]] std::string canonical_config(const text::Json& config_json);

// A state of a file that its bytes are taken to follow from.
struct FileStamp {
  std::string path;  // absolute, links resolved
  std::uint64_t size_bytes = 0;
  std::int64_t modified_ns = 0;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};
// Of a file as it was when mapped, and as it is now. Nothing when the path leads nowhere.
[[nodiscard]] std::optional<FileStamp> stamp_mapped(const std::filesystem::path& path,
                                                    const formats::MappedFile& file);
[[nodiscard]] std::optional<FileStamp> stamp_now(const std::filesystem::path& path);

class DigestCache final {
 public:
  // The user's cache; without a home directory nothing is found or kept.
  [[nodiscard]] static DigestCache of_user();
  explicit DigestCache(std::filesystem::path directory) : directory_(std::move(directory)) {}

  [[nodiscard]] std::optional<std::string> find(std::span<const FileStamp> files) const;
  void store(std::span<const FileStamp> files, std::string_view digest) const;

 private:
  std::filesystem::path directory_;  // empty: no cache
};

}  // namespace penstock::model
