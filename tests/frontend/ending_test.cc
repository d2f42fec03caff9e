// How requests end early: disconnects, deadlines, lost workers, drains, overload.
#include <gtest/gtest.h>

#include "harness.h"

namespace penstock::frontend {
namespace {

FakeWorker::Scripter hangs_after(std::string text) {
  return [text](const rpc::Submit&, std::uint32_t) {
    FakeWorker::Script script;
    for (const rpc::TokenId id : ids_of(text)) script.push_back(tokens({id}));
    return script;
  };
}

bool has_submits(Harness& harness, std::size_t n) {
  return Harness::eventually([&] { return harness.worker().submits().size() == n; });
}

TEST(Disconnect, before_the_first_token_cancels_every_sequence) {
  Harness harness(hangs_after(""));
  const auto exchange = harness.chat(R"(,"n":2)");
  ASSERT_TRUE(has_submits(harness, 1));
  exchange->disconnect();
  ASSERT_TRUE(Harness::eventually([&] { return harness.worker().num_live() == 0; }));
  EXPECT_FALSE(harness.worker().cancels().at(0).sequence) << "all of them at once";
  EXPECT_TRUE(Harness::eventually([&] { return harness.ledger().is_empty(); }));
}

TEST(Disconnect, while_streaming_cancels_and_empties_the_ledger) {
  Harness harness(hangs_after("abc"));
  const auto exchange = harness.chat(R"(,"stream":true)");
  ASSERT_TRUE(exchange->wait_for([](const Recorded& r) { return r.body.contains("\"c\""); }));
  EXPECT_EQ(harness.ledger().held(LedgerKind::kRequest), 1u);
  exchange->disconnect();
  EXPECT_TRUE(Harness::eventually([&] { return harness.ledger().is_empty(); }));
  EXPECT_EQ(harness.frontend().num_in_flight(), 0u);
}

TEST(Disconnect, in_the_tokenizer_queue_leaves_nothing) {
  Harness harness(hangs_after(""));
  std::vector<std::shared_ptr<FakeExchange>> exchanges;
  for (int i = 0; i < 50; ++i) {
    exchanges.push_back(harness.chat());
    exchanges.back()->disconnect();
  }
  EXPECT_TRUE(Harness::eventually([&] { return harness.ledger().is_empty(); }))
      << harness.ledger_text();
}

TEST(Deadline, already_past_is_504_at_once) {
  Harness harness(hangs_after(""));
  const auto exchange = harness.send("POST", "/v1/completions", R"({"model":"tiny","prompt":"a"})",
                                     {{"x-penstock-timeout-ms", "0"}});
  EXPECT_EQ(error_of(exchange->wait_done()), "504 deadline_exceeded null");
  EXPECT_TRUE(harness.worker().submits().empty());
}

TEST(Deadline, before_the_first_token_is_504_even_for_a_stream) {
  Harness harness(hangs_after(""));
  const auto exchange = harness.chat(R"(,"stream":true)");
  ASSERT_TRUE(has_submits(harness, 1));
  harness.clock().advance(std::chrono::seconds(601));
  exchange->fire_timer();
  const Recorded answer = exchange->wait_done();
  EXPECT_EQ(error_of(answer), "504 deadline_exceeded null");
  EXPECT_TRUE(answer.body.contains("in the phase queue")) << answer.body;
}

TEST(Deadline, after_some_output_finishes_with_deadline) {
  for (const bool stream : {false, true}) {
    Harness harness(hangs_after("abc"));
    const auto exchange =
        harness.chat(stream ? R"(,"stream":true,"stop":"cd")" : R"(,"stop":"cd")");
    ASSERT_TRUE(has_submits(harness, 1));
    if (stream) {
      ASSERT_TRUE(exchange->wait_for([](const Recorded& r) { return r.body.contains("\"b\""); }));
    } else {
      ASSERT_TRUE(Harness::eventually([&] {
        return harness.registry().text().contains("output_tokens_total{model=\"tiny\"} 3");
      }));
    }
    harness.clock().advance(std::chrono::seconds(601));
    // The held "c" may still be on its way.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    exchange->fire_timer();
    const Recorded answer = exchange->wait_done();
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.body.contains("\"finish_reason\":\"deadline\"")) << answer.body;
    EXPECT_EQ(answer.body.contains("[DONE]"), stream);
    EXPECT_TRUE(answer.body.contains(stream ? "\"c\"" : "\"abc\"")) << "held text goes out";
    EXPECT_TRUE(Harness::eventually([&] { return harness.worker().num_live() == 0; }));
  }
}

TEST(Deadline, the_worker_s_own_is_the_same) {
  for (const bool has_output : {false, true}) {
    Harness harness([has_output](const rpc::Submit&, std::uint32_t) {
      FakeWorker::Script script;
      if (has_output) script.push_back(tokens({'a'}));
      script.push_back(finish(rpc::FinishKind::kDeadline));
      return script;
    });
    const Recorded answer = harness.chat()->wait_done();
    EXPECT_EQ(answer.status, has_output ? 200 : 504) << answer.body;
  }
}

TEST(Deadline, headers_set_it_and_bad_ones_are_named) {
  Harness harness(hangs_after(""));
  const auto send = [&](std::string name, std::string value) {
    return harness.send("POST", "/v1/completions", R"({"model":"tiny","prompt":"a"})",
                        {{std::move(name), std::move(value)}});
  };
  EXPECT_EQ(error_of(send("x-penstock-timeout-ms", "soon")->wait_done()),
            "400 invalid_value x-penstock-timeout-ms");
  EXPECT_EQ(error_of(send("x-penstock-deadline-ms", "1")->wait_done()),
            "504 deadline_exceeded null");
  EXPECT_EQ(error_of(send("x-penstock-priority", "1.5")->wait_done()),
            "400 invalid_value x-penstock-priority");
  EXPECT_EQ(error_of(send("x-penstock-worker-id", "3")->wait_done()),
            "400 invalid_value x-penstock-worker-id");
  EXPECT_EQ(error_of(send("x-request-id", "no spaces")->wait_done()),
            "400 invalid_value x-request-id");
  (void)send("x-penstock-timeout-ms", "2000");
  ASSERT_TRUE(has_submits(harness, 1));
  EXPECT_LE(harness.worker().submits()[0].remaining_us, 2'000'000);
}

TEST(KeepAlive, a_waiting_stream_gets_comments_before_and_between_tokens) {
  Harness harness(hangs_after("a"));
  const auto exchange = harness.chat(R"(,"stream":true)");
  ASSERT_TRUE(exchange->wait_for([](const Recorded& r) { return r.body.contains("\"a\""); }));
  harness.clock().advance(std::chrono::seconds(9));
  exchange->fire_timer();
  harness.clock().advance(std::chrono::seconds(2));
  exchange->fire_timer();
  ASSERT_TRUE(
      exchange->wait_for([](const Recorded& r) { return r.body.contains(": keep-alive\n\n"); }));
  exchange->disconnect();
}

TEST(KeepAlive, begins_the_stream_when_no_token_came_and_a_later_error_is_an_event) {
  Harness harness(hangs_after(""));
  const auto exchange = harness.chat(R"(,"stream":true)");
  ASSERT_TRUE(has_submits(harness, 1));
  harness.clock().advance(std::chrono::seconds(11));
  exchange->fire_timer();
  ASSERT_TRUE(exchange->wait_for([](const Recorded& r) { return r.is_stream; }));
  harness.clock().advance(std::chrono::seconds(600));
  exchange->fire_timer();
  const Recorded answer = exchange->wait_done();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.body.starts_with(": keep-alive\n\nevent: error\n")) << answer.body;
  EXPECT_TRUE(answer.body.contains("deadline_exceeded"));
}

