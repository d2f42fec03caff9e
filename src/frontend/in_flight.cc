#include "frontend/in_flight.h"

#include "base/check.h"

namespace penstock::frontend {

InFlight::InFlight(net::IoPool& pool, std::size_t max)
    : pool_(pool), max_(max), lists_(pool.num_loops()) {}

bool InFlight::try_enter() {
  const MutexLock lock(mutex_);
  if (count_ >= max_) return false;
  ++count_;
  return true;
}

void InFlight::leave() {
  const MutexLock lock(mutex_);
  CHECK(count_ > 0);
  if (--count_ == 0) empty_.notify_all();
}

std::size_t InFlight::count() const {
  const MutexLock lock(mutex_);
  return count_;
}

bool InFlight::wait_until_empty(Duration timeout) {
  const MutexLock lock(mutex_);
  return empty_.wait_for(mutex_, timeout, [this]() REQUIRES(mutex_) { return count_ == 0; });
}

void InFlight::list(std::size_t loop_index, std::shared_ptr<Generation> generation) {
  const Generation* key = generation.get();
  lists_[loop_index].emplace(key, std::move(generation));
}

void InFlight::unlist(std::size_t loop_index, const Generation* generation) {
  lists_[loop_index].erase(generation);
}

void InFlight::post_to_all(const std::function<void(Generation&)>& visit) {
  for (std::size_t loop = 0; loop < lists_.size(); ++loop) {
    pool_.post(loop, [this, loop, visit] {
      // A visit may unlist: go over a copy.
      std::vector<std::shared_ptr<Generation>> all;
      for (const auto& [key, generation] : lists_[loop]) all.push_back(generation);
      for (const auto& generation : all) visit(*generation);
    });
  }
}

}  // namespace penstock::frontend
