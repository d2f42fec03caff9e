// GGUF: file header and metadata.
#include <utility>

#include "formats/gguf_parser.h"
#include "text/utf8.h"

namespace penstock::formats {
namespace {

enum ValueType : std::uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

// The fewest bytes one element of a type takes in the file; 0 for an unknown type.
std::uint64_t min_bytes(std::uint32_t type) {
  switch (type) {
    case kU8:
    case kI8:
    case kBool:
      return 1;
    case kU16:
    case kI16:
      return 2;
    case kU32:
    case kI32:
    case kF32:
      return 4;
    case kU64:
    case kI64:
    case kF64:
    case kString:
      return 8;
    case kArray:
      return 12;
    default:
      return 0;
  }
}

}  // namespace

Result<GgufParser::Counts> GgufParser::read_header() {
  ASSIGN_OR_RETURN(const auto magic, in_.take(4, "the magic"));
  if (std::memcmp(magic.data(), "GGUF", 4) != 0) {
    return make_error(ErrorCode::kInvalid, "not a GGUF file: it does not begin with 'GGUF'");
  }
  ASSIGN_OR_RETURN(file_.version_, in_.read<std::uint32_t>("the version"));
  if (file_.version_ != 0 && (file_.version_ & 0xFFFF) == 0) {
    return make_error(ErrorCode::kUnsupported,
                      "a big-endian GGUF file; only little-endian ones are read");
  }
  if (file_.version_ != 2 && file_.version_ != 3) {
    return make_error(ErrorCode::kUnsupported, "GGUF version {}; versions 2 and 3 are read",
                      file_.version_);
  }
  Counts counts;
  ASSIGN_OR_RETURN(counts.tensors, in_.read<std::uint64_t>("the number of tensors"));
  ASSIGN_OR_RETURN(counts.keys, in_.read<std::uint64_t>("the number of metadata keys"));
  if (counts.tensors > kMaxTensors) {
    return make_error(ErrorCode::kInvalid, "the file claims {} tensors; the limit is {}",
                      counts.tensors, kMaxTensors);
  }
  if (counts.keys > kMaxKeys) {
    return make_error(ErrorCode::kInvalid, "the file claims {} metadata keys; the limit is {}",
                      counts.keys, kMaxKeys);
  }
  return counts;
}

Status GgufParser::read_metadata(std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(const auto key, read_name(format("the name of metadata key {}", i)));
    const std::string field = format("metadata key '{}'", key);
    ASSIGN_OR_RETURN(const auto type, in_.read<std::uint32_t>(field + " (type)"));
    ASSIGN_OR_RETURN(GgufValue value, read_value(type, field));
    if (!file_.values_.emplace(key, std::move(value)).second) {
      return make_error(ErrorCode::kInvalid, "{} appears twice", field);
    }
    file_.keys_.push_back(key);
  }
  return {};
}

Result<std::string_view> GgufParser::read_string(std::string_view field) {
  ASSIGN_OR_RETURN(const auto length, in_.read<std::uint64_t>(field));
  ASSIGN_OR_RETURN(const auto raw, in_.take(length, field));
  return std::string_view(reinterpret_cast<const char*>(raw.data()), raw.size());
}

Result<std::string_view> GgufParser::read_name(std::string_view field) {
  const std::size_t at = in_.position();
  ASSIGN_OR_RETURN(const auto name, read_string(field));
  if (name.empty()) return make_error(ErrorCode::kInvalid, "{} at byte {} is empty", field, at);
  if (name.size() > kMaxNameBytes) {
    return make_error(ErrorCode::kInvalid, "{} at byte {} has {} bytes; the limit is {}", field, at,
                      name.size(), kMaxNameBytes);
  }
  if (text::find_invalid_utf8(name) != std::string_view::npos) {
    return make_error(ErrorCode::kInvalid, "{} at byte {} is not UTF-8", field, at);
  }
  return name;
}

Result<bool> GgufParser::read_bool(std::string_view field) {
  ASSIGN_OR_RETURN(const auto raw, in_.read<std::uint8_t>(field));
  if (raw > 1) {
    return make_error(ErrorCode::kInvalid, "{} is a boolean of value {}; it must be 0 or 1", field,
                      raw);
  }
  return raw == 1;
}

