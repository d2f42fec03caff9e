#include "worker/native_engine.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <set>
#include <string>

#include "base/check.h"
#include "model/model_files.h"

namespace penstock::worker {
namespace {

constexpr std::uint64_t kMaxDefaultPoolBytes = 8ULL << 30;
constexpr std::uint64_t kFreeMemoryShare = 4;
// Rows of logits per step beside one per running sequence: prompt_logprobs comes in such portions.
constexpr std::uint32_t kMaxPromptLogitRows = 64;
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
  if (options.num_kv_blocks) {
    num_blocks = *options.num_kv_blocks;
  } else if (options.kv_cache_bytes) {
    num_blocks = *options.kv_cache_bytes / block_bytes;
  } else {
    num_blocks =
        std::min(free_memory_bytes() / kFreeMemoryShare, kMaxDefaultPoolBytes) / block_bytes;
    // More than every sequence at full context can never be used.
    const std::uint64_t most = std::uint64_t{options.max_num_seqs} *
                               kv::BlockTable::blocks_for(context_length, options.block_size);
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

Result<std::uint32_t> model_context(const model::ModelConfig& config,
                                    std::optional<std::uint32_t> max_model_len) {
  const std::uint32_t context = max_model_len.value_or(config.context_length);
  if (context < 2 || context > config.context_length) {
    return make_error(ErrorCode::kInvalid,
                      "--max-model-len {} must be at least 2 and at most the model's context of {}",
                      context, config.context_length);
  }
  return context;
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
  ASSIGN_OR_RETURN(const std::uint32_t context,
                   model_context(files.config(), options.max_model_len));
  const int num_threads = options.num_threads > 0 ? options.num_threads : num_physical_cores();
  auto engine = std::unique_ptr<NativeEngine>(
      new NativeEngine(options, std::make_unique<device::ThreadTeam>(num_threads)));
  const model::ForwardOptions forward_options = {
      .compute = options.compute,
      .kv_dtype = options.kv_dtype,
      .block_size = options.block_size,
      // A step holds every running sequence's decode even when the token cap is lower.
      .max_batch_rows = options.max_num_batched_tokens + options.max_num_seqs,
      .max_logit_rows = options.max_num_seqs + kMaxPromptLogitRows};
  ASSIGN_OR_RETURN(auto forward, model::make_cpu_forward(files, forward_options, *engine->team_));

  const std::size_t block_bytes = forward->kv_block_bytes();
  ASSIGN_OR_RETURN(const std::uint64_t num_blocks, pool_blocks(options, block_bytes, context));
  EngineFacts& facts = engine->facts_;
  facts.block_size = options.block_size;
  facts.total_kv_blocks = num_blocks;
  facts.context_length =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(context, num_blocks * options.block_size));
  facts.max_num_seqs = options.max_num_seqs;
  facts.max_num_batched_tokens = options.max_num_batched_tokens;
  facts.numerics = forward->numerics();
  facts.kv_layout = forward->kv_layout();
  engine->kv_pool_bytes_ = num_blocks * block_bytes;
  ASSIGN_OR_RETURN(engine->runner_, engine::ModelRunner::create(
                                        std::move(forward), static_cast<std::uint32_t>(num_blocks),
                                        files.config().vocab_size));
  return engine;
}

std::unique_ptr<engine::EngineLoop> NativeEngine::make_loop(const LoopDeps& deps,
                                                            engine::StepSink sink) {
  CHECK(runner_ != nullptr, "make_loop() is called once");
  engine::EngineOptions loop_options;
  loop_options.num_blocks = static_cast<std::uint32_t>(facts_.total_kv_blocks);
  loop_options.context_length = facts_.context_length;
  loop_options.limits = {.block_size = options_.block_size,
                         .max_running = options_.max_num_seqs,
                         .max_waiting = options_.max_queue,
                         .max_step_tokens = options_.max_num_batched_tokens,
                         .max_prompt_logit_rows = kMaxPromptLogitRows,
                         .itl_target = options_.itl_target};
  loop_options.prefix_caching = options_.prefix_caching;
  loop_options.trace = deps.trace;
  return std::make_unique<engine::EngineLoop>(loop_options, std::move(runner_), deps.clock,
                                              deps.ledger, deps.probe, std::move(sink));
}

}  // namespace penstock::worker
