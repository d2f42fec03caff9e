// Requests end to end, with a scripted worker on the channel.
#include <gtest/gtest.h>

#include "harness.h"

namespace penstock::frontend {
namespace {

using rpc::FinishKind;

FakeWorker::Scripter says(std::string text) {
  return [text](const rpc::Submit&, std::uint32_t) {
    FakeWorker::Script script;
    for (const rpc::TokenId id : ids_of(text)) script.push_back(tokens({id}));
    script.push_back(stop_at(kImEnd));
    return script;
  };
}
// Sends `text` and then nothing more until it is cancelled.
FakeWorker::Scripter hangs_after(std::string text) {
  return [text](const rpc::Submit&, std::uint32_t) {
    FakeWorker::Script script;
    for (const rpc::TokenId id : ids_of(text)) script.push_back(tokens({id}));
    return script;
  };
}

std::string content_of(const text::Json& body, std::size_t index = 0) {
  const text::Json& choice = body.find("choices")->as_array()[index];
  const text::Json* message = choice.find("message");
  return (message != nullptr ? message->find("content") : choice.find("text"))->as_string();
}
std::string finish_of(const text::Json& body, std::size_t index = 0) {
  return body.find("choices")->as_array()[index].find("finish_reason")->as_string();
}

TEST(Generation, renders_tokenizes_and_submits_a_chat) {
  Harness harness(says("hello"));
  const Recorded answer = harness.chat(R"(,"temperature":0,"seed":5,"max_tokens":9)")->wait_done();
  ASSERT_EQ(answer.status, 200) << answer.body;
  const text::Json body = json_of(answer);
  EXPECT_EQ(content_of(body), "hello");
  EXPECT_EQ(finish_of(body), "stop");
  EXPECT_EQ(body.find("object")->as_string(), "chat.completion");
  EXPECT_EQ(body.find("system_fingerprint")->as_string(), "fp_01234567");

  const rpc::Submit submit = harness.worker().submits().at(0);
  std::vector<rpc::TokenId> expected = {kImStart};
  const auto append = [&expected](const std::vector<rpc::TokenId>& ids) {
    expected.insert(expected.end(), ids.begin(), ids.end());
  };
  append(ids_of("user\nhi"));
  append({kImEnd});
  append(ids_of("\n"));
  append({kImStart});
  append(ids_of("assistant\n"));
  EXPECT_EQ(submit.token_ids, expected);
  EXPECT_EQ(submit.max_tokens, 9u);
  EXPECT_EQ(submit.sampling.seed, 5u);
  EXPECT_EQ(submit.sampling.temperature, 0.0F);
  EXPECT_EQ(submit.eos_token_ids, std::vector<rpc::TokenId>{kImEnd});
  EXPECT_GT(submit.remaining_us, 0);
  const text::Json* usage = body.find("usage");
  EXPECT_EQ(usage->find("prompt_tokens")->as_uint64(), expected.size());
  EXPECT_EQ(usage->find("completion_tokens")->as_int(), 6) << "the stop token counts";
}

TEST(Generation, user_text_never_becomes_a_special_token) {
  Harness harness(says("x"));
  (void)harness
      .send("POST", "/v1/chat/completions",
            R"({"model":"tiny","messages":[{"role":"user","content":"<|im_end|>"}]})")
      ->wait_done();
  const auto ids = harness.worker().submits().at(0).token_ids;
  EXPECT_EQ(std::ranges::count(ids, kImEnd), 1) << "the template's own";
}

TEST(Generation, omitted_max_tokens_is_what_the_context_leaves) {
  Harness harness(says("x"));
  (void)harness.chat()->wait_done();
  const rpc::Submit submit = harness.worker().submits().at(0);
  EXPECT_EQ(submit.max_tokens, 512 - submit.token_ids.size());
  (void)harness.complete()->wait_done();
  EXPECT_EQ(harness.worker().submits().at(1).max_tokens, 16u);
}

TEST(Generation, streams_role_content_finish_usage_and_done) {
  Harness harness(says("ab"));
  const Recorded answer =
      harness.chat(R"(,"stream":true,"stream_options":{"include_usage":true})")->wait_done();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("content-type"), "text/event-stream");
  EXPECT_EQ(answer.header("cache-control"), "no-store");
  const auto frames = frames_of(answer.body);
  ASSERT_GE(frames.size(), 4u);
  EXPECT_EQ(frames.back().data, "[DONE]");
  std::string text;
  std::vector<std::string> finishes;
  for (std::size_t i = 0; i + 1 < frames.size(); ++i) {
    const text::Json chunk = text::parse_json(frames[i].data).value();
    EXPECT_EQ(chunk.find("id")->as_string().substr(0, 9), "chatcmpl-");
    const auto& choices = chunk.find("choices")->as_array();
    if (i + 2 == frames.size()) {
      EXPECT_TRUE(choices.empty());
      EXPECT_EQ(chunk.find("usage")->find("completion_tokens")->as_int(), 3);
      continue;
    }
    EXPECT_TRUE(chunk.find("usage")->is_null());
    const text::Json* delta = choices[0].find("delta");
    if (i == 0) {
      EXPECT_EQ(text::to_json(*delta), R"({"role":"assistant","content":""})");
    } else if (const text::Json* content = delta->find("content")) {
      text += content->as_string();
    }
    if (choices[0].find("finish_reason")->is_string()) {
      finishes.push_back(choices[0].find("finish_reason")->as_string());
      EXPECT_TRUE(delta->as_object().empty());
    }
  }
  EXPECT_EQ(text, "ab");
  EXPECT_EQ(finishes, std::vector<std::string>{"stop"});
}

TEST(Generation, a_stop_string_ends_the_choice_and_cancels_its_sequence) {
  Harness harness(hangs_after("one\nEND two"));
  const Recorded answer =
      harness.chat(R"(,"stop":"END","penstock":{"extra_fields":["stop_reason"]})")->wait_done();
  const text::Json body = json_of(answer);
  EXPECT_EQ(content_of(body), "one\n");
  EXPECT_EQ(finish_of(body), "stop");
  EXPECT_EQ(body.find("choices")->as_array()[0].find("stop_reason")->as_string(), "END");
  ASSERT_TRUE(Harness::eventually([&] { return !harness.worker().cancels().empty(); }));
  EXPECT_EQ(harness.worker().cancels().at(0).sequence, 0u);
  EXPECT_TRUE(Harness::eventually([&] { return harness.worker().num_live() == 0; }));
}

TEST(Generation, several_prompts_and_choices_are_numbered_prompt_major) {
  Harness harness([](const rpc::Submit& submit, std::uint32_t sequence) {
    const char prompt = static_cast<char>(submit.token_ids.back());
    return FakeWorker::Script{
        tokens({static_cast<rpc::TokenId>(prompt)}),
        finish(FinishKind::kLength, {static_cast<rpc::TokenId>('0' + sequence)})};
  });
  const Recorded answer =
      harness
          .send("POST", "/v1/completions",
                R"({"model":"tiny","prompt":["a","b"],"n":2,"max_tokens":2,"echo":true})")
          ->wait_done();
  const text::Json body = json_of(answer);
  ASSERT_EQ(body.find("choices")->as_array().size(), 4u) << answer.body;
  EXPECT_EQ(content_of(body, 0), "aa0");
  EXPECT_EQ(content_of(body, 1), "aa1");
  EXPECT_EQ(content_of(body, 2), "bb2");
  EXPECT_EQ(content_of(body, 3), "bb3");
  EXPECT_EQ(finish_of(body, 3), "length");
  EXPECT_EQ(body.find("usage")->find("prompt_tokens")->as_int(), 2) << "once per prompt";
  EXPECT_EQ(body.find("usage")->find("completion_tokens")->as_int(), 8);
  EXPECT_EQ(harness.worker().submits().size(), 2u);
  EXPECT_EQ(harness.worker().submits()[1].submit_number, 2u);
  EXPECT_EQ(harness.worker().submits()[1].sequences[0].sequence, 2u);
}

TEST(Generation, echo_without_tokens_needs_no_worker) {
  Harness harness(says("x"));
  const Recorded answer = harness.complete(R"(,"max_tokens":0,"echo":true)")->wait_done();
  EXPECT_EQ(content_of(json_of(answer)), "hi");
  EXPECT_EQ(finish_of(json_of(answer)), "length");
  EXPECT_TRUE(harness.worker().submits().empty());
}

TEST(Generation, token_ids_go_through_as_they_are_and_come_back_when_asked) {
  Harness harness(says("ok"));
  const Recorded answer =
      harness
          .send("POST", "/v1/completions",
                R"({"model":"tiny-alias","prompt":[258,104,105],"return_token_ids":true})")
          ->wait_done();
  const text::Json body = json_of(answer);
  EXPECT_EQ(harness.worker().submits().at(0).token_ids, (std::vector<rpc::TokenId>{258, 104, 105}));
  EXPECT_EQ(harness.worker().submits().at(0).model, "tiny");
  EXPECT_EQ(body.find("model")->as_string(), "tiny-alias");
  const text::Json& choice = body.find("choices")->as_array()[0];
  EXPECT_EQ(text::to_json(*choice.find("token_ids")), "[111,107,257]");
  EXPECT_EQ(text::to_json(*choice.find("prompt_token_ids")), "[258,104,105]");
}

TEST(Generation, continues_a_final_message_right_behind_its_content) {
  Harness harness(says("x"));
  (void)harness
      .send("POST", "/v1/chat/completions",
            R"({"model":"tiny","continue_final_message":true,"messages":[
               {"role":"user","content":"a"},{"role":"assistant","content":"b "}]})")
      ->wait_done();
  const auto ids = harness.worker().submits().at(0).token_ids;
  std::vector<rpc::TokenId> tail = {kImStart};
  for (const rpc::TokenId id : ids_of("assistant\nb ")) tail.push_back(id);
  ASSERT_GE(ids.size(), tail.size());
  EXPECT_EQ(std::vector(ids.end() - static_cast<std::ptrdiff_t>(tail.size()), ids.end()), tail);
}

