// Opening GGUF files, split ones included.
#include <algorithm>
#include <iterator>
#include <utility>

#include "formats/gguf.h"

namespace penstock::formats {
namespace {

constexpr std::string_view kPartNumber = "split.no";
constexpr std::string_view kPartCount = "split.count";
constexpr std::string_view kTensorCount = "split.tensors.count";
constexpr std::uint64_t kMaxParts = 1000;

std::string part_suffix(std::uint64_t number, std::uint64_t num_parts) {
  return format("-{:05}-of-{:05}.gguf", number + 1, num_parts);
}

// 1 for a file that is not split.
Result<std::uint64_t> count_parts(const GgufFile& file) {
  if (file.find(kPartCount) == nullptr) return 1;
  ASSIGN_OR_RETURN(const std::uint64_t count, file.get_uint(kPartCount));
  if (count > kMaxParts) {
    return make_error(ErrorCode::kInvalid, "metadata key '{}' is {}; the limit is {}", kPartCount,
                      count, kMaxParts);
  }
  return count == 0 ? 1 : count;
}

// The path of every part, from that of the first.
Result<std::vector<std::filesystem::path>> part_paths(const GgufFile& first,
                                                      const std::filesystem::path& path,
                                                      std::uint64_t num_parts) {
  ASSIGN_OR_RETURN(const std::uint64_t number, first.get_uint(kPartNumber));
  const std::string name = path.filename().string();
  const std::string suffix = part_suffix(0, num_parts);
  if (number != 0 || !name.ends_with(suffix)) {
    return make_error(ErrorCode::kInvalid,
                      "this is part {} of {}; open the first, whose name ends in '{}'", number + 1,
                      num_parts, suffix);
  }
  std::vector<std::filesystem::path> paths;
  const std::string stem = name.substr(0, name.size() - suffix.size());
  for (std::uint64_t i = 0; i < num_parts; ++i) {
    paths.push_back(path.parent_path() / (stem + part_suffix(i, num_parts)));
  }
  return paths;
}

}  // namespace

Result<GgufFile> GgufFile::open_one(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  Result<GgufFile> parsed = parse(file.bytes());
  if (!parsed) {
    return std::unexpected<Error>(std::move(parsed).error().with_context(path.string()));
  }
  parsed->files_.push_back(std::move(file));
  parsed->paths_.push_back(path);
  return parsed;
}

Result<GgufFile> GgufFile::open(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(GgufFile first, open_one(path));
  const auto in_context = [&](Error error) {
    return std::unexpected<Error>(std::move(error).with_context(path.string()));
  };
  Result<std::uint64_t> num_parts = count_parts(first);
  if (!num_parts) return in_context(std::move(num_parts).error());
  if (*num_parts == 1) return first;
  auto paths = part_paths(first, path, *num_parts);
  if (!paths) return in_context(std::move(paths).error());
  for (std::uint64_t i = 1; i < *num_parts; ++i) {
    ASSIGN_OR_RETURN(GgufFile part, open_one((*paths)[i]));
    Status added = first.add_part(std::move(part), i, *num_parts);
    if (!added) {
      return std::unexpected<Error>(std::move(added).error().with_context((*paths)[i].string()));
    }
  }
  Status indexed = first.index_tensors();
  if (!indexed) return in_context(std::move(indexed).error());
  if (first.find(kTensorCount) != nullptr) {
    const Result<std::uint64_t> expected = first.get_uint(kTensorCount);
    if (!expected) return in_context(expected.error());
    if (*expected != first.tensors_.size()) {
      return make_error(ErrorCode::kInvalid, "{}: the parts hold {} tensors; '{}' says {}",
                        path.string(), first.tensors_.size(), kTensorCount, *expected);
    }
  }
  return first;
}

Status GgufFile::add_part(GgufFile part, std::uint64_t number, std::uint64_t num_parts) {
  ASSIGN_OR_RETURN(const std::uint64_t own_number, part.get_uint(kPartNumber));
  ASSIGN_OR_RETURN(const std::uint64_t own_count, part.get_uint(kPartCount));
  if (own_number != number || own_count != num_parts) {
    return make_error(ErrorCode::kInvalid, "it says that it is part {} of {}; it must be {} of {}",
                      own_number + 1, own_count, number + 1, num_parts);
  }
  std::ranges::move(part.tensors_, std::back_inserter(tensors_));
  std::ranges::move(part.files_, std::back_inserter(files_));
  std::ranges::move(part.paths_, std::back_inserter(paths_));
  return {};
}

// To be called once tensors_ no longer grows: the keys view the names in it.
Status GgufFile::index_tensors() {
  tensor_index_.clear();
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const std::string_view name = tensors_[i].name;
    if (!tensor_index_.emplace(name, i).second) {
      return make_error(ErrorCode::kInvalid, "tensor '{}' appears twice", name);
    }
  }
  return {};
}

}  // namespace penstock::formats
