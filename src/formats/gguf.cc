#include "formats/gguf.h"

#include <utility>

#include "formats/gguf_parser.h"

namespace penstock::formats {
namespace {

struct TypeName {
  std::string_view operator()(bool) const { return "a boolean"; }
  std::string_view operator()(std::int64_t) const { return "a signed integer"; }
  std::string_view operator()(std::uint64_t) const { return "an unsigned integer"; }
  std::string_view operator()(double) const { return "a float"; }
  std::string_view operator()(std::string_view) const { return "a string"; }
  std::string_view operator()(const std::vector<bool>&) const { return "an array of booleans"; }
  std::string_view operator()(const std::vector<std::int64_t>&) const {
    return "an array of signed integers";
  }
  std::string_view operator()(const std::vector<std::uint64_t>&) const {
    return "an array of unsigned integers";
  }
  std::string_view operator()(const std::vector<double>&) const { return "an array of floats"; }
  std::string_view operator()(const std::vector<std::string_view>&) const {
    return "an array of strings";
  }
  std::string_view operator()(const GgufNestedArray&) const { return "an array of arrays"; }
};

std::unexpected<Error> absent(std::string_view key) {
  return make_error(ErrorCode::kNotFound, "the file has no metadata key '{}'", key);
}

std::unexpected<Error> wrong_type(std::string_view key, const GgufValue& value,
                                  std::string_view wanted) {
  return make_error(ErrorCode::kInvalid, "metadata key '{}' is {}; it must be {}", key,
                    std::visit(TypeName{}, value), wanted);
}

}  // namespace

Result<GgufFile> GgufFile::parse(std::span<const std::byte> bytes) {
  return GgufParser(bytes).run();
}

const GgufValue* GgufFile::find(std::string_view key) const noexcept {
  const auto it = values_.find(key);
  return it == values_.end() ? nullptr : &it->second;
}

const TensorView* GgufFile::find_tensor(std::string_view name) const noexcept {
  const auto it = tensor_index_.find(name);
  return it == tensor_index_.end() ? nullptr : &tensors_[it->second];
}

Result<std::uint64_t> GgufFile::get_uint(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return absent(key);
  if (const auto* u = std::get_if<std::uint64_t>(value)) return *u;
  const auto* i = std::get_if<std::int64_t>(value);
  if (i == nullptr) return wrong_type(key, *value, "an integer");
  if (*i < 0) {
    return make_error(ErrorCode::kInvalid, "metadata key '{}' is {}; it must not be negative", key,
                      *i);
  }
  return static_cast<std::uint64_t>(*i);
}

Result<double> GgufFile::get_float(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return absent(key);
  if (const auto* d = std::get_if<double>(value)) return *d;
  if (const auto* u = std::get_if<std::uint64_t>(value)) return static_cast<double>(*u);
  if (const auto* i = std::get_if<std::int64_t>(value)) return static_cast<double>(*i);
  return wrong_type(key, *value, "a number");
}

Result<bool> GgufFile::get_bool(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return absent(key);
  if (const auto* b = std::get_if<bool>(value)) return *b;
  return wrong_type(key, *value, "a boolean");
}

Result<std::string_view> GgufFile::get_string(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return absent(key);
  if (const auto* s = std::get_if<std::string_view>(value)) return *s;
  return wrong_type(key, *value, "a string");
}

Result<std::span<const std::string_view>> GgufFile::get_strings(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return absent(key);
  if (const auto* v = std::get_if<std::vector<std::string_view>>(value)) {
    return std::span<const std::string_view>(*v);
  }
  return wrong_type(key, *value, "an array of strings");
}

}  // namespace penstock::formats
