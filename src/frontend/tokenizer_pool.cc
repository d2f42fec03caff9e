#include "frontend/tokenizer_pool.h"

#include <utility>

#include "base/check.h"
#include "base/format.h"

namespace penstock::frontend {
namespace {

constexpr Duration kWait = std::chrono::seconds(1);

}  // namespace

TokenizerPool::TokenizerPool(std::size_t num_threads, std::size_t queue_capacity,
                             const Clock& clock)
    : capacity_(queue_capacity), max_long_(num_threads), clock_(clock) {
  CHECK(num_threads > 0);
  for (std::size_t i = 0; i < num_threads + 1; ++i) {
    threads_.emplace_back(format("tokenize-{}", i), [this] { run(); });
  }
}

TokenizerPool::~TokenizerPool() {
  {
    const MutexLock lock(mutex_);
    is_stopping_ = true;
    changed_.notify_all();
  }
  for (NamedThread& thread : threads_) thread.join();
}

bool TokenizerPool::try_submit(std::size_t body_bytes, Job&& job) {
  const MutexLock lock(mutex_);
  if (is_stopping_ || short_.size() + long_.size() >= capacity_) return false;
  (body_bytes > kLongBytes ? long_ : short_).push_back({std::move(job), clock_.now()});
  changed_.notify_one();
  return true;
}

std::size_t TokenizerPool::num_waiting() const {
  const MutexLock lock(mutex_);
  return short_.size() + long_.size();
}

bool TokenizerPool::can_take_long() const {
  return !long_.empty() && num_long_running_ < max_long_;
}

std::optional<TokenizerPool::Taken> TokenizerPool::take() {
  const MutexLock lock(mutex_);
  const auto has_work = [this]() REQUIRES(mutex_) { return !short_.empty() || can_take_long(); };
  while (!has_work()) {
    if (is_stopping_ && long_.empty()) return std::nullopt;
    (void)changed_.wait_for(mutex_, kWait, [&]() REQUIRES(mutex_) {
      return has_work() || (is_stopping_ && long_.empty());
    });
  }
  const bool is_long =
      can_take_long() && (short_.empty() || clock_.now() - long_.front().since >= kPatience);
  std::deque<Waiting>& lane = is_long ? long_ : short_;
  Taken taken{std::move(lane.front().job), is_long};
  lane.pop_front();
  if (is_long) ++num_long_running_;
  return taken;
}

void TokenizerPool::run() {
  while (auto taken = take()) {
    std::exchange(taken->job, nullptr)();
    if (!taken->is_long) continue;
    const MutexLock lock(mutex_);
    --num_long_running_;
    changed_.notify_all();
  }
}

}  // namespace penstock::frontend
