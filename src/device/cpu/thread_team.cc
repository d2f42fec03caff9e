#include "device/cpu/thread_team.h"

#include <atomic>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "base/thread.h"
#include "device/cpu/bounded_wait.h"

namespace penstock::device {
struct ThreadTeam::Impl {
  explicit Impl(int num) : num_members(num), spins(spin_budget(num)) {}

  void wait_for_change(const std::atomic<std::uint32_t>& value, std::uint32_t old) const noexcept {
    bounded_wait(value, spins, [old](std::uint32_t now) { return now != old; });
  }

  void member_loop(int member) noexcept {
    std::uint32_t seen = 0;
    for (;;) {
      wait_for_change(run_number, seen);
      seen = run_number.load(std::memory_order_acquire);
      if (stopping) return;
      (*body)(member, num_members);
      barrier();
    }
  }

  void start_members() noexcept {
    run_number.fetch_add(1, std::memory_order_release);
    run_number.notify_all();
  }

  void barrier() noexcept {
    if (num_members == 1) return;
    const std::uint32_t generation = barrier_generation.load(std::memory_order_acquire);
    if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == num_members) {
      arrived.store(0, std::memory_order_relaxed);
      barrier_generation.fetch_add(1, std::memory_order_release);
      barrier_generation.notify_all();
    } else {
      wait_for_change(barrier_generation, generation);
    }
  }

  const int num_members;
  const int spins;
  // Written by member 0 before run_number is raised, read by the others after they see it.
  const std::function<void(int, int)>* body = nullptr;
  bool stopping = false;
  alignas(64) std::atomic<std::uint32_t> run_number{0};
  alignas(64) std::atomic<int> arrived{0};
  alignas(64) std::atomic<std::uint32_t> barrier_generation{0};
  std::vector<NamedThread> threads;  // last: its threads use what is above
};

ThreadTeam::ThreadTeam(int num_members) {
  CHECK(num_members >= 1, "a team of {} members", num_members);
  impl_ = std::make_unique<Impl>(num_members);
  impl_->threads.reserve(static_cast<std::size_t>(num_members) - 1);
  for (int member = 1; member < num_members; ++member) {
    impl_->threads.emplace_back("compute-" + std::to_string(member),
                                [impl = impl_.get(), member] { impl->member_loop(member); });
  }
}

ThreadTeam::~ThreadTeam() {
  impl_->stopping = true;
  impl_->start_members();
  for (NamedThread& thread : impl_->threads) thread.join();
}

int ThreadTeam::num_members() const noexcept {
  return impl_->num_members;
}

void ThreadTeam::run(const std::function<void(int member, int num_members)>& body) {
  impl_->body = &body;
  impl_->start_members();
  body(0, impl_->num_members);
  impl_->barrier();
}

void ThreadTeam::barrier() {
  impl_->barrier();
}

}  // namespace penstock::device
