#include "base/mutex.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/thread.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Tally {
 public:
  void add() {
    const MutexLock lock(mutex_);
    ++value_;
    changed_.notify_all();
  }
  bool wait_for(int value, Duration timeout) {
    const MutexLock lock(mutex_);
    return changed_.wait_for(mutex_, timeout, [&]() REQUIRES(mutex_) { return value_ >= value; });
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int value_ GUARDED_BY(mutex_) = 0;
};

TEST(Mutex, keeps_threads_apart_and_wakes_who_waits) {
  Tally tally;
  std::vector<NamedThread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back("adder", [&] {
      for (int i = 0; i < 1000; ++i) tally.add();
    });
  }
  EXPECT_TRUE(tally.wait_for(4000, seconds(60)));
  for (NamedThread& thread : threads) thread.join();
}

TEST(CondVar, gives_up_at_its_timeout_with_the_mutex_held) {
  Tally tally;
  EXPECT_FALSE(tally.wait_for(1, milliseconds(10)));
  tally.add();
  EXPECT_TRUE(tally.wait_for(1, milliseconds(0)));
}

}  // namespace
}  // namespace penstock
