#include "formats/safetensors.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "formats/bounded_json.h"
#include "formats/byte_reader.h"

namespace penstock::formats {
namespace {

using text::Json;

constexpr JsonBounds kHeaderBounds = {.max_bytes = SafetensorsFile::kMaxHeaderBytes,
                                      .max_values = std::size_t{1} << 20,
                                      .max_depth = 8};
constexpr std::size_t kMaxRank = 8;

struct Encoding {
  std::string_view name;
  std::uint64_t bytes;
  std::optional<DType> dtype;  // unset: known, but not read
};

constexpr std::array<Encoding, 14> kEncodings = {{
    {"F32", 4, DType::kF32},
    {"F16", 2, DType::kF16},
    {"BF16", 2, DType::kBF16},
    {"F64", 8, std::nullopt},
    {"I64", 8, std::nullopt},
    {"U64", 8, std::nullopt},
    {"I32", 4, std::nullopt},
    {"U32", 4, std::nullopt},
    {"I16", 2, std::nullopt},
    {"U16", 2, std::nullopt},
    {"I8", 1, std::nullopt},
    {"U8", 1, std::nullopt},
    {"BOOL", 1, std::nullopt},
    {"F8_E4M3", 1, std::nullopt},
}};

const Encoding* encoding_of(std::string_view name) {
  const auto it = std::ranges::find(kEncodings, name, &Encoding::name);
  return it == kEncodings.end() ? nullptr : &*it;
}

Result<std::uint64_t> count_of(const Json& value, std::string_view tensor, std::string_view field) {
  if (value.is_uint64() || (value.is_int() && value.as_int() >= 0)) return value.as_uint64();
  return make_error(ErrorCode::kInvalid, "tensor '{}': {} holds something other than counts",
                    tensor, field);
}

// One member of the header.
struct Entry {
  std::string name;
  std::string dtype;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

Result<std::vector<std::uint64_t>> counts_of(const Json& entry, std::string_view tensor,
                                             std::string_view field) {
  const Json* array = entry.find(field);
  if (array == nullptr || !array->is_array()) {
    return make_error(ErrorCode::kInvalid, "tensor '{}' has no array '{}'", tensor, field);
  }
  if (array->as_array().size() > kMaxRank) {
    return make_error(ErrorCode::kInvalid, "tensor '{}': {} has {} elements; the limit is {}",
                      tensor, field, array->as_array().size(), kMaxRank);
  }
  std::vector<std::uint64_t> counts;
  for (const Json& value : array->as_array()) {
    ASSIGN_OR_RETURN(const std::uint64_t count, count_of(value, tensor, field));
    counts.push_back(count);
  }
  return counts;
}

Result<Entry> entry_of(const std::string& name, const Json& json) {
  Entry entry{.name = name, .dtype = {}, .shape = {}};
  const Json* dtype = json.find("dtype");
  if (dtype == nullptr || !dtype->is_string()) {
    return make_error(ErrorCode::kInvalid, "tensor '{}' has no string 'dtype'", name);
  }
  entry.dtype = dtype->as_string();
  ASSIGN_OR_RETURN(entry.shape, counts_of(json, name, "shape"));
  ASSIGN_OR_RETURN(const auto offsets, counts_of(json, name, "data_offsets"));
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    return make_error(ErrorCode::kInvalid,
                      "tensor '{}': data_offsets must be two ascending numbers", name);
  }
  entry.begin = offsets[0];
  entry.end = offsets[1];
  return entry;
}

Status check_size(const Entry& entry) {
  const Encoding* encoding = encoding_of(entry.dtype);
  if (encoding == nullptr) return {};
  std::uint64_t bytes = encoding->bytes;
  for (const std::uint64_t dim : entry.shape) {
    if (__builtin_mul_overflow(bytes, dim, &bytes)) {
      return make_error(ErrorCode::kInvalid, "tensor '{}' has more than 2^64 bytes", entry.name);
    }
  }
  if (bytes != entry.end - entry.begin) {
    return make_error(ErrorCode::kInvalid,
                      "tensor '{}' takes {} bytes by shape and type, but {} by data_offsets",
                      entry.name, bytes, entry.end - entry.begin);
  }
  return {};
}

}  // namespace

class SafetensorsParser final {
 public:
  explicit SafetensorsParser(std::span<const std::byte> bytes) noexcept : in_(bytes) {}

