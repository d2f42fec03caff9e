#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "rpc/channel.h"

namespace penstock::rpc {
namespace {

Submit submit_named(std::string id) {
  Submit submit;
  submit.key.request_id = std::move(id);
  return submit;
}

TEST(InProcessChannel, delivers_what_was_sent_before_start_and_after_it_in_order) {
  ChannelPair pair = make_in_process_channel();
  ASSERT_TRUE(pair.frontend->send(submit_named("a")));
  ASSERT_TRUE(pair.frontend->send(Cancel{.request_id = "a", .sequence = {}, .reason = ""}));
  std::vector<std::string> got;
  pair.worker->start({.on_message =
                          [&](DownMessage message, Credit) {
                            if (const auto* s = std::get_if<Submit>(&message)) {
                              got.push_back("submit " + s->key.request_id);
                            } else if (const auto* c = std::get_if<Cancel>(&message)) {
                              got.push_back("cancel " + c->request_id);
                            }
                          },
                      .on_closed = {}});
  ASSERT_TRUE(pair.frontend->send(submit_named("b")));
  EXPECT_EQ(got, (std::vector<std::string>{"submit a", "cancel a", "submit b"}));
}

TEST(InProcessChannel, refuses_above_the_byte_budget_until_credit_returns) {
  ChannelPair pair = make_in_process_channel(4096);
  std::vector<Credit> held;
  pair.worker->start(
      {.on_message = [&](DownMessage, Credit credit) { held.push_back(std::move(credit)); },
       .on_closed = {}});
  int accepted = 0;
  while (pair.frontend->send(submit_named("x")) && accepted < 100) ++accepted;
  EXPECT_GT(accepted, 2);
  EXPECT_LT(accepted, 10);
  const Status refused = pair.frontend->send(submit_named("y"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kResourceExhausted);
  held.clear();
  EXPECT_TRUE(pair.frontend->send(submit_named("y")));
}

TEST(InProcessChannel, closing_one_end_tells_the_other_once) {
  ChannelPair pair = make_in_process_channel();
  int closed = 0;
  pair.worker->start({.on_message = [](DownMessage, Credit) {}, .on_closed = [&] { ++closed; }});
  pair.frontend->close();
  pair.frontend.reset();
  EXPECT_EQ(closed, 1);
  const Status refused = pair.worker->send(Pong{});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnavailable);
}

TEST(InProcessChannel, credits_may_outlive_the_channel) {
  std::vector<Credit> held;
  {
    ChannelPair pair = make_in_process_channel();
    pair.worker->start(
        {.on_message = [&](DownMessage, Credit credit) { held.push_back(std::move(credit)); },
         .on_closed = {}});
    ASSERT_TRUE(pair.frontend->send(submit_named("x")));
  }
  held.clear();
}

TEST(InProcessChannel, keeps_each_senders_order_with_many_senders) {
  ChannelPair pair = make_in_process_channel();
  std::vector<std::uint64_t> last(4, 0);
  std::atomic<int> out_of_order{0};
  pair.worker->start({.on_message =
                          [&](DownMessage message, Credit) {
                            const auto& submit = std::get<Submit>(message);
                            auto& seen = last[submit.dp_rank];
                            if (submit.submit_number != seen + 1) ++out_of_order;
                            seen = submit.submit_number;
                          },
                      .on_closed = {}});
  std::vector<std::thread> senders;
  for (std::uint32_t s = 0; s < 4; ++s) {
    senders.emplace_back([&, s] {
      for (std::uint64_t i = 1; i <= 1000; ++i) {
        Submit submit = submit_named("r");
        submit.dp_rank = s;
        submit.submit_number = i;
        ASSERT_TRUE(pair.frontend->send(std::move(submit)));
      }
    });
  }
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(out_of_order, 0);
  EXPECT_EQ(last, (std::vector<std::uint64_t>(4, 1000)));
}

}  // namespace
}  // namespace penstock::rpc
