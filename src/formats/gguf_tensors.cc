// GGUF: tensor infos and where their data lies.
#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <utility>

#include "formats/gguf_parser.h"

namespace penstock::formats {
namespace {

// Tensor type numbers of the format; those we do not read are here for the error's text.
constexpr std::array<std::string_view, 40> kTypeNames = {
    "F32",   "F16",        "Q4_0",       "Q4_1",       "Q4_2",     "Q4_3",     "Q5_0",
    "Q5_1",  "Q8_0",       "Q8_1",       "Q2_K",       "Q3_K",     "Q4_K",     "Q5_K",
    "Q6_K",  "Q8_K",       "IQ2_XXS",    "IQ2_XS",     "IQ3_XXS",  "IQ1_S",    "IQ4_NL",
    "IQ3_S", "IQ2_S",      "IQ4_XS",     "I8",         "I16",      "I32",      "I64",
    "F64",   "IQ1_M",      "BF16",       "Q4_0_4_4",   "Q4_0_4_8", "Q4_0_8_8", "TQ1_0",
    "TQ2_0", "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8", "MXFP4"};

std::string type_text(std::uint32_t type) {
  return type < kTypeNames.size() ? format("{} ({})", kTypeNames[type], type)
                                  : format("number {}", type);
}

std::optional<DType> dtype_of(std::uint32_t type) {
  switch (type) {
    case 0:
      return DType::kF32;
    case 1:
      return DType::kF16;
    case 2:
      return DType::kQ4_0;
    case 3:
      return DType::kQ4_1;
    case 6:
      return DType::kQ5_0;
    case 7:
      return DType::kQ5_1;
    case 8:
      return DType::kQ8_0;
    case 12:
      return DType::kQ4_K;
    case 13:
      return DType::kQ5_K;
    case 14:
      return DType::kQ6_K;
    case 30:
      return DType::kBF16;
    default:
      return std::nullopt;
  }
}

}  // namespace

Status GgufParser::read_tensor_infos(std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(const PendingTensor pending, read_tensor_info());
    pending_.push_back(pending);
  }
  return file_.index_tensors();
}

Result<GgufParser::PendingTensor> GgufParser::read_tensor_info() {
  TensorView tensor;
  ASSIGN_OR_RETURN(const auto name,
                   read_name(format("the name of tensor {}", file_.tensors_.size())));
  tensor.name = name;
  const std::string field = format("tensor '{}'", name);
  ASSIGN_OR_RETURN(const auto num_dims, in_.read<std::uint32_t>(field + " (dimensions)"));
  if (num_dims == 0 || num_dims > kMaxDims) {
    return make_error(ErrorCode::kInvalid, "{} has {} dimensions; 1 to {} are allowed", field,
                      num_dims, kMaxDims);
  }
  std::uint64_t num_values = 1;
  for (std::uint32_t i = 0; i < num_dims; ++i) {
    ASSIGN_OR_RETURN(const auto dim, in_.read<std::uint64_t>(field + " (shape)"));
    if (dim == 0) return make_error(ErrorCode::kInvalid, "{} has a dimension of size 0", field);
    if (__builtin_mul_overflow(num_values, dim, &num_values)) {
      return make_error(ErrorCode::kInvalid, "the shape of {} has more than 2^64 values", field);
    }
    tensor.shape.push_back(dim);
  }
  // The file lists the innermost dimension first.
  std::ranges::reverse(tensor.shape);
  ASSIGN_OR_RETURN(const auto type, in_.read<std::uint32_t>(field + " (type)"));
  const std::optional<DType> dtype = dtype_of(type);
  if (!dtype) {
    return make_error(ErrorCode::kUnsupported, "{} has the type {}, which is not supported", field,
                      type_text(type));
  }
  tensor.dtype = *dtype;
  const DTypeInfo& layout = info(*dtype);
  if (tensor.shape.back() % layout.block_values != 0) {
    return make_error(ErrorCode::kInvalid,
                      "{} has rows of {} values, which blocks of {} ({}) do not divide", field,
                      tensor.shape.back(), layout.block_values, layout.name);
  }
  PendingTensor pending;
  if (__builtin_mul_overflow(num_values / layout.block_values, layout.block_bytes,
                             &pending.num_bytes)) {
    return make_error(ErrorCode::kInvalid, "{} has more than 2^64 bytes", field);
  }
  ASSIGN_OR_RETURN(pending.offset, in_.read<std::uint64_t>(field + " (offset)"));
  file_.tensors_.push_back(std::move(tensor));
  return pending;
}

Result<std::uint64_t> GgufParser::alignment() const {
  constexpr std::string_view kKey = "general.alignment";
  constexpr std::uint64_t kDefault = 32;
  if (file_.find(kKey) == nullptr) return kDefault;
  ASSIGN_OR_RETURN(const std::uint64_t value, file_.get_uint(kKey));
  if (!std::has_single_bit(value) || value < 8 || value > kMaxAlignment) {
    return make_error(ErrorCode::kInvalid, "{} is {}; it must be a power of two from 8 to {}", kKey,
                      value, kMaxAlignment);
  }
  return value;
}

Status GgufParser::place_tensors() {
  ASSIGN_OR_RETURN(const std::uint64_t align, alignment());
  const std::uint64_t padding = (align - in_.position() % align) % align;
  if (file_.tensors_.empty()) {
    file_.header_ = bytes_.first(in_.position());
    return {};
  }
  ASSIGN_OR_RETURN([[maybe_unused]] const auto skipped,
                   in_.take(padding, "the padding before the tensor data"));
  file_.header_ = bytes_.first(in_.position());
  const auto data = bytes_.subspan(in_.position());
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const PendingTensor& at = pending_[i];
    TensorView& tensor = file_.tensors_[i];
    if (at.offset % align != 0) {
      return make_error(ErrorCode::kInvalid,
                        "tensor '{}' is at offset {}, which is not a multiple of the alignment {}",
                        tensor.name, at.offset, align);
    }
    if (at.offset > data.size() || at.num_bytes > data.size() - at.offset) {
      return make_error(
          ErrorCode::kInvalid,
          "tensor '{}' takes {} bytes at offset {} of the tensor data, which has {} bytes",
          tensor.name, at.num_bytes, at.offset, data.size());
    }
    tensor.bytes =
        data.subspan(static_cast<std::size_t>(at.offset), static_cast<std::size_t>(at.num_bytes));
  }
  return check_disjoint();
}

Status GgufParser::check_disjoint() const {
  std::vector<std::size_t> order(pending_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return pending_[i].offset; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const PendingTensor& before = pending_[order[i - 1]];
    if (before.offset + before.num_bytes > pending_[order[i]].offset) {
      return make_error(ErrorCode::kInvalid, "tensors '{}' and '{}' overlap",
                        file_.tensors_[order[i - 1]].name, file_.tensors_[order[i]].name);
    }
  }
  return {};
}

Result<GgufFile> GgufParser::run() {
  ASSIGN_OR_RETURN(const Counts counts, read_header());
  RETURN_IF_ERROR(read_metadata(counts.keys));
  RETURN_IF_ERROR(read_tensor_infos(counts.tensors));
  RETURN_IF_ERROR(place_tensors());
  return std::move(file_);
}

}  // namespace penstock::formats