  Result<SafetensorsFile> run() {
    ASSIGN_OR_RETURN(std::vector<Entry> entries, read_header());
    ASSIGN_OR_RETURN(const auto data, in_.take(in_.remaining(), "the tensor data"));
    RETURN_IF_ERROR(check_layout(entries, data.size()));
    for (Entry& entry : entries) add(std::move(entry), data);
    return std::move(file_);
  }

 private:
  // The tensors in the order of their bytes.
  Result<std::vector<Entry>> read_header() {
    ASSIGN_OR_RETURN(const auto length, in_.read<std::uint64_t>("the header length"));
    if (length > SafetensorsFile::kMaxHeaderBytes) {
      return make_error(ErrorCode::kInvalid, "the header claims {} bytes; the limit is {}", length,
                        SafetensorsFile::kMaxHeaderBytes);
    }
    ASSIGN_OR_RETURN(const auto raw, in_.take(length, "the header"));
    const std::string_view text(reinterpret_cast<const char*>(raw.data()), raw.size());
    ASSIGN_OR_RETURN(const Json header, parse_bounded_json(text, "the header", kHeaderBounds));
    if (!header.is_object()) {
      return make_error(ErrorCode::kInvalid, "the header is {}; it must be a JSON object",
                        header.type_name());
    }
    std::vector<Entry> entries;
    for (const auto& [name, value] : header.as_object()) {
      if (name == "__metadata__") continue;
      ASSIGN_OR_RETURN(Entry entry, entry_of(name, value));
      RETURN_IF_ERROR(check_size(entry));
      entries.push_back(std::move(entry));
    }
    std::ranges::stable_sort(entries, {}, [](const Entry& e) { return std::pair(e.begin, e.end); });
    return entries;
  }

  // No holes, no overlaps, nothing left over.
  static Status check_layout(const std::vector<Entry>& entries, std::uint64_t data_bytes) {
    std::uint64_t position = 0;
    for (const Entry& entry : entries) {
      if (entry.begin != position) {
        return make_error(ErrorCode::kInvalid,
                          "tensor '{}' begins at byte {} of the data; the one before it ends at {}",
                          entry.name, entry.begin, position);
      }
      if (entry.end > data_bytes) {
        return make_error(ErrorCode::kInvalid,
                          "tensor '{}' ends at byte {} of the data, which has {}", entry.name,
                          entry.end, data_bytes);
      }
      position = entry.end;
    }
    if (position != data_bytes) {
      return make_error(ErrorCode::kInvalid, "{} bytes after the last tensor belong to none",
                        data_bytes - position);
    }
    return {};
  }

  void add(Entry entry, std::span<const std::byte> data) {
    file_.names_.push_back(entry.name);
    const Encoding* encoding = encoding_of(entry.dtype);
    if (encoding == nullptr || !encoding->dtype) {
      file_.unreadable_.emplace(std::move(entry.name), std::move(entry.dtype));
      return;
    }
    file_.index_.emplace(entry.name, file_.tensors_.size());
    file_.tensors_.push_back(
        {.name = std::move(entry.name),
         .dtype = *encoding->dtype,
         .shape = std::move(entry.shape),
         .bytes = data.subspan(static_cast<std::size_t>(entry.begin),
                               static_cast<std::size_t>(entry.end - entry.begin))});
  }

  ByteReader in_;
  SafetensorsFile file_;
};

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  Result<SafetensorsFile> parsed = parse(file.bytes());
  if (!parsed) {
    return std::unexpected<Error>(std::move(parsed).error().with_context(path.string()));
  }
  parsed->file_ = std::move(file);
  return parsed;
}

Result<SafetensorsFile> SafetensorsFile::parse(std::span<const std::byte> bytes) {
  return SafetensorsParser(bytes).run();
}

Result<const TensorView*> SafetensorsFile::find_tensor(std::string_view name) const {
  const std::string key(name);
  if (const auto it = index_.find(key); it != index_.end()) return &tensors_[it->second];
  if (const auto it = unreadable_.find(key); it != unreadable_.end()) {
    return make_error(ErrorCode::kUnsupported,
                      "tensor '{}' has the type {}; F32, F16 and BF16 are supported", name,
                      it->second);
  }
  return make_error(ErrorCode::kNotFound, "there is no tensor '{}'", name);
}

}  // namespace penstock::formats
