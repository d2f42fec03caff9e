// A real engine in a test: over a model whose answers depend on every token and on every KV slot it
// reads, or over any other forward pass.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "engine/engine_loop.h"
#include "engine/model_runner.h"

namespace penstock::engine {

// "KV" is the token id, kept in the slot the block table names. Logits are a hash of all tokens of
// the sequence as read back through the block table, so a wrong block, slot, position or a block
// freed too early changes what is generated.
class EchoForward final : public model::ForwardPass {
 public:
  struct Options {
    std::uint32_t vocab_size = 101;
    std::uint32_t block_size = 4;
    // Sequences whose first token is this one get NaN logits.
    std::uint32_t poison_token = 0xFFFFFFFF;
    // Called at the start of each forward, on the engine thread.
    std::function<void()> on_forward{};
  };
  explicit EchoForward(Options options) : options_(std::move(options)) {}

  std::size_t kv_block_bytes() const noexcept override { return options_.block_size * 4; }
  std::string_view kv_layout() const noexcept override { return "echo"; }
  std::string_view numerics() const noexcept override { return "echo"; }
  std::span<const float> forward(const model::ForwardBatch& batch,
                                 std::span<std::byte> kv_pool) override;

 private:
  Options options_;
  std::vector<float> logits_;
};

// Lets an engine take a number of forwards and holds it in the next, so that a test acts at a
// known moment. Give `[&] { gate.pass(); }` as `on_forward`; the gate must outlive the harness.
class StepGate final {
 public:
  explicit StepGate(int num_steps) : allowed_(num_steps) {}
  void pass();
  void open();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int allowed_;           // guarded by mutex_
  bool is_open_ = false;  // guarded by mutex_
};

// Everything a choice got, folded.
struct Transcript {
  std::vector<TokenId> token_ids;
  std::vector<TokenLogprobs> logprobs;
  std::vector<TokenLogprobs> prompt_logprobs;
  std::uint32_t cached_tokens = 0;
  FinishReason finish = FinishReason::kNone;
  std::string message;
  ChoiceOutput end;  // the last output, with the times of all phases
};

inline constexpr std::uint32_t kMaxPromptLogitRows = 16;

class EngineHarness final {
 public:
  struct Options {
    std::uint32_t num_blocks = 64;
    std::uint32_t context_length = 200;
    std::uint32_t max_running = 16;
    std::uint32_t max_waiting = 64;
    std::uint32_t max_step_tokens = 64;
    bool prefix_caching = true;
    Duration patience = std::chrono::seconds(60);  // with any wait
    const Clock* clock = nullptr;                  // the system's by default; outlives the harness
    StepTrace* trace = nullptr;                    // outlives the harness
    EchoForward::Options model{};
    std::unique_ptr<model::ForwardPass> forward{};  // instead; with the block and vocabulary sizes
                                                    // of `model`
    std::unique_ptr<StepRunner> runner{};           // instead of both
  };
  EngineHarness() : EngineHarness(Options{}) {}
  explicit EngineHarness(Options options);
  ~EngineHarness();

  EngineLoop& engine() { return *engine_; }
  const Ledger& ledger() const { return ledger_; }
  void stop() { engine_->stop(); }

  // Submits and waits for the end of every choice.
  std::map<std::uint32_t, Transcript> run(EngineRequest request);
  void submit(EngineRequest request);
  std::map<std::uint32_t, Transcript> wait(RequestHandle handle);
  // Waits until the request has at least this many tokens in all.
  void wait_for_tokens(RequestHandle handle, std::size_t num_tokens);
  void forget(RequestHandle handle);  // its transcript
  void wait_until_idle();
  std::vector<std::uint64_t> echoes();
  std::vector<kv::KvEvent> kv_events();
  std::uint64_t num_preemptions();
  // Of the report that brought the request's last finish: its step, and the blocks then in use.
  std::uint64_t step_of_finish(RequestHandle handle);
  std::uint64_t blocks_at_finish(RequestHandle handle);

 private:
  void on_report(StepReport report);
  template <class Condition>
  void wait_until(Condition condition, const char* what);

  struct Live {
    std::size_t num_choices = 0;
    std::uint64_t step = 0;           // of the last output
    std::uint64_t active_blocks = 0;  // in the same report
    std::map<std::uint32_t, Transcript> choices;
  };
  SystemClock clock_;
  const Duration patience_;
  Ledger ledger_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<RequestHandle, Live> live_;  // guarded by mutex_
  std::vector<std::uint64_t> echoes_;   // guarded by mutex_
  std::vector<kv::KvEvent> kv_events_;  // guarded by mutex_
  std::uint64_t num_preemptions_ = 0;   // guarded by mutex_
  std::unique_ptr<EngineLoop> engine_;
};

// A request for one choice of `max_tokens` tokens after `prompt`, greedy.
[[nodiscard]] EngineRequest make_request(std::uint64_t handle, std::vector<TokenId> prompt,
                                         std::uint32_t max_tokens);

}  // namespace penstock::engine
