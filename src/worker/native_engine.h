// A native engine on the CPU, made from model files: thread team, forward pass, KV pool, loop.
//
// Ownership: owns all of it; `files`, `clock` and `ledger` outlive it. Threading: built by the
// owner; what runs on which thread is the engine's README.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "device/cpu/thread_team.h"
#include "engine/model_runner.h"
#include "model/forward.h"
#include "worker/hosted_engine.h"

namespace penstock::model {
class ModelFiles;
}

namespace penstock::worker {

struct NativeEngineOptions {
  EngineSettings common{};
  model::ComputeType compute = model::ComputeType::kBF16;
  model::KvDType kv_dtype = model::KvDType::kBF16;
  // When common.num_kv_blocks is unset. Neither: a quarter of free memory, at most 8 GiB.
  std::optional<std::uint64_t> kv_cache_bytes;
  int num_threads = 0;  // 0 = physical cores
};

class NativeEngine final : public HostedEngine {
 public:
  // Loads weights into the forward pass and takes the KV arena. The error names what did not fit.
  [[nodiscard]] static Result<std::unique_ptr<NativeEngine>> load(const model::ModelFiles& files,
                                                                  NativeEngineOptions options);

  [[nodiscard]] std::unique_ptr<engine::EngineLoop> make_loop(const LoopDeps& deps,
                                                              engine::StepSink sink) override;
  [[nodiscard]] std::string description() const override;
  [[nodiscard]] std::uint64_t kv_pool_bytes() const noexcept override { return kv_pool_bytes_; }

 private:
  NativeEngine(const NativeEngineOptions& options, std::unique_ptr<device::ThreadTeam> team)
      : HostedEngine(options.common), team_(std::move(team)) {}

  std::unique_ptr<device::ThreadTeam> team_;
  std::unique_ptr<engine::ModelRunner> runner_;  // until make_loop()
  std::uint64_t kv_pool_bytes_ = 0;
};

// Cores without their hyper-thread siblings, among those this process may run on; at least 1.
[[nodiscard]] int num_physical_cores();

}  // namespace penstock::worker
