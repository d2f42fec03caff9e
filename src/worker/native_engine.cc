#include "worker/native_engine.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <set>
#include <string>

#include "model/model_files.h"

namespace penstock::worker {
namespace {

constexpr std::uint64_t kMaxDefaultPoolBytes = 8ULL << 30;
constexpr std::uint64_t kFreeMemoryShare = 4;
constexpr std::uint64_t kMaxPoolBlocks = std::numeric_limits<std::uint32_t>::max() / 2;

// What the kernel says could be used without swapping; 1 GiB when it does not say.
std::uint64_t free_memory_bytes() {
  std::ifstream file("/proc/meminfo");
  for (std::string name; file >> name;) {
    std::uint64_t kib = 0;
    if (name == "MemAvailable:" && file >> kib) return kib << 10;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return 1ULL << 30;
}

Result<std::uint64_t> pool_blocks(const NativeEngineOptions& options, std::size_t block_bytes,
                                  std::uint32_t context_length) {
  std::uint64_t num_blocks = 0;
  if (options.common.num_kv_blocks) {
    num_blocks = *options.common.num_kv_blocks;
  } else if (options.kv_cache_bytes) {
    num_blocks = *options.kv_cache_bytes / block_bytes;
  } else {
    num_blocks =
        std::min(free_memory_bytes() / kFreeMemoryShare, kMaxDefaultPoolBytes) / block_bytes;
    // More than every sequence at full context can never be used.
    const std::uint64_t most =
        std::uint64_t{options.common.max_num_seqs} *
        kv::BlockTable::blocks_for(context_length, options.common.block_size);
    num_blocks = std::min(num_blocks, most);
  }
  if (num_blocks == 0 || num_blocks > kMaxPoolBlocks) {
    return make_error(ErrorCode::kInvalid,
                      "the KV pool would have {} blocks of {} bytes; it needs 1 to {}: set "
                      "--kv-blocks or --kv-cache-gb",
                      num_blocks, block_bytes, kMaxPoolBlocks);
  }
  return num_blocks;
}

}  // namespace

int num_physical_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    std::ifstream file(format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu));
    std::string siblings;
    if (!(file >> siblings)) siblings = std::to_string(cpu);
    cores.insert(siblings);
  }
  return std::max(static_cast<int>(cores.size()), 1);
}

Result<std::unique_ptr<NativeEngine>> NativeEngine::load(const model::ModelFiles& files,
                                                         NativeEngineOptions options) {
  const int num_threads = options.num_threads > 0 ? options.num_threads : num_physical_cores();
  auto engine = std::unique_ptr<NativeEngine>(
      new NativeEngine(options, std::make_unique<device::ThreadTeam>(num_threads)));
  ASSIGN_OR_RETURN(const std::uint32_t context, engine->context_length(files.config()));
  const EngineSettings& common = options.common;
  const model::ForwardOptions forward_options = {
      .compute = options.compute,
      .kv_dtype = options.kv_dtype,
      .block_size = common.block_size,
      // A step holds every running sequence's decode even when the token cap is lower.
      .max_batch_rows = common.max_num_batched_tokens + common.max_num_seqs,
      .max_logit_rows = common.max_num_seqs + kMaxPromptLogitRows};
  ASSIGN_OR_RETURN(auto forward, model::make_cpu_forward(files, forward_options, *engine->team_));

  const std::size_t block_bytes = forward->kv_block_bytes();
  ASSIGN_OR_RETURN(const std::uint64_t num_blocks, pool_blocks(options, block_bytes, context));
  engine->set_facts(num_blocks, context);
  engine->facts_.numerics = forward->numerics();
  engine->facts_.kv_layout = forward->kv_layout();
  engine->kv_pool_bytes_ = num_blocks * block_bytes;
  ASSIGN_OR_RETURN(engine->runner_, engine::ModelRunner::create(
                                        std::move(forward), static_cast<std::uint32_t>(num_blocks),
                                        files.config().vocab_size));
  return engine;
}

std::unique_ptr<engine::EngineLoop> NativeEngine::make_loop(const LoopDeps& deps,
                                                            engine::StepSink sink) {
  return loop_over(std::move(runner_), deps, std::move(sink));
}

std::string NativeEngine::description() const {
  return format("{} threads, {}", team_->num_members(), facts_.numerics);
}

}  // namespace penstock::worker
