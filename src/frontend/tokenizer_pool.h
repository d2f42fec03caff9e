// The threads that turn bodies into tokens: parse, validate, render, tokenize. Bounded, so that
// long prompts wait here and not on the loops.
//
// Threads: `tokenize-N`, each runs one job at a time. Threading: try_submit() from any thread;
// construct and stop from one owner.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "base/bounded_queue.h"
#include "base/thread.h"

namespace penstock::frontend {

class TokenizerPool final {
 public:
  using Job = std::move_only_function<void()>;

  TokenizerPool(std::size_t num_threads, std::size_t queue_capacity);
  ~TokenizerPool();  // runs what is queued, then joins

  // False when the queue is full; `job` is then untouched.
  [[nodiscard]] bool try_submit(Job&& job) { return queue_.try_push(std::move(job)); }
  [[nodiscard]] std::size_t num_waiting() const { return queue_.size(); }

 private:
  void run();

  BoundedQueue<Job> queue_;
  std::vector<NamedThread> threads_;
};

}  // namespace penstock::frontend
