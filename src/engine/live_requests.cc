#include "engine/live_requests.h"

#include <algorithm>

#include "base/check.h"

namespace penstock::engine {

LiveChoice::LiveChoice(sched::SequenceId its_id, LiveRequest& its_request, const Choice& given)
    : id(its_id),
      request(&its_request),
      number(given.number),
      logits(its_request.spec, given.generated),
      clock(its_request.spec.arrival) {}

std::span<const TokenId> LiveChoice::generated() const noexcept {
  return sequence->blocks.token_ids().subspan(request->spec.prompt.size());
}

LiveRequest& LiveRequests::add(EngineRequest spec) {
  const RequestHandle handle = spec.handle;
  auto request = std::make_unique<LiveRequest>();
  request->entry = ledger_.hold(LedgerKind::kSequence, spec.owner, spec.choices.size());
  request->spec = std::move(spec);
  for (const Choice& given : request->spec.choices) {
    const sched::SequenceId id(++last_sequence_);
    request->choices.push_back(std::make_unique<LiveChoice>(id, *request, given));
    by_sequence_.emplace(id, request->choices.back().get());
  }
  earliest_deadline_ = std::min(earliest_deadline_, request->spec.deadline);
  const auto [it, inserted] = requests_.emplace(handle, std::move(request));
  CHECK(inserted, "engine invariant 2: request {} is live already", handle.value());
  return *it->second;
}

LiveRequest* LiveRequests::find(RequestHandle handle) {
  const auto it = requests_.find(handle);
  return it == requests_.end() ? nullptr : it->second.get();
}

LiveChoice& LiveRequests::choice(sched::SequenceId id) {
  const auto it = by_sequence_.find(id);
  CHECK(it != by_sequence_.end(), "engine invariant 2: no choice of sequence {}", id.value());
  return *it->second;
}

void LiveRequests::remove(LiveChoice& choice) {
  LiveRequest& request = *choice.request;
  by_sequence_.erase(choice.id);
  std::erase_if(request.choices, [&](const auto& held) { return held.get() == &choice; });
  if (request.choices.empty()) {
    requests_.erase(request.spec.handle);
  } else {
    request.entry.set_count(request.choices.size());
  }
}

std::vector<LiveRequest*> LiveRequests::due(MonotonicTime now) {
  std::vector<LiveRequest*> due;
  if (now < earliest_deadline_) return due;
  earliest_deadline_ = MonotonicTime::max();
  for (const auto& [handle, request] : requests_) {
    if (request->spec.deadline <= now) {
      due.push_back(request.get());
    } else {
      earliest_deadline_ = std::min(earliest_deadline_, request->spec.deadline);
    }
  }
  return due;
}

std::vector<LiveRequest*> LiveRequests::all() {
  std::vector<LiveRequest*> all;
  all.reserve(requests_.size());
  for (const auto& [handle, request] : requests_) all.push_back(request.get());
  return all;
}

}  // namespace penstock::engine
