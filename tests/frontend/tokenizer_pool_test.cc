// Two lanes: what long bodies may do to short ones.
#include "frontend/tokenizer_pool.h"

#include <gtest/gtest.h>

#include <future>
#include <string>

namespace penstock::frontend {
namespace {

constexpr std::size_t kShort = 100;
constexpr std::size_t kLong = TokenizerPool::kLongBytes + 1;
constexpr std::chrono::seconds kPatience{10};

// A job that says when it begins and ends when it is told to.
class Held {
 public:
  TokenizerPool::Job job() {
    return [this] {
      begun_.set_value();
      (void)ended_.get_future().wait_for(kPatience);
    };
  }
  bool has_begun() { return begun_.get_future().wait_for(kPatience) == std::future_status::ready; }
  void end() { ended_.set_value(); }

 private:
  std::promise<void> begun_;
  std::promise<void> ended_;
};

bool runs(TokenizerPool& pool, std::size_t bytes) {
  auto done = std::make_shared<std::promise<void>>();
  auto future = done->get_future();
  EXPECT_TRUE(pool.try_submit(bytes, [done] { done->set_value(); }));
  return future.wait_for(kPatience) == std::future_status::ready;
}

TEST(TokenizerPool, short_bodies_run_while_long_ones_occupy_all_that_they_may) {
  const ManualClock clock;
  Held first;
  Held second;
  TokenizerPool pool(2, 100, clock);
  ASSERT_TRUE(pool.try_submit(kLong, first.job()));
  ASSERT_TRUE(pool.try_submit(kLong, second.job()));
  ASSERT_TRUE(first.has_begun());
  ASSERT_TRUE(second.has_begun());
  ASSERT_TRUE(pool.try_submit(kLong, [] {}));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(runs(pool, kShort));
  EXPECT_EQ(pool.num_waiting(), 1u) << "the third long body";
  first.end();
  second.end();
}

TEST(TokenizerPool, a_free_thread_takes_short_bodies_first_until_a_long_one_has_waited) {
  ManualClock clock;
  std::string order;
  std::promise<void> all_done;
  Held blocks_short;
  Held blocks_long;
  TokenizerPool pool(1, 100, clock);
  ASSERT_TRUE(pool.try_submit(kLong, blocks_long.job()));
  ASSERT_TRUE(blocks_long.has_begun());
  ASSERT_TRUE(pool.try_submit(kShort, blocks_short.job()));
  ASSERT_TRUE(blocks_short.has_begun());
  // Only the thread of `blocks_long` comes free: it writes `order` alone.
  const auto add = [&](std::size_t bytes, char name) {
    ASSERT_TRUE(pool.try_submit(bytes, [&order, name] { order += name; }));
  };
  Held later;
  add(kLong, 'L');
  add(kShort, 'a');
  ASSERT_TRUE(pool.try_submit(kShort, later.job()));
  blocks_long.end();
  ASSERT_TRUE(later.has_begun());
  EXPECT_EQ(order, "a") << "a short one that came later goes first";
  add(kShort, 'b');
  clock.advance(TokenizerPool::kPatience);
  ASSERT_TRUE(pool.try_submit(kShort, [&all_done] { all_done.set_value(); }));
  later.end();
  ASSERT_EQ(all_done.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(order, "aLb") << "it has waited long enough";
  blocks_short.end();
}

TEST(TokenizerPool, takes_no_more_than_fits_and_ends_what_it_took) {
  const ManualClock clock;
  int num_run = 0;
  {
    Held held[2];
    TokenizerPool pool(1, 2, clock);
    ASSERT_TRUE(pool.try_submit(kLong, held[0].job()));
    ASSERT_TRUE(held[0].has_begun());
    ASSERT_TRUE(pool.try_submit(kShort, held[1].job()));
    ASSERT_TRUE(held[1].has_begun());
    ASSERT_TRUE(pool.try_submit(kLong, [&] { ++num_run; }));
    ASSERT_TRUE(pool.try_submit(kLong, [&] { ++num_run; }));
    EXPECT_FALSE(pool.try_submit(kShort, [&] { ++num_run; }));
    held[0].end();
    held[1].end();
  }
  EXPECT_EQ(num_run, 2) << "one long body at a time, and none is lost";
}

}  // namespace
}  // namespace penstock::frontend
