// A mutex that clang's thread-safety analysis understands: what it guards says so, and `./run check
// tidy` fails where guarded data is touched without it.
//
//   class Queue {
//     void push(int item) {
//       const MutexLock lock(mutex_);
//       items_.push_back(item);
//       ready_.notify_one();
//     }
//     bool wait_for_item(Duration timeout) {
//       const MutexLock lock(mutex_);
//       return ready_.wait_for(mutex_, timeout, [this]() REQUIRES(mutex_) { return !items_.empty();
//       });
//     }
//     Mutex mutex_;
//     CondVar ready_;
//     std::deque<int> items_ GUARDED_BY(mutex_);
//   };
//
// Use it for a lock that stays; one owner and a queue (bounded_queue.h) come first. Source of the
// annotations: Clang's documentation, "Thread Safety Analysis". GCC sees plain std::mutex code.
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/clock.h"

#ifdef __clang__
#define PENSTOCK_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define PENSTOCK_THREAD_ANNOTATION(x)
#endif

// Of a member: only while `mutex` is held.
#define GUARDED_BY(mutex) PENSTOCK_THREAD_ANNOTATION(guarded_by(mutex))
// Of a function: the caller holds `mutex`, or must not hold it.
#define REQUIRES(mutex) PENSTOCK_THREAD_ANNOTATION(requires_capability(mutex))
#define EXCLUDES(mutex) PENSTOCK_THREAD_ANNOTATION(locks_excluded(mutex))

namespace penstock {

class PENSTOCK_THREAD_ANNOTATION(capability("mutex")) Mutex final {
 public:
  void lock() PENSTOCK_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void unlock() PENSTOCK_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

// Holds a mutex while in scope.
class PENSTOCK_THREAD_ANNOTATION(scoped_lockable) [[nodiscard]] MutexLock final {
 public:
  explicit MutexLock(Mutex& mutex) PENSTOCK_THREAD_ANNOTATION(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() PENSTOCK_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits for a change of what a mutex guards. There is no wait without a timeout.
class CondVar final {
 public:
  void notify_one() noexcept { changed_.notify_one(); }
  void notify_all() noexcept { changed_.notify_all(); }

  // Waits at most `timeout` until `condition()` holds, and returns whether it does. The mutex is
  // held on entry, while `condition` runs, and on return.
  template <class Condition>
  bool wait_for(Mutex& mutex, Duration timeout, Condition condition) REQUIRES(mutex) {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    const bool holds = changed_.wait_for(lock, timeout, std::move(condition));
    (void)lock.release();
    return holds;
  }

 private:
  std::condition_variable changed_;
};

}  // namespace penstock
