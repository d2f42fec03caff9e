#include "engine/step_trace.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "tests/engine/harness.h"
#include "text/json.h"

namespace penstock::engine {
namespace {

using text::Json;

class Trace : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }

  std::unique_ptr<StepTrace> open(StepTraceOptions options = {}) {
    options.path = path_;
    auto opened = StepTrace::open(std::move(options), clock_, ledger_);
    EXPECT_TRUE(opened.has_value());
    return std::move(*opened);
  }
  std::string content() const {
    std::ifstream file(path_);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  std::vector<Json> events() const {
    auto parsed = text::parse_json(content());
    EXPECT_TRUE(parsed.has_value()) << content();
    return parsed ? parsed->as_array() : Json::Array();
  }
  static std::string text_of(const Json& event, const char* name) {
    const Json* value = event.find(name);
    return value == nullptr ? "" : value->as_string();
  }
  static std::int64_t arg(const Json& event, const char* name) {
    return event.find("args")->find(name)->as_int();
  }

  const std::string path_ =
      (std::filesystem::temp_directory_path() / format("penstock_trace_{}.json", getpid()))
          .string();
  SystemClock clock_;
  Ledger ledger_{clock_};
};

TEST_F(Trace, shows_each_step_with_its_phases_and_numbers) {
  auto trace = open();
  {
    EngineHarness harness({.max_step_tokens = 16, .trace = trace.get()});
    (void)harness.run(make_request(1, std::vector<TokenId>(20, 7), 3));
  }
  trace.reset();
  std::vector<std::string> steps;
  std::map<std::int64_t, std::set<std::string>> phases;
  bool has_kv_counter = false;
  for (const Json& event : events()) {
    const std::string name = text_of(event, "name");
    if (text_of(event, "ph") == "X" && name == "step") {
      steps.push_back(format("{}: {} tokens, {} decodes, {} chunks, {} admitted",
                             arg(event, "step"), arg(event, "tokens"), arg(event, "decodes"),
                             arg(event, "prefill_chunks"), arg(event, "admitted")));
    } else if (text_of(event, "ph") == "X") {
      phases[arg(event, "step")].insert(name);
    }
    has_kv_counter |= name == "kv blocks" && arg(event, "free") == 58 && arg(event, "active") == 6;
  }
  EXPECT_EQ(steps, (std::vector<std::string>{"1: 16 tokens, 0 decodes, 1 chunks, 1 admitted",
                                             "2: 4 tokens, 0 decodes, 1 chunks, 0 admitted",
                                             "3: 1 tokens, 1 decodes, 0 chunks, 0 admitted",
                                             "4: 1 tokens, 1 decodes, 0 chunks, 0 admitted"}));
  for (const std::int64_t step : {1, 2, 3, 4}) {
    EXPECT_EQ(phases[step], (std::set<std::string>{"collect", "schedule", "prepare", "forward",
                                                   "sample", "commit", "publish"}))
        << step;
  }
  EXPECT_TRUE(has_kv_counter) << content();
}

TEST_F(Trace, shows_each_choice_as_a_span_of_its_phases) {
  auto trace = open();
  {
    EngineHarness harness({.trace = trace.get()});
    EngineRequest request = make_request(1, {1, 2, 3, 4, 5}, 3);
    request.owner = "req \"7\"";
    request.choices = {{0, {}}, {1, {}}};
    (void)harness.run(std::move(request));
  }
  trace.reset();
  std::map<std::string, std::string> spans;
  for (const Json& event : events()) {
    const std::string ph = text_of(event, "ph");
    if (ph == "b") spans[text_of(event, "id")] += "+" + text_of(event, "name") + " ";
    if (ph == "e") spans[text_of(event, "id")] += "-" + text_of(event, "name") + " ";
  }
  EXPECT_EQ(spans.at("0x1"),
            "+req \"7\" +queue -queue +prefill -prefill +decode -decode -req \"7\" ");
  EXPECT_EQ(spans.at("0x2"),
            "+req \"7\" choice 1 +queue -queue +prefill -prefill +decode -decode "
            "-req \"7\" choice 1 ");
}

TEST_F(Trace, a_full_ring_drops_events_and_says_how_many) {
  auto trace = open({.path = {}, .max_events = 4, .flush_interval = std::chrono::hours(1)});
  for (int i = 0; i < 10; ++i) trace->add(LoadSample{.at = clock_.now()});
  EXPECT_EQ(trace->num_dropped(), 6U);
  trace.reset();
  const std::vector<Json> all = events();
  EXPECT_EQ(text_of(all.back(), "name"), "end of trace");
  EXPECT_EQ(arg(all.back(), "dropped_events"), 6);
}

TEST_F(Trace, is_readable_before_its_end) {
  auto trace = open({.path = {}, .flush_interval = std::chrono::milliseconds(1)});
  trace->add(LoadSample{.at = clock_.now()});
  const MonotonicTime deadline = clock_.now() + std::chrono::seconds(30);
  while (!content().contains("kv blocks")) {
    ASSERT_LT(clock_.now(), deadline);
    std::this_thread::yield();
  }
  const std::string cut = content();
  EXPECT_TRUE(cut.ends_with('}')) << "whole events";
  EXPECT_TRUE(text::parse_json(cut + "]").has_value()) << cut;
}

TEST_F(Trace, holds_its_file_in_the_ledger) {
  auto trace = open();
  EXPECT_EQ(ledger_.held(LedgerKind::kFile), 1U);
  EXPECT_EQ(ledger_.lines().front().owner, "trace " + path_);
  trace.reset();
  EXPECT_TRUE(ledger_.is_empty());
}

TEST_F(Trace, a_file_that_cannot_be_opened_is_named) {
  const auto opened = StepTrace::open({.path = "/nowhere/steps.json"}, clock_, ledger_);
  ASSERT_FALSE(opened.has_value());
  EXPECT_TRUE(opened.error().message().contains("--trace /nowhere/steps.json"))
      << opened.error().message();
  EXPECT_TRUE(ledger_.is_empty());
}

TEST_F(Trace, a_full_disk_ends_the_trace_and_not_the_engine) {
  auto opened = StepTrace::open(
      {.path = "/dev/full", .flush_interval = std::chrono::milliseconds(1)}, clock_, ledger_);
  ASSERT_TRUE(opened.has_value());
  EngineHarness harness({.trace = opened->get()});
  const auto transcripts = harness.run(make_request(1, {1, 2, 3}, 20));
  EXPECT_EQ(transcripts.at(0).finish, FinishReason::kLength);
  harness.stop();
}

TEST(ChoiceName, is_cut_where_it_does_not_fit) {
  const ChoiceName name = make_choice_name(std::string(100, 'x'), 2);
  EXPECT_EQ(name.size, name.text.size());
}

}  // namespace
}  // namespace penstock::engine
