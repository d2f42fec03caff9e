// The weights of a model in the layout of the CPU kernels, made once at load.
//
// Ownership: holds its own memory; only `embedding` still points into the model's files.
// Threading: immutable.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "device/cpu/host_buffer.h"
#include "kernels/cpu/packed_matrix.h"
#include "model/model_files.h"

namespace penstock::device {
class ThreadTeam;
}

namespace penstock::model {

struct PackedLayer {
  std::vector<float> attention_norm;  // [hidden]
  kernels::PackedMatrix q, k, v, o;
  std::vector<float> mlp_norm;  // [hidden]
  kernels::PackedMatrix gate, up, down;
};

struct PackedWeights {
  kernels::WeightType embedding_type = kernels::WeightType::kF32;
  std::span<const std::byte> embedding;  // [vocab, hidden] as in the file
  std::vector<PackedLayer> layers;
  std::vector<float> final_norm;  // [hidden]
  kernels::PackedMatrix head;     // [vocab, hidden]
  device::HostBuffer panels;      // of every matrix
};

// Uses the whole team. Errors: kResourceExhausted.
[[nodiscard]] Result<PackedWeights> pack_weights(const ModelWeights& weights,
                                                 device::ThreadTeam& team);

}  // namespace penstock::model