TEST(Generation, token_data_and_raw_prompts_pass_the_template_by) {
  Harness harness(says("x"));
  (void)harness.chat(R"(,"penstock":{"token_data":[7,8]})")->wait_done();
  (void)harness.chat(R"(,"nvext":{"use_raw_prompt":true})")->wait_done();
  EXPECT_EQ(harness.worker().submits().at(0).token_ids, (std::vector<rpc::TokenId>{7, 8}));
  EXPECT_EQ(harness.worker().submits().at(1).token_ids, ids_of("hi"));
}

TEST(Generation, annotations_are_events_before_the_first_chunk) {
  Harness harness(says("x"));
  const Recorded answer =
      harness
          .chat(R"(,"stream":true,"return_token_ids":true,"penstock":{"token_data":[7,8],)"
                R"("annotations":["request_id","token_ids"]})")
          ->wait_done();
  const auto frames = frames_of(answer.body);
  ASSERT_GE(frames.size(), 4u);
  EXPECT_EQ(frames[0].event, "request_id");
  EXPECT_EQ(frames[0].data, "\"" + answer.header("x-penstock-request-id") + "\"");
  EXPECT_EQ(frames[1].event, "token_ids");
  EXPECT_EQ(frames[1].data, "[7,8]");
  EXPECT_TRUE(frames[2].data.contains(R"("prompt_token_ids":[7,8])"));
  EXPECT_FALSE(frames[3].data.contains("prompt_token_ids")) << "once";
}

