// A fixed team of compute threads that run one function together.
//
//   team.run([&](int member, int num_members) { ...rows of this member...; team.barrier(); ... });
//
// The caller is member 0; the others are parked between runs: they spin for a bounded time and
// then sleep, so an idle or shared machine is left alone. Barriers inside a run likewise.
// Threading: run() by one thread at a time, the one that constructed the team.
#pragma once

#include <functional>
#include <memory>

namespace penstock::device {

class ThreadTeam final {
 public:
  explicit ThreadTeam(int num_members);  // at least 1
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  [[nodiscard]] int num_members() const noexcept;
  // Returns when every member has returned. The body must not throw.
  void run(const std::function<void(int member, int num_members)>& body);
  // Called by every member inside run(): none goes on before all have come.
  void barrier();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::device
