// One chat or completions request from its first byte to the worker's last word.
//
//   preparing -> waiting -> answering -> ended            (the client's view: Phase)
//                 num_running choices at the worker -> 0   (the worker's view)
//
// Both views end separately: a client that leaves, a deadline or a stop string ends the answer at
// once and sends Cancel; the ledger entry is released when the worker has confirmed every
// sequence, so the ledger shows what is really held.
// Threading: everything on the exchange's loop, but for prepare(), which a tokenizer thread runs
// on a body that it owns.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ledger.h"
#include "frontend/admin/explain_store.h"
#include "frontend/answer.h"
#include "frontend/choice.h"
#include "frontend/in_flight.h"
#include "frontend/options.h"
#include "frontend/preparation.h"
#include "frontend/probe.h"
#include "frontend/request_context.h"
#include "frontend/tokenizer_pool.h"
#include "frontend/worker_stream.h"
#include "net/http_server.h"
#include "openai/stop_matcher.h"

namespace penstock::frontend {

// What every request uses; all of it outlives them.
struct Services {
  const FrontendOptions& options;
  const Clock& clock;
  Ledger& ledger;
  const Probe& probe;
  const Preparer& preparer;
  TokenizerPool& tokenizers;
  InFlight& in_flight;
  ExplainStore& explain;
};

class Generation final : public OutputReceiver, public std::enable_shared_from_this<Generation> {
 public:
  // The request has entered `services.in_flight`; it leaves when its answer ends.
  Generation(const Services& services, std::shared_ptr<net::HttpExchange> exchange,
             RequestContext context, openai::Api api);

  // Queues the preparation; everything else follows from events.
  void start();
  // Ends the answer with an error now and cancels what runs.
  void fail(openai::ApiError error);

  void on_output(rpc::Output output) override;
  void on_step_end() override;
  void on_stream_lost() override;

 private:
  enum class Phase : std::uint8_t { kPreparing, kWaiting, kAnswering, kEnded };

  // On a tokenizer thread.
  [[nodiscard]] openai::ApiResult<Prepared> prepare(std::string_view body) const;
  void on_prepared(openai::ApiResult<Prepared> prepared);
  void on_disconnect();
  void on_timer();
  void on_deadline();
  void arm_timer();
  [[nodiscard]] bool keeps_alive() const noexcept;

  // What the tenant has a say in, once the prompt is known (generation_account.cc).
  [[nodiscard]] openai::ApiStatus check_pins() const;
  [[nodiscard]] openai::ApiStatus check_tenant();
  // What was used, and what became of the request.
  void settle(const openai::ApiError* error);
  [[nodiscard]] TokenUsage used_tokens(const openai::ApiError* error) const noexcept;
  [[nodiscard]] RequestRecord record(const openai::ApiError* error) const;

  void make_choices();
  void submit();

  void take_output(const rpc::Output& output);
  // Once per prompt, whichever choice brings them. False: they are not this prompt's.
  [[nodiscard]] bool take_prompt_logprobs(const rpc::Output& output);
  void count_output(const rpc::Output& output, std::uint32_t num_tokens);
  void finish_choice(const rpc::Output& output);
  void end_choice(std::uint32_t index, openai::ChoiceEnd end);
  void complete();
  // The client's view is over; what runs is cancelled. `error`: why, null for a good end.
  void end_answer(const openai::ApiError* error);
  void release_if_done();

  void cancel(std::uint32_t prompt_index, std::optional<std::uint32_t> sequence,
              std::string_view reason);
  void cancel_all(std::string_view reason);

  [[nodiscard]] bool has_output() const noexcept { return usage_.completion_tokens > 0; }
  [[nodiscard]] std::string_view phase_name() const noexcept;
  [[nodiscard]] RequestKind kind() const noexcept;
  // The loop's, for callbacks of the exchange: does nothing once this is gone.
  [[nodiscard]] std::move_only_function<void()> weakly(void (Generation::*method)());

  const Services& services_;
  const std::shared_ptr<net::HttpExchange> exchange_;  // shared with the connection
  RequestContext context_;
  const openai::Api api_;
  Phase phase_ = Phase::kPreparing;
  std::atomic<bool> is_abandoned_{false};  // tells the tokenizer thread not to begin
  Ledger::Entry ledger_entry_;

  std::optional<Prepared> prepared_;
  const ModelMeters* meters_;
  std::optional<openai::StopStrings> stops_;
  std::vector<std::unique_ptr<Choice>> choices_;  // by index p * n + k
  std::unique_ptr<Answer> answer_;
  openai::Usage usage_;
  std::vector<Backlog::Place> places_;     // per submitted prompt, until its first output
  std::vector<bool> has_cached_count_;     // per prompt
  std::vector<bool> has_prompt_logprobs_;  // per prompt
  std::uint32_t num_running_ = 0;
  std::uint32_t num_open_ = 0;       // choices that have not ended for the client
  bool cancel_was_refused_ = false;  // the channel was full: again with the next output
  // For the request's record.
  struct Marks {
    Duration queue{};
    Duration prefill{};
    std::optional<MonotonicTime> first_output{};
    std::string_view finish{};
  };
  Marks marks_;
  MonotonicTime last_sent_{};
  std::vector<MonotonicTime> last_output_;  // by index
};

}  // namespace penstock::frontend
