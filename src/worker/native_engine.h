// A native engine on the CPU, made from model files: thread team, forward pass, KV pool, loop.
//
// Ownership: owns all of it; `files`, `clock` and `ledger` outlive it. Threading: built by the
// owner; what runs on which thread is the engine's README.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/ledger.h"
#include "base/result.h"
#include "device/cpu/thread_team.h"
#include "engine/engine_loop.h"
#include "model/forward.h"
#include "worker/model_assets.h"

namespace penstock::model {
class ModelFiles;
}

namespace penstock::worker {

struct NativeEngineOptions {
  model::ComputeType compute = model::ComputeType::kBF16;
  model::KvDType kv_dtype = model::KvDType::kBF16;
  std::uint32_t block_size = 32;
  std::optional<std::uint64_t> num_kv_blocks;   // wins over kv_cache_bytes
  std::optional<std::uint64_t> kv_cache_bytes;  // neither: a quarter of free memory, at most 8 GiB
  std::optional<std::uint32_t> max_model_len;   // at most the model's
  std::uint32_t max_num_seqs = 256;
  std::uint32_t max_num_batched_tokens = 8192;
  std::uint32_t max_queue = 1024;
  bool prefix_caching = true;
  std::optional<Duration> itl_target;
  int num_threads = 0;  // 0 = physical cores
};

class NativeEngine final {
 public:
  // Loads weights into the forward pass and takes the KV arena. The error names what did not fit.
  [[nodiscard]] static Result<std::unique_ptr<NativeEngine>> load(const model::ModelFiles& files,
                                                                  NativeEngineOptions options);

  // The loop over what load() made. Once.
  struct LoopDeps {  // all but the probe outlive the loop
    const Clock& clock;
    Ledger& ledger;
    engine::EngineProbe probe{};
    engine::StepTrace* trace = nullptr;
  };
  [[nodiscard]] std::unique_ptr<engine::EngineLoop> make_loop(const LoopDeps& deps,
                                                              engine::StepSink sink);

  [[nodiscard]] const EngineFacts& facts() const noexcept { return facts_; }
  [[nodiscard]] std::uint64_t kv_pool_bytes() const noexcept { return kv_pool_bytes_; }
  [[nodiscard]] int num_threads() const noexcept { return team_->num_members(); }

 private:
  NativeEngine(NativeEngineOptions options, std::unique_ptr<device::ThreadTeam> team)
      : options_(options), team_(std::move(team)) {}

  NativeEngineOptions options_;
  std::unique_ptr<device::ThreadTeam> team_;
  std::unique_ptr<engine::ModelRunner> runner_;  // until make_loop()
  EngineFacts facts_;
  std::uint64_t kv_pool_bytes_ = 0;
};

// Cores without their hyper-thread siblings, among those this process may run on; at least 1.
[[nodiscard]] int num_physical_cores();

}  // namespace penstock::worker
