#include "model/cuda/dense_weights.h"

#include <cmath>

#include "device/cuda/cuda_error.h"
#include "kernels/cuda/random_values.h"
#include "kernels/cuda/weight_panels.h"

namespace penstock::model::cuda {
namespace {

using device::cuda::check_cuda;

struct MatrixSize {
  std::size_t num_outputs;
  std::size_t num_inputs;
};

MatrixSize size_of(const DenseShape& shape, DenseMatrix matrix) {
  const auto size = [](int num_outputs, int num_inputs) {
    return MatrixSize{static_cast<std::size_t>(num_outputs), static_cast<std::size_t>(num_inputs)};
  };
  switch (matrix) {
    case DenseMatrix::kQkv:
      return size(shape.qkv_dim(), shape.dim);
    case DenseMatrix::kOut:
      return size(shape.dim, shape.q_dim());
    case DenseMatrix::kDown:
      return size(shape.dim, shape.inner);
    case DenseMatrix::kGate:
    case DenseMatrix::kUp:
      break;
  }
  return size(shape.inner, shape.dim);
}

std::size_t elements_of(const DenseShape& shape, DenseMatrix matrix) {
  const MatrixSize size = size_of(shape, matrix);
  return size.num_outputs * size.num_inputs;
}

std::size_t layer_elements(const DenseShape& shape) {
  std::size_t count = 0;
  for (const DenseMatrix matrix : {DenseMatrix::kQkv, DenseMatrix::kOut, DenseMatrix::kGate,
                                   DenseMatrix::kUp, DenseMatrix::kDown}) {
    count += elements_of(shape, matrix);
  }
  return count;
}

std::size_t vocab_elements(const DenseShape& shape) {
  return static_cast<std::size_t>(shape.vocab_size) * static_cast<std::size_t>(shape.dim);
}

}  // namespace

Result<DenseWeights> DenseWeights::allocate(const DenseShape& shape) {
  const auto num_layers = static_cast<std::size_t>(shape.num_layers);
  const auto dim = static_cast<std::size_t>(shape.dim);
  const std::size_t norms = (2 * dim) + (2 * static_cast<std::size_t>(shape.head_dim));
  const std::size_t vocab = vocab_elements(shape) * (shape.ties_embeddings ? 1 : 2);
  constexpr std::size_t kPiecesPerLayer = 9;
  const std::size_t num_bytes =
      (2 * ((num_layers * (layer_elements(shape) + norms)) + vocab + dim)) +
      (((num_layers * kPiecesPerLayer) + 4) * device::cuda::DeviceArena::kAlignment);

  DenseWeights weights;
  weights.shape_ = shape;
  ASSIGN_OR_RETURN(weights.arena_, device::cuda::DeviceArena::create(num_bytes));
  for (std::size_t i = 0; i < num_layers; ++i) RETURN_IF_ERROR(weights.take_layer());
  ASSIGN_OR_RETURN(weights.embedding_, weights.arena_.take<std::uint16_t>(vocab_elements(shape)));
  weights.head_ = weights.embedding_;
  if (!shape.ties_embeddings) {
    ASSIGN_OR_RETURN(weights.head_, weights.arena_.take<std::uint16_t>(vocab_elements(shape)));
  }
  ASSIGN_OR_RETURN(weights.final_norm_, weights.arena_.take<std::uint16_t>(dim));
  return weights;
}

Status DenseWeights::take_layer() {
  const auto dim = static_cast<std::size_t>(shape_.dim);
  const auto head_dim = static_cast<std::size_t>(shape_.head_dim);
  DenseLayer layer{};
  ASSIGN_OR_RETURN(layer.qkv, arena_.take<std::uint16_t>(elements_of(shape_, DenseMatrix::kQkv)));
  ASSIGN_OR_RETURN(layer.out, arena_.take<std::uint16_t>(elements_of(shape_, DenseMatrix::kOut)));
  ASSIGN_OR_RETURN(layer.gate_up,
                   arena_.take<std::uint16_t>(2 * elements_of(shape_, DenseMatrix::kGate)));
  ASSIGN_OR_RETURN(layer.down, arena_.take<std::uint16_t>(elements_of(shape_, DenseMatrix::kDown)));
  ASSIGN_OR_RETURN(layer.attention_norm, arena_.take<std::uint16_t>(dim));
  ASSIGN_OR_RETURN(layer.ffn_norm, arena_.take<std::uint16_t>(dim));
  if (shape_.has_qk_norm) {
    ASSIGN_OR_RETURN(layer.q_norm, arena_.take<std::uint16_t>(head_dim));
    ASSIGN_OR_RETURN(layer.k_norm, arena_.take<std::uint16_t>(head_dim));
  }
  layers_.push_back(layer);
  return {};
}

Status DenseWeights::fill_random(std::uint64_t seed, const device::cuda::Stream& stream) {
  const auto fill = [&](std::uint16_t* to, std::size_t count, float offset, float scale) -> Status {
    if (to == nullptr) return {};
    return check_cuda(kernels::cuda::launch_random_values({.to = to,
                                                           .count = count,
                                                           .seed = ++seed * 0x9E3779B97F4A7C15U,
                                                           .offset = offset,
                                                           .scale = scale},
                                                          stream.get()),
                      "launch_random_values");
  };
  const auto fill_matrix = [&](std::uint16_t* to, DenseMatrix matrix, std::size_t times) {
    const auto inputs = static_cast<float>(size_of(shape_, matrix).num_inputs);
    return fill(to, times * elements_of(shape_, matrix), 0.0F, std::sqrt(3.0F / inputs));
  };
  const auto dim = static_cast<std::size_t>(shape_.dim);
  const auto head_dim = static_cast<std::size_t>(shape_.head_dim);
  constexpr float kNormSpread = 0.2F;
  for (const DenseLayer& layer : layers_) {
    RETURN_IF_ERROR(fill_matrix(layer.qkv, DenseMatrix::kQkv, 1));
    RETURN_IF_ERROR(fill_matrix(layer.out, DenseMatrix::kOut, 1));
    RETURN_IF_ERROR(fill_matrix(layer.gate_up, DenseMatrix::kGate, 2));
    RETURN_IF_ERROR(fill_matrix(layer.down, DenseMatrix::kDown, 1));
    RETURN_IF_ERROR(fill(layer.attention_norm, dim, 1.0F, kNormSpread));
    RETURN_IF_ERROR(fill(layer.ffn_norm, dim, 1.0F, kNormSpread));
    RETURN_IF_ERROR(fill(layer.q_norm, head_dim, 1.0F, kNormSpread));
    RETURN_IF_ERROR(fill(layer.k_norm, head_dim, 1.0F, kNormSpread));
  }
  const float vocab_scale = std::sqrt(3.0F / static_cast<float>(shape_.dim));
  RETURN_IF_ERROR(fill(embedding_, vocab_elements(shape_), 0.0F, vocab_scale));
  if (head_ != embedding_) {
    RETURN_IF_ERROR(fill(head_, vocab_elements(shape_), 0.0F, vocab_scale));
  }
  return fill(final_norm_, dim, 1.0F, kNormSpread);
}

Status DenseWeights::pack(int layer_index, DenseMatrix matrix, const std::uint16_t* rows,
                          const device::cuda::Stream& stream) {
  const DenseLayer& layer = layers_.at(static_cast<std::size_t>(layer_index));
  const MatrixSize size = size_of(shape_, matrix);
  kernels::cuda::PackPanelsArgs args{.rows = rows,
                                     .panels = nullptr,
                                     .num_outputs = static_cast<int>(size.num_outputs),
                                     .num_inputs = static_cast<int>(size.num_inputs),
                                     .rows_per_tile = kernels::cuda::kPanelRows,
                                     .first_row = 0};
  switch (matrix) {
    case DenseMatrix::kQkv:
      args.panels = layer.qkv;
      break;
    case DenseMatrix::kOut:
      args.panels = layer.out;
      break;
    case DenseMatrix::kDown:
      args.panels = layer.down;
      break;
    case DenseMatrix::kGate:
    case DenseMatrix::kUp:
      args.panels = layer.gate_up;
      args.rows_per_tile = kernels::cuda::kPanelRows / 2;
      args.first_row = matrix == DenseMatrix::kUp ? args.rows_per_tile : 0;
      break;
  }
  return check_cuda(kernels::cuda::launch_pack_panels(args, stream.get()), "launch_pack_panels");
}

Status DenseWeights::pack_embedding(const std::uint16_t* rows, const device::cuda::Stream& stream) {
  return check_cuda(kernels::cuda::launch_pack_panels({.rows = rows,
                                                       .panels = embedding_,
                                                       .num_outputs = shape_.vocab_size,
                                                       .num_inputs = shape_.dim,
                                                       .rows_per_tile = kernels::cuda::kPanelRows,
                                                       .first_row = 0},
                                                      stream.get()),
                    "launch_pack_panels of the embedding");
}

Status DenseWeights::pack_head(const std::uint16_t* rows, const device::cuda::Stream& stream) {
  if (shape_.ties_embeddings) {
    return make_error(ErrorCode::kInvalid, "the head is the embedding: it has no rows of its own");
  }
  return check_cuda(kernels::cuda::launch_pack_panels({.rows = rows,
                                                       .panels = head_,
                                                       .num_outputs = shape_.vocab_size,
                                                       .num_inputs = shape_.dim,
                                                       .rows_per_tile = kernels::cuda::kPanelRows,
                                                       .first_row = 0},
                                                      stream.get()),
                    "launch_pack_panels of the head");
}

std::size_t DenseWeights::bytes_per_step() const noexcept {
  return 2 * ((static_cast<std::size_t>(shape_.num_layers) * layer_elements(shape_)) +
              vocab_elements(shape_));
}

}  // namespace penstock::model::cuda
