#include "model/packed_weights.h"

#include <algorithm>

#include "device/cpu/thread_team.h"
#include "device/cpu/work_queue.h"
#include "kernels/ref/dequantize.h"

namespace penstock::model {
namespace {

kernels::WeightType weight_type(formats::DType dtype) noexcept {
  using formats::DType;
  using kernels::WeightType;
  switch (dtype) {
    case DType::kF32:
      return WeightType::kF32;
    case DType::kF16:
      return WeightType::kF16;
    case DType::kBF16:
      return WeightType::kBF16;
    case DType::kQ4_0:
      return WeightType::kQ4_0;
    case DType::kQ4_1:
      return WeightType::kQ4_1;
    case DType::kQ5_0:
      return WeightType::kQ5_0;
    case DType::kQ5_1:
      return WeightType::kQ5_1;
    case DType::kQ8_0:
      return WeightType::kQ8_0;
    case DType::kQ4_K:
      return WeightType::kQ4_K;
    case DType::kQ5_K:
      return WeightType::kQ5_K;
    case DType::kQ6_K:
      return WeightType::kQ6_K;
  }
  return WeightType::kF32;
}

std::vector<float> to_floats(const formats::TensorView& tensor) {
  std::vector<float> values(tensor.num_values());
  kernels::ref::dequantize(weight_type(tensor.dtype), tensor.bytes, values);
  return values;
}

// Collects matrices, then lays out and fills one buffer for all of them.
class Packer {
 public:
  void add(const formats::TensorView& source, kernels::PackedMatrix& target) {
    target = {weight_type(source.dtype), static_cast<std::uint32_t>(source.shape[0]),
              static_cast<std::uint32_t>(source.shape[1]), nullptr};
    items_.push_back({source.bytes, &target, num_panels_});
    num_panels_ += target.num_panels();
    num_bytes_ += target.total_bytes();
  }

  [[nodiscard]] Result<device::HostBuffer> pack(device::ThreadTeam& team) {
    ASSIGN_OR_RETURN(device::HostBuffer buffer, device::HostBuffer::allocate(num_bytes_));
    std::byte* place = buffer.data();
    for (Item& item : items_) {
      item.panels = place;
      item.target->panels = place;
      place += item.target->total_bytes();
    }
    device::WorkQueue queue(1, team.num_members());
    team.run([&](int, int) {
      queue.run(0, num_panels_, 4, [&](std::uint32_t first, std::uint32_t count) {
        for (std::uint32_t i = first; i < first + count; ++i) pack_one(i);
      });
    });
    return buffer;
  }

 private:
  struct Item {
    std::span<const std::byte> source;
    kernels::PackedMatrix* target;
    std::uint32_t first_panel;  // among all matrices
    std::byte* panels = nullptr;
  };

  void pack_one(std::uint32_t number) const noexcept {
    const auto next = std::ranges::upper_bound(items_, number, {}, &Item::first_panel);
    const Item& item = *(next - 1);
    const std::uint32_t panel = number - item.first_panel;
    kernels::pack_panel(*item.target, item.source, panel,
                        item.panels + panel * item.target->panel_bytes());
  }

  std::vector<Item> items_;
  std::uint32_t num_panels_ = 0;
  std::size_t num_bytes_ = 0;
};

}  // namespace

Result<PackedWeights> pack_weights(const ModelWeights& weights, device::ThreadTeam& team) {
  PackedWeights packed;
  packed.embedding_type = weight_type(weights.embedding->dtype);
  packed.embedding = weights.embedding->bytes;
  packed.final_norm = to_floats(*weights.final_norm);
  packed.layers.resize(weights.layers.size());
  Packer packer;
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const LayerWeights& source = weights.layers[i];
    PackedLayer& layer = packed.layers[i];
    layer.attention_norm = to_floats(*source.attention_norm);
    layer.mlp_norm = to_floats(*source.mlp_norm);
    packer.add(*source.q, layer.q);
    packer.add(*source.k, layer.k);
    packer.add(*source.v, layer.v);
    packer.add(*source.o, layer.o);
    packer.add(*source.gate, layer.gate);
    packer.add(*source.up, layer.up);
    packer.add(*source.down, layer.down);
  }
  packer.add(*weights.head, packed.head);
  ASSIGN_OR_RETURN(packed.panels, packer.pack(team));
  return packed;
}

}  // namespace penstock::model
