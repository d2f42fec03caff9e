// One io thread's event loop, for the sources of this room.
//
// Threading: everything of a Loop is used on its thread, except LoopInbox::post and
// Loop::last_tick_ns. Ownership: the pool owns the loop; sockets and timers share the Context, so
// that one that outlives the pool (a bug) is dead weight, not a dangling pointer.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "net/io_pool.h"

namespace penstock::net {

using LoopTask = std::move_only_function<void()>;

// Tasks from any thread to a loop, run in the order of posting. Shared by the loop and by whoever
// may still post after it has ended (an exchange held by another thread).
//
// The loop is woken through an eventfd, written once per batch and with no lock held: whoever posts
// never makes the loop that it wakes wait for it. (A post to Asio writes under Asio's lock; on a
// shared core that was two more context switches per engine step.)
class LoopInbox final {
 public:
  LoopInbox();
  ~LoopInbox();
  LoopInbox(const LoopInbox&) = delete;
  LoopInbox& operator=(const LoopInbox&) = delete;

  // False once closed; the task is then destroyed without having run.
  bool post(LoopTask task);
  // Moves what waits into `into`, which is empty. Clears the signal.
  void take_all(std::vector<LoopTask>& into);
  // Readable while tasks wait; the inbox's own.
  [[nodiscard]] int signal_fd() const noexcept { return signal_fd_; }
  // After this nothing is accepted; what was accepted is still there to be taken.
  void close();
  [[nodiscard]] bool is_closed() const;

  // Set by the loop's thread before it runs anything.
  void set_thread(std::thread::id id) noexcept { thread_.store(id, std::memory_order_release); }
  [[nodiscard]] bool is_loop_thread() const noexcept {
    return thread_.load(std::memory_order_acquire) == std::this_thread::get_id();
  }

 private:
  mutable Mutex mutex_;
  std::vector<LoopTask> tasks_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
  const int signal_fd_;
  std::atomic<std::thread::id> thread_;
};

struct IoPool::Loop {
  struct Context;  // net/loop_context.h: Asio's side

  explicit Loop(std::size_t index);
  ~Loop();

  // Runs `task` when the current turn ends: a turn is one completion or one batch of posted tasks.
  // Connections flush there, so that all that one turn writes leaves in one system call.
  void at_turn_end(LoopTask task);
  // Runs what was posted, as one turn.
  void run_posted() noexcept;
  // Runs one task inside a turn; an exception that leaves it is a bug that hurts only this task.
  void run(LoopTask task) noexcept;
  // A buffer for one read, free again when the turn's read has been consumed.
  [[nodiscard]] std::span<char> scratch() noexcept { return scratch_; }

  const std::size_t index;
  const std::shared_ptr<Context> context;
  const std::shared_ptr<LoopInbox> inbox;
  std::atomic<std::int64_t> last_tick_ns{0};

 private:
  friend class Turn;
  void run_turn_end() noexcept;
  void run_guarded(LoopTask task) noexcept;

  int turn_depth_ = 0;
  std::vector<LoopTask> turn_end_;
  std::vector<LoopTask> posted_;  // being run
  std::array<char, 64UL << 10> scratch_;
};

// Encloses whatever the loop's thread runs for this room.
class [[nodiscard]] Turn final {
 public:
  explicit Turn(IoPool::Loop& loop) noexcept : loop_(loop) { ++loop_.turn_depth_; }
  ~Turn() {
    if (loop_.turn_depth_ == 1) loop_.run_turn_end();
    --loop_.turn_depth_;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  IoPool::Loop& loop_;
};

}  // namespace penstock::net
