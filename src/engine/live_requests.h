// The requests and choices the engine holds right now.
//
// Ownership: this owns the request and its choices from submit to the last finish; a choice's
// address is stable meanwhile. Threading: the engine thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/ledger.h"
#include "engine/logit_processor.h"
#include "engine/phase_clock.h"
#include "engine/request.h"
#include "sched/sequence.h"

namespace penstock::engine {

struct LiveRequest;

// One choice of one request: a sequence to the scheduler, which holds its tokens.
struct LiveChoice {
  LiveChoice(sched::SequenceId its_id, LiveRequest& its_request, const Choice& given);

  sched::SequenceId id;
  LiveRequest* request;
  std::uint32_t number;
  LogitProcessor logits;
  const sched::Sequence* sequence = nullptr;  // the scheduler's, from admission to the end
  PhaseClock clock;
  bool has_token = false;  // sampled here; a migrated choice has others from elsewhere
  std::uint64_t num_steps = 0;

  // Output so far.
  [[nodiscard]] std::span<const TokenId> generated() const noexcept;
};

struct LiveRequest {
  EngineRequest spec;
  std::vector<std::unique_ptr<LiveChoice>> choices;  // those still running
  std::vector<TokenLogprobs> prompt_logprobs;        // as far as they are computed
  bool has_output = false;                           // of any choice
  FinishReason outcome = FinishReason::kNone;        // of those that ended: a failure, if any
  Ledger::Entry entry;
};

class LiveRequests final {
 public:
  explicit LiveRequests(Ledger& ledger) : ledger_(ledger) {}

  // A bug if the handle is live already.
  LiveRequest& add(EngineRequest request);
  [[nodiscard]] bool contains(RequestHandle handle) const { return requests_.contains(handle); }
  [[nodiscard]] LiveRequest* find(RequestHandle handle);
  [[nodiscard]] LiveChoice& choice(sched::SequenceId id);
  // The request goes with its last choice.
  void remove(LiveChoice& choice);

  // Requests whose deadline is at or before `now`. Cheap while none is due.
  [[nodiscard]] std::vector<LiveRequest*> due(MonotonicTime now);
  [[nodiscard]] std::vector<LiveRequest*> all();
  [[nodiscard]] bool empty() const noexcept { return requests_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return requests_.size(); }

 private:
  Ledger& ledger_;
  std::unordered_map<RequestHandle, std::unique_ptr<LiveRequest>> requests_;
  std::unordered_map<sched::SequenceId, LiveChoice*> by_sequence_;
  std::uint64_t last_sequence_ = 0;
  MonotonicTime earliest_deadline_ = MonotonicTime::max();  // at or before the true one
};

}  // namespace penstock::engine
