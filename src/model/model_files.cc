#include "model/model_files.h"

#include <algorithm>
#include <utility>

#include "formats/bounded_json.h"
#include "formats/gguf.h"
#include "formats/mapped_file.h"
#include "formats/safetensors.h"
#include "model/generation_defaults.h"
#include "model/model_digest.h"
#include "model/tensor_table.h"
#include "model/weight_map.h"
#include "text/json.h"

namespace penstock::model {
namespace {

namespace fs = std::filesystem;
using formats::GgufFile;
using formats::MappedFile;
using formats::SafetensorsFile;
using text::Json;

constexpr formats::JsonBounds kConfigBounds = {
    .max_bytes = std::size_t{4} << 20, .max_values = std::size_t{1} << 17, .max_depth = 32};

Result<Json> read_json(const fs::path& path) {
  ASSIGN_OR_RETURN(const MappedFile file, MappedFile::open(path));
  return formats::parse_bounded_json(file.text(), path.string(), kConfigBounds);
}

template <class T>
Result<T> at(const fs::path& path, Result<T> result) {
  if (result) return result;
  return std::unexpected<Error>(std::move(result).error().with_context(path.string()));
}

}  // namespace

struct ModelFiles::Impl {
  fs::path path;
  ModelConfig config;
  ModelWeights weights;
  GenerationDefaults generation;
  std::optional<GgufFile> gguf;
  std::vector<SafetensorsFile> shards;
  std::string canonical_config;  // of a directory
  TensorTable tensors;
  // The files that the digest depends on, as they were when mapped.
  std::vector<FileStamp> stamps;
  bool all_stamped = true;
  std::uint64_t weight_bytes = 0;

  Status open_gguf();
  Status open_directory();
  Status open_shards();
  Status read_generation_defaults(const Json& config_json);
  void stamp(const fs::path& file, const MappedFile& mapped);
  [[nodiscard]] bool unchanged_since_mapped() const;
};

Status ModelFiles::Impl::open_gguf() {
  ASSIGN_OR_RETURN(gguf, GgufFile::open(path));
  for (std::size_t i = 0; i < gguf->files().size(); ++i) stamp(gguf->paths()[i], gguf->files()[i]);
  for (const formats::TensorView& tensor : gguf->tensors()) {
    RETURN_IF_ERROR(tensors.add(tensor.name, &tensor));
  }
  ASSIGN_OR_RETURN(config, at(path, config_from_gguf(*gguf)));
  ASSIGN_OR_RETURN(weights, at(path, map_weights(config, WeightNames::kGguf, tensors)));
  return {};
}

Status ModelFiles::Impl::open_directory() {
  const fs::path config_path = path / "config.json";
  ASSIGN_OR_RETURN(const MappedFile config_file, MappedFile::open(config_path));
  stamp(config_path, config_file);
  ASSIGN_OR_RETURN(const Json config_json,
                   parse_bounded_json(config_file.text(), config_path.string(), kConfigBounds));
  ASSIGN_OR_RETURN(config, at(config_path, config_from_hf(config_json)));
  canonical_config = model::canonical_config(config_json);
  RETURN_IF_ERROR(open_shards());
  ASSIGN_OR_RETURN(weights, at(path, map_weights(config, WeightNames::kHuggingFace, tensors)));
  return read_generation_defaults(config_json);
}

Status ModelFiles::Impl::open_shards() {
  const fs::path single = path / "model.safetensors";
  const fs::path index_path = path / "model.safetensors.index.json";
  formats::SafetensorsIndex index;
  std::vector<fs::path> files = {single};
  std::error_code ignored;
  if (!fs::exists(single, ignored)) {
    if (!fs::exists(index_path, ignored)) {
      return make_error(ErrorCode::kNotFound,
                        "{}: there is neither model.safetensors nor model.safetensors.index.json; "
                        "weights in other formats must be converted to safetensors",
                        path.string());
    }
    ASSIGN_OR_RETURN(const MappedFile file, MappedFile::open(index_path));
    ASSIGN_OR_RETURN(index, at(index_path, formats::parse_safetensors_index(file.text())));
    files.clear();
    for (const std::string& name : index.files) files.push_back(path / name);
  }
  shards.reserve(files.size());
  for (const fs::path& file : files) {
    ASSIGN_OR_RETURN(SafetensorsFile shard, SafetensorsFile::open(file));
    stamp(file, *shard.file());
    shards.push_back(std::move(shard));
    for (const std::string& name : shards.back().names()) {
      RETURN_IF_ERROR(at(file, tensors.add(name, shards.back().find_tensor(name))));
    }
  }
  for (const auto& [name, number] : index.file_of) {
    const auto found = shards[number].find_tensor(name);
    if (!found && found.error().code() == ErrorCode::kNotFound) {
      return make_error(ErrorCode::kInvalid, "{}: tensor '{}' is not in {}, where the index has it",
                        index_path.string(), name, index.files[number]);
    }
  }
  return {};
}

// Without a generation_config.json the end tokens of config.json hold.
Status ModelFiles::Impl::read_generation_defaults(const Json& config_json) {
  const fs::path file = path / "generation_config.json";
  Result<Json> json = read_json(file);
  if (!json && json.error().code() != ErrorCode::kNotFound) {
    return std::unexpected<Error>(std::move(json).error());
  }
  if (json) {
    ASSIGN_OR_RETURN(generation, at(file, parse_generation_defaults(*json)));
    return {};
  }
  Json::Object end_tokens;
  if (const Json* eos = config_json.find("eos_token_id"); eos != nullptr) {
    end_tokens.set("eos_token_id", *eos);
  }
  ASSIGN_OR_RETURN(
      generation, at(path / "config.json", parse_generation_defaults(Json(std::move(end_tokens)))));
  return {};
}

void ModelFiles::Impl::stamp(const fs::path& file, const MappedFile& mapped) {
  std::optional<FileStamp> stamped = stamp_mapped(file, mapped);
  all_stamped = all_stamped && stamped;
  if (stamped) stamps.push_back(*std::move(stamped));
}

bool ModelFiles::Impl::unchanged_since_mapped() const {
  return all_stamped && std::ranges::all_of(stamps, [](const FileStamp& stamped) {
           return stamp_now(stamped.path) == stamped;
         });
}

ModelFiles::ModelFiles(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ModelFiles::~ModelFiles() = default;

Result<std::unique_ptr<ModelFiles>> ModelFiles::open(const fs::path& path) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    RETURN_IF_ERROR(impl->open_directory());
  } else {
    RETURN_IF_ERROR(impl->open_gguf());
  }
  for (const formats::TensorView* tensor : impl->tensors.readable()) {
    impl->weight_bytes += tensor->bytes.size();
  }
  return std::unique_ptr<ModelFiles>(new ModelFiles(std::move(impl)));
}