TEST(Generation, an_error_before_the_first_token_has_its_true_status) {
  const std::pair<rpc::WorkerErrorCode, std::string> cases[] = {
      {rpc::WorkerErrorCode::kInvalid, "400 invalid_value null"},
      {rpc::WorkerErrorCode::kKvCapacity, "400 kv_capacity_exceeded null"},
      {rpc::WorkerErrorCode::kOverloaded, "429 overloaded worker_queue"},
      {rpc::WorkerErrorCode::kDraining, "503 no_ready_worker null"},
      {rpc::WorkerErrorCode::kSlowConsumer, "503 slow_consumer null"},
      {rpc::WorkerErrorCode::kInternal, "503 worker_lost null"},
  };
  for (const auto& [code, expected] : cases) {
    Harness harness([code = code](const rpc::Submit&, std::uint32_t) {
      return FakeWorker::Script{worker_error(code, "needs 9 blocks, has 5; /secret/path")};
    });
    const Recorded answer = harness.chat(R"(,"stream":true)")->wait_done();
    EXPECT_FALSE(answer.is_stream);
    EXPECT_EQ(error_of(answer), expected);
    if (answer.status >= 500) {
      EXPECT_EQ(answer.body.find("secret"), std::string::npos);
    }
    if (answer.status == 429 || answer.status == 503) {
      EXPECT_EQ(answer.header("retry-after").empty(), code == rpc::WorkerErrorCode::kSlowConsumer);
    }
  }
}

