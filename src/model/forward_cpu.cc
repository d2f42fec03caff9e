#include "device/cpu/cpu_features.h"
#include "kernels/cpu/kernels.h"
#include "model/forward.h"
#include "model/llama_cpu.h"
#include "model/model_files.h"

namespace penstock::model {
namespace {

Status check(const ModelConfig& config, const ForwardOptions& options) {
  if (config.head_dim % 2 != 0 || config.head_dim > kernels::kMaxHeadDim) {
    return make_error(ErrorCode::kUnsupported,
                      "head_dim is {}; the CPU kernels take an even one of at most {}",
                      config.head_dim, kernels::kMaxHeadDim);
  }
  if (options.block_size == 0 || options.block_size % kernels::kGroupPositions != 0) {
    return make_error(ErrorCode::kInvalid, "the KV block size is {}; it takes a multiple of {}",
                      options.block_size, kernels::kGroupPositions);
  }
  if (options.max_batch_rows == 0 || options.max_logit_rows == 0) {
    return make_error(ErrorCode::kInvalid,
                      "max_batch_rows is {} and max_logit_rows {}; both must "
                      "be at least 1",
                      options.max_batch_rows, options.max_logit_rows);
  }
  return {};
}

Result<const kernels::CpuKernels*> choose_kernels(std::optional<kernels::CpuIsa> isa) {
  const device::CpuFeatures features = device::detect_cpu_features();
  if (!isa) return &kernels::best_cpu_kernels(features);
  const kernels::CpuKernels* kernels = kernels::find_cpu_kernels(*isa, features);
  if (kernels == nullptr) {
    return make_error(ErrorCode::kUnsupported,
                      "the kernels asked for need more than this processor has ({})",
                      device::to_string(features));
  }
  return kernels;
}

}  // namespace

Result<std::unique_ptr<ForwardPass>> make_cpu_forward(const ModelFiles& files,
                                                      const ForwardOptions& options,
                                                      device::ThreadTeam& team) {
  RETURN_IF_ERROR(check(files.config(), options));
  ASSIGN_OR_RETURN(const kernels::CpuKernels* kernels, choose_kernels(options.isa));
  ASSIGN_OR_RETURN(ForwardScratch scratch, ForwardScratch::allocate(files.config(), options));
  ASSIGN_OR_RETURN(PackedWeights weights, pack_weights(files.weights(), team));
  return std::make_unique<LlamaCpu>(LlamaCpu::Parts{.config = files.config(),
                                                    .options = options,
                                                    .weights = std::move(weights),
                                                    .scratch = std::move(scratch),
                                                    .kernels = kernels,
                                                    .team = &team});
}

}  // namespace penstock::model