TEST(Worker, a_lost_stream_ends_what_ran_and_refuses_what_comes) {
  Harness harness(hangs_after("a"));
  const auto streaming = harness.chat(R"(,"stream":true)");
  const auto whole = harness.chat();
  ASSERT_TRUE(streaming->wait_for([](const Recorded& r) { return r.body.contains("\"a\""); }));
  ASSERT_TRUE(has_submits(harness, 2));
  harness.worker().die();
  EXPECT_TRUE(streaming->wait_done().body.contains("worker_lost"));
  EXPECT_EQ(error_of(whole->wait_done()), "503 worker_lost null");
  const Recorded late = harness.chat()->wait_done();
  EXPECT_EQ(error_of(late), "503 no_ready_worker null");
  EXPECT_EQ(late.header("retry-after"), "5");
  EXPECT_FALSE(harness.frontend().is_ready());
}

TEST(Worker, one_that_goes_away_gets_nothing_new) {
  Harness harness(hangs_after(""));
  harness.worker().send(rpc::GoAway{.reason = "drain", .remaining_us = 0});
  EXPECT_EQ(error_of(harness.chat()->wait_done()), "503 no_ready_worker null");
}

TEST(Drain, refuses_new_requests_and_ends_old_ones_with_an_event) {
  Harness harness(hangs_after("a"));
  const auto streaming = harness.chat(R"(,"stream":true)");
  ASSERT_TRUE(streaming->wait_for([](const Recorded& r) { return r.body.contains("\"a\""); }));
  harness.frontend().begin_drain();
  const Recorded refused = harness.chat()->wait_done();
  EXPECT_EQ(error_of(refused), "503 draining null");
  EXPECT_FALSE(harness.frontend().drain(std::chrono::milliseconds(1)));
  const auto frames = frames_of(streaming->wait_done().body);
  EXPECT_EQ(frames.back().event, "error");
  EXPECT_TRUE(frames.back().data.contains("\"code\":\"draining\""));
  EXPECT_EQ(harness.frontend().num_in_flight(), 0u);
}