TEST(Generation, an_error_after_the_first_token_is_one_event_and_no_done) {
  Harness harness([](const rpc::Submit&, std::uint32_t) {
    return FakeWorker::Script{tokens({'a'}), worker_error(rpc::WorkerErrorCode::kInternal, "gone")};
  });
  const Recorded answer = harness.chat(R"(,"stream":true)")->wait_done();
  EXPECT_EQ(answer.status, 200);
  const auto frames = frames_of(answer.body);
  EXPECT_EQ(std::ranges::count(frames, std::string("error"), &Frame::event), 1);
  EXPECT_EQ(frames.back().event, "error");
  EXPECT_EQ(text::parse_json(frames.back().data)->find("error")->find("code")->as_string(),
            "worker_lost");
  EXPECT_EQ(answer.body.find("[DONE]"), std::string::npos);
}

TEST(Generation, one_failed_choice_fails_the_request_and_cancels_the_others) {
  Harness harness([](const rpc::Submit&, std::uint32_t sequence) {
    return sequence == 0 ? FakeWorker::Script{worker_error(rpc::WorkerErrorCode::kInternal, "")}
                         : FakeWorker::Script{};
  });
  EXPECT_EQ(error_of(harness.chat(R"(,"n":3)")->wait_done()), "503 worker_lost null");
  EXPECT_TRUE(Harness::eventually([&] { return harness.worker().num_live() == 0; }));
}

TEST(Generation, outputs_of_unknown_requests_and_sequences_are_ignored) {
  Harness harness(says("fine"));
  rpc::StepOutputs stray;
  rpc::Output output = tokens({'x'});
  output.key.request_id = "nobody";
  stray.outputs.push_back(output);
  harness.worker().send(stray);
  const auto exchange = harness.chat();
  EXPECT_EQ(content_of(json_of(exchange->wait_done())), "fine");
}

TEST(Generation, logprobs_follow_their_text) {
  Harness harness([](const rpc::Submit&, std::uint32_t) {
    rpc::Output first = tokens({'a', 0xC3});
    first.logprobs = {{-0.5F, 0, {{'a', -0.5F}, {'b', -1.0F}}}, {-0.25F, 0, {}}};
    rpc::Output second = finish(FinishKind::kLength, {0xA9});
    second.logprobs = {{-0.125F, 1, {}}};
    return FakeWorker::Script{first, second};
  });
  const Recorded answer = harness.chat(R"(,"logprobs":true,"top_logprobs":1)")->wait_done();
  const text::Json body = json_of(answer);
  EXPECT_EQ(content_of(body), "a\xc3\xa9");
  const text::Json* logprobs = body.find("choices")->as_array()[0].find("logprobs");
  const auto& content = logprobs->find("content")->as_array();
  ASSERT_EQ(content.size(), 3u);
  EXPECT_EQ(content[0].find("token")->as_string(), "a");
  EXPECT_EQ(content[0].find("top_logprobs")->as_array().size(), 1u) << "as many as asked";
  EXPECT_EQ(text::to_json(*content[1].find("bytes")), "[195]");
  EXPECT_EQ(harness.worker().submits().at(0).logprobs, 1);
}

}  // namespace
}  // namespace penstock::frontend
