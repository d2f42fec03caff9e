// The threads that turn bodies into tokens: parse, validate, render, tokenize. Bounded, so that
// long prompts wait here and not on the loops.
//
// Two lanes: long bodies may occupy all threads but one, so a short body never waits for a long
// one to be done. A free thread takes a short body first, unless a long one has waited for
// kPatience.
//
// Threads: `tokenize-N`, one more than may work on long bodies; each runs one job at a time.
// Threading: try_submit() from any thread; construct and stop from one owner.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/thread.h"

namespace penstock::frontend {

class TokenizerPool final {
 public:
  using Job = std::move_only_function<void()>;

  // A body that takes milliseconds even in the worst case is short.
  static constexpr std::size_t kLongBytes = 64 * 1024;
  static constexpr Duration kPatience = std::chrono::milliseconds(100);

  // `num_threads`: how many may work on long bodies at once. `clock` outlives the pool.
  TokenizerPool(std::size_t num_threads, std::size_t queue_capacity, const Clock& clock);
  ~TokenizerPool();  // runs what is queued, then joins

  // False when the queue, of both lanes together, is full; `job` is then untouched.
  [[nodiscard]] bool try_submit(std::size_t body_bytes, Job&& job);
  [[nodiscard]] std::size_t num_waiting() const;

 private:
  struct Waiting {
    Job job;
    MonotonicTime since{};
  };
  struct Taken {
    Job job;
    bool is_long = false;
  };

  void run();
  [[nodiscard]] bool can_take_long() const REQUIRES(mutex_);
  // Waits for a job that this thread may take; nothing once the pool stops and none is left.
  [[nodiscard]] std::optional<Taken> take();

  const std::size_t capacity_;
  const std::size_t max_long_;
  const Clock& clock_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Waiting> short_ GUARDED_BY(mutex_);
  std::deque<Waiting> long_ GUARDED_BY(mutex_);
  std::size_t num_long_running_ GUARDED_BY(mutex_) = 0;
  bool is_stopping_ GUARDED_BY(mutex_) = false;
  std::vector<NamedThread> threads_;
};

}  // namespace penstock::frontend
