#include "frontend/backlog.h"

#include <optional>

#include "base/hash.h"

namespace penstock::frontend {
namespace {

// By how much the estimate may be short before an admitted request misses its deadline: work that
// is cut is worth nothing to anybody.
constexpr double kMargin = 0.05;

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
    wait = model_.wait(ask.strict_priority);
    // A worker nobody waits for begins at once; what it then makes of its time is its own affair.
    if (!wait || *wait == Duration::zero()) return {};
    service = model_.service(ask.max_tokens);
  }
  if (static_cast<double>((*wait + service).count()) * (1 + kMargin) <=
      static_cast<double>((ask.deadline - now).count()))
    return {};
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
  const MutexLock lock(mutex_);
  return router::retry_after_s(model_.wait(strict_priority), chance_of(request_id));
}

Backlog::Place Backlog::join(std::uint32_t strict_priority, std::uint32_t num_sequences) {
  const MutexLock lock(mutex_);
  model_.joined(strict_priority, num_sequences);
  return {*this, strict_priority, num_sequences};
}

void Backlog::Place::leave() {
  Backlog* const backlog = std::exchange(backlog_, nullptr);
  if (backlog == nullptr) return;
  const MutexLock lock(backlog->mutex_);
  backlog->model_.left(strict_priority_, num_sequences_);
}

void Backlog::served(Duration residence, std::uint64_t output_tokens) {
  const MutexLock lock(mutex_);
  model_.served(residence, output_tokens);
}

void Backlog::on_load(const rpc::Load& load) {
  const MutexLock lock(mutex_);
  model_.set_load(load.running, load.waiting);
}

}  // namespace penstock::frontend
