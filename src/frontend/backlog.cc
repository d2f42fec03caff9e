#include "frontend/backlog.h"

#include <optional>

#include "base/hash.h"

namespace penstock::frontend {
namespace {

double chance_of(std::string_view request_id) noexcept {
  return static_cast<double>(xxh3_64(request_id, 0) >> 11) * 0x1p-53;
}

}  // namespace

openai::ApiStatus Backlog::check(const Ask& ask) const {
  const MonotonicTime now = clock_.now();
  std::optional<Duration> wait;
  Duration service{};
  {
    const MutexLock lock(mutex_);
    wait = model_.wait(ask.strict_priority, now);
    // A worker nobody waits for begins at once; what it then makes of its time is its own affair.
    if (!wait || *wait == Duration::zero()) return {};
    service = model_.service(ask.max_tokens);
  }
  if (*wait + service <= ask.deadline - now) return {};
  auto refused = openai::make_api_error(
      openai::ApiErrorCode::kOverloaded, "deadline",
      "a request waits about {:.1f} s here and takes about {:.1f} s, and this one has {:.1f} s; "
      "try again later or allow more time with x-penstock-timeout-ms",
      to_ms(*wait) * 1e-3, to_ms(service) * 1e-3, to_ms(ask.deadline - now) * 1e-3);
  refused.error().retry_after_s = router::retry_after_s(wait, chance_of(ask.request_id));
  return refused;
}

std::uint32_t Backlog::retry_after_s(std::uint32_t strict_priority,
                                     std::string_view request_id) const {
  const MonotonicTime now = clock_.now();
  const MutexLock lock(mutex_);
  return router::retry_after_s(model_.wait(strict_priority, now), chance_of(request_id));
}

Backlog::Place Backlog::join(std::uint32_t strict_priority, std::uint64_t prompt_tokens) {
  const MutexLock lock(mutex_);
  model_.joined(strict_priority, prompt_tokens);
  return {*this, strict_priority, prompt_tokens};
}

void Backlog::Place::leave(bool has_started) {
  Backlog* const backlog = std::exchange(backlog_, nullptr);
  if (backlog == nullptr) return;
  const MonotonicTime now = backlog->clock_.now();
  const MutexLock lock(backlog->mutex_);
  if (has_started) {
    backlog->model_.started(strict_priority_, prompt_tokens_, now);
  } else {
    backlog->model_.gave_up(strict_priority_, prompt_tokens_);
  }
}

void Backlog::served(Duration decode, std::uint64_t output_tokens) {
  const MutexLock lock(mutex_);
  model_.served(decode, output_tokens);
}

void Backlog::on_load(const rpc::Load& load) {
  const MonotonicTime now = clock_.now();
  const MutexLock lock(mutex_);
  model_.set_backlogged(load.waiting > 0, now);
}

}  // namespace penstock::frontend