const ModelConfig& ModelFiles::config() const noexcept {
  return impl_->config;
}
const ModelWeights& ModelFiles::weights() const noexcept {
  return impl_->weights;
}
const GenerationDefaults& ModelFiles::generation_defaults() const noexcept {
  return impl_->generation;
}
const fs::path& ModelFiles::path() const noexcept {
  return impl_->path;
}
const GgufFile* ModelFiles::gguf() const noexcept {
  return impl_->gguf ? &*impl_->gguf : nullptr;
}

Result<std::string> ModelFiles::read_file(std::string_view name, std::size_t max_bytes) const {
  if (impl_->gguf) {
    return make_error(ErrorCode::kNotFound, "{} is one GGUF file; there is no {} beside it",
                      impl_->path.string(), name);
  }
  const fs::path file = impl_->path / name;
  ASSIGN_OR_RETURN(const MappedFile mapped, MappedFile::open(file));
  if (mapped.bytes().size() > max_bytes) {
    return make_error(ErrorCode::kResourceExhausted, "{} has {} bytes; the limit is {}",
                      file.string(), mapped.bytes().size(), max_bytes);
  }
  return std::string(mapped.text());
}

std::string ModelFiles::compute_digest() const {
  const DigestCache cache = DigestCache::of_user();
  const bool cacheable = impl_->unchanged_since_mapped();
  if (cacheable) {
    if (auto known = cache.find(impl_->stamps)) return *std::move(known);
  }
  std::string_view configuration = impl_->canonical_config;
  if (impl_->gguf) {
    const auto header = impl_->gguf->header_bytes();
    configuration = {reinterpret_cast<const char*>(header.data()), header.size()};
  }
  std::string digest = digest_model(configuration, impl_->tensors.readable());
  if (cacheable) cache.store(impl_->stamps, digest);
  return digest;
}

std::uint64_t ModelFiles::weight_bytes() const noexcept {
  return impl_->weight_bytes;
}

}  // namespace penstock::model
