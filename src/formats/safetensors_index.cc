#include <filesystem>

#include "formats/bounded_json.h"
#include "formats/safetensors.h"

namespace penstock::formats {
namespace {

constexpr JsonBounds kIndexBounds = {
    .max_bytes = std::size_t{64} << 20, .max_values = std::size_t{1} << 20, .max_depth = 16};
constexpr std::size_t kMaxShards = 4096;

// A file name that stays in its directory.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

}  // namespace

Result<SafetensorsIndex> parse_safetensors_index(std::string_view json) {
  ASSIGN_OR_RETURN(const text::Json document, parse_bounded_json(json, "the index", kIndexBounds));
  const text::Json* map = document.find("weight_map");
  if (map == nullptr || !map->is_object()) {
    return make_error(ErrorCode::kInvalid, "the index has no object 'weight_map'");
  }
  SafetensorsIndex index;
  std::unordered_map<std::string, std::size_t> number_of;
  for (const auto& [tensor, file] : map->as_object()) {
    if (!file.is_string() || !is_plain_name(file.as_string())) {
      return make_error(ErrorCode::kInvalid,
                        "the index maps tensor '{}' to something other than a plain file name",
                        tensor);
    }
    const auto [it, added] = number_of.try_emplace(file.as_string(), index.files.size());
    if (added) index.files.push_back(file.as_string());
    if (index.files.size() > kMaxShards) {
      return make_error(ErrorCode::kInvalid, "the index names more than {} files", kMaxShards);
    }
    index.file_of.emplace(tensor, it->second);
  }
  return index;
}

}  // namespace penstock::formats