Result<GgufValue> GgufParser::read_value(std::uint32_t type, const std::string& field) {
  const auto widen = [&]<class Stored, class Wide>(Stored, Wide) -> Result<GgufValue> {
    ASSIGN_OR_RETURN(const Stored value, in_.read<Stored>(field));
    return GgufValue(static_cast<Wide>(value));
  };
  switch (type) {
    case kU8:
      return widen(std::uint8_t{}, std::uint64_t{});
    case kU16:
      return widen(std::uint16_t{}, std::uint64_t{});
    case kU32:
      return widen(std::uint32_t{}, std::uint64_t{});
    case kU64:
      return widen(std::uint64_t{}, std::uint64_t{});
    case kI8:
      return widen(std::int8_t{}, std::int64_t{});
    case kI16:
      return widen(std::int16_t{}, std::int64_t{});
    case kI32:
      return widen(std::int32_t{}, std::int64_t{});
    case kI64:
      return widen(std::int64_t{}, std::int64_t{});
    case kF32:
      return widen(float{}, double{});
    case kF64:
      return widen(double{}, double{});
    case kBool: {
      ASSIGN_OR_RETURN(const bool value, read_bool(field));
      return GgufValue(value);
    }
    case kString: {
      ASSIGN_OR_RETURN(const auto value, read_string(field));
      return GgufValue(value);
    }
    case kArray:
      return read_array(field, 1);
    default:
      return make_error(ErrorCode::kInvalid, "{} has the unknown value type {}", field, type);
  }
}

template <class T, class Read>
Result<GgufValue> GgufParser::read_each(std::uint64_t count, const Read& read) {
  std::vector<T> values(static_cast<std::size_t>(count));
  for (auto&& value : values) {
    ASSIGN_OR_RETURN(value, read());
  }
  return GgufValue(std::move(values));
}

template <class Stored, class Wide>
Result<GgufValue> GgufParser::read_numbers(std::uint64_t count, const std::string& field) {
  ASSIGN_OR_RETURN(const auto raw, in_.take(count * sizeof(Stored), field));
  std::vector<Wide> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    Stored value;
    std::memcpy(&value, raw.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = static_cast<Wide>(value);
  }
  return GgufValue(std::move(values));
}

Result<GgufValue> GgufParser::read_array(const std::string& field, int depth) {
  ASSIGN_OR_RETURN(const auto type, in_.read<std::uint32_t>(field + " (element type)"));
  ASSIGN_OR_RETURN(const auto count, in_.read<std::uint64_t>(field + " (element count)"));
  const std::uint64_t element_bytes = min_bytes(type);
  if (element_bytes == 0) {
    return make_error(ErrorCode::kInvalid, "{} is an array of the unknown value type {}", field,
                      type);
  }
  if (count > in_.remaining() / element_bytes) {
    return make_error(ErrorCode::kInvalid,
                      "{} claims {} elements of at least {} bytes, but {} bytes are left", field,
                      count, element_bytes, in_.remaining());
  }
  array_elements_ += count;
  if (array_elements_ > kMaxArrayElements) {
    return make_error(ErrorCode::kInvalid,
                      "{} brings the arrays of the metadata to {} elements; the limit is {}", field,
                      array_elements_, kMaxArrayElements);
  }
  return read_elements(type, count, field, depth);
}

Result<GgufValue> GgufParser::read_elements(std::uint32_t type, std::uint64_t count,
                                            const std::string& field, int depth) {
  switch (type) {
    case kU8:
      return read_numbers<std::uint8_t, std::uint64_t>(count, field);
    case kU16:
      return read_numbers<std::uint16_t, std::uint64_t>(count, field);
    case kU32:
      return read_numbers<std::uint32_t, std::uint64_t>(count, field);
    case kU64:
      return read_numbers<std::uint64_t, std::uint64_t>(count, field);
    case kI8:
      return read_numbers<std::int8_t, std::int64_t>(count, field);
    case kI16:
      return read_numbers<std::int16_t, std::int64_t>(count, field);
    case kI32:
      return read_numbers<std::int32_t, std::int64_t>(count, field);
    case kI64:
      return read_numbers<std::int64_t, std::int64_t>(count, field);
    case kF32:
      return read_numbers<float, double>(count, field);
    case kF64:
      return read_numbers<double, double>(count, field);
    case kArray:
      return read_nested(count, field, depth);
    case kBool:
      return read_each<bool>(count, [&] { return read_bool(field); });
    default:
      return read_each<std::string_view>(count, [&] { return read_string(field); });
  }
}

Result<GgufValue> GgufParser::read_nested(std::uint64_t count, const std::string& field,
                                          int depth) {
  if (depth >= kMaxArrayDepth) {
    return make_error(ErrorCode::kInvalid, "{} nests arrays deeper than {} levels", field,
                      kMaxArrayDepth);
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN([[maybe_unused]] const auto inner, read_array(field, depth + 1));
  }
  return GgufValue(GgufNestedArray{count});
}

}  // namespace penstock::formats