TEST(Overload, above_max_inflight_is_refused_with_retry_after) {
  FrontendOptions options;
  options.max_inflight = 1;
  Harness harness(hangs_after(""), options);
  const auto first = harness.chat();
  ASSERT_TRUE(has_submits(harness, 1));
  const Recorded second = harness.chat()->wait_done();
  EXPECT_EQ(error_of(second), "429 overloaded max_inflight");
  EXPECT_EQ(second.header("retry-after"), "1");
  first->disconnect();
  ASSERT_TRUE(Harness::eventually([&] { return harness.frontend().num_in_flight() == 0; }));
  (void)harness.chat();
  EXPECT_TRUE(has_submits(harness, 2)) << "the place is free again";
}

TEST(Overload, the_status_is_a_setting) {
  FrontendOptions options;
  options.max_inflight = 0;
  options.overload_status = 529;
  Harness harness(hangs_after(""), options);
  EXPECT_EQ(error_of(harness.chat()->wait_done()), "529 overloaded max_inflight");
}

TEST(Overload, a_full_tokenizer_queue_refuses) {
  FrontendOptions options;
  options.tokenize_queue = 0;
  Harness harness(hangs_after(""), options);
  EXPECT_EQ(error_of(harness.chat()->wait_done()), "429 overloaded tokenize_queue");
}

// The first request is served in 4 s, whatever comes later hangs.
FakeWorker::Scripter serves_one_in_4_s() {
  return [num_seen = 0](const rpc::Submit&, std::uint32_t) mutable {
    FakeWorker::Script script;
    if (num_seen++ > 0) return script;
    script.push_back(tokens({'a'}));
    script.back().prefill_us = 4'000'000;
    script.push_back(finish(rpc::FinishKind::kLength));
    return script;
  };
}

TEST(Overload, a_request_that_would_wait_past_its_deadline_is_refused_at_once) {
  Harness harness(serves_one_in_4_s());
  const auto ask = [&](std::string timeout_ms) {
    return harness.send("POST", "/v1/completions", R"({"model":"tiny","prompt":"a"})",
                        {{"x-penstock-timeout-ms", std::move(timeout_ms)}});
  };
  ASSERT_EQ(ask("60000")->wait_done().status, 200);
  const auto waiting = ask("60000");
  ASSERT_TRUE(has_submits(harness, 2));
  const auto report = [&](std::uint32_t num_waiting) {
    rpc::StepOutputs step;
    step.load = {.seq = 1, .running = 1, .waiting = num_waiting};
    harness.worker().send(std::move(step));
  };
  report(1);  // one runs for 4 s, one is ahead: 4 s to wait and 4 s to run
  const Recorded refused = ask("8000")->wait_done();
  EXPECT_EQ(error_of(refused), "429 overloaded deadline");
  EXPECT_TRUE(refused.header("retry-after") == "4" || refused.header("retry-after") == "5")
      << refused.header("retry-after");
  EXPECT_TRUE(refused.body.contains("waits about 4.0 s here")) << refused.body;
  EXPECT_TRUE(harness.registry().text().contains("reason=\"deadline\"} 1"));

  (void)ask("9000");
  EXPECT_TRUE(has_submits(harness, 3)) << "this one has the time";
  report(0);
  (void)ask("1000");
  EXPECT_TRUE(has_submits(harness, 4)) << "nobody waits, so neither will this one";
}

TEST(Overload, who_leaves_the_line_is_not_ahead_any_more) {
  Harness harness(serves_one_in_4_s());
  ASSERT_EQ(harness.chat()->wait_done().status, 200);
  const auto leaver = harness.chat();
  ASSERT_TRUE(has_submits(harness, 2));
  rpc::StepOutputs step;
  step.load = {.seq = 1, .running = 1, .waiting = 1};
  harness.worker().send(std::move(step));
  leaver->disconnect();
  ASSERT_TRUE(Harness::eventually([&] { return harness.frontend().num_in_flight() == 0; }));
  (void)harness.send("POST", "/v1/completions", R"({"model":"tiny","prompt":"a"})",
                     {{"x-penstock-timeout-ms", "4500"}});
  EXPECT_TRUE(has_submits(harness, 3));
}

}  // namespace
}  // namespace penstock::frontend
