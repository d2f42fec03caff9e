// The pure parts of the frontend.
#include <gtest/gtest.h>

#include <set>

#include "frontend/ids.h"
#include "frontend/model_checks.h"
#include "frontend/prompt_builder.h"
#include "frontend/request_context.h"
#include "frontend/routes.h"
#include "frontend/service_routes.h"
#include "frontend/submission.h"

namespace penstock::frontend {
namespace {

using text::Json;

TEST(Ids, are_unique_and_sort_by_time) {
  ManualClock clock;
  IdSource ids(clock);
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(seen.insert(ids.make_request_id()).second);
  const std::string before = ids.make_request_id();
  clock.advance(std::chrono::milliseconds(2));
  EXPECT_LT(before, ids.make_request_id());
  EXPECT_EQ(before[14], '7');
  EXPECT_NE(std::string("89ab").find(before[19]), std::string::npos);
}

TEST(FixMessages, joins_parts_unless_the_template_iterates_them) {
  const Json::Array messages =
      text::parse_json(
          R"([{"role":"developer","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}])")
          ->as_array();
  const auto joined = fix_messages(messages, {});
  EXPECT_EQ(text::to_json(joined[0]), R"({"role":"system","content":"a\nb"})");
  const auto kept =
      fix_messages(messages, {.iterates_content_parts = true, .knows_developer = true});
  EXPECT_EQ(kept[0], messages[0]);
}

TEST(CutBefore, keeps_origins_and_takes_the_last_occurrence) {
  text::OriginText text;
  text.append("<s>", text::Origin::kTrusted);
  text.append("MARK x MARK", text::Origin::kData);
  text.append("<end>", text::Origin::kTrusted);
  const text::OriginText cut = cut_before(text, "MARK");
  EXPECT_EQ(cut.bytes(), "<s>MARK x ");
  ASSERT_EQ(cut.spans().size(), 2u);
  EXPECT_EQ(cut.spans()[0].origin, text::Origin::kTrusted);
  EXPECT_TRUE(cut_before(text, "absent").empty());
}

TEST(AllowedTokens, is_what_was_asked_or_what_the_context_leaves) {
  EXPECT_EQ(allowed_tokens({.num_prompt_tokens = 10, .wanted = {}, .fallback = {}}, 100), 90u);
  EXPECT_EQ(allowed_tokens({.num_prompt_tokens = 10, .wanted = {}, .fallback = 16}, 100), 16u);
  EXPECT_EQ(allowed_tokens({.num_prompt_tokens = 95, .wanted = {}, .fallback = 16}, 100), 5u);
  EXPECT_EQ(allowed_tokens({.num_prompt_tokens = 10, .wanted = 90, .fallback = {}}, 100), 90u);
  EXPECT_FALSE(allowed_tokens({.num_prompt_tokens = 10, .wanted = 91, .fallback = {}}, 100));
  EXPECT_FALSE(allowed_tokens({.num_prompt_tokens = 100, .wanted = {}, .fallback = {}}, 100));
  EXPECT_FALSE(allowed_tokens({.num_prompt_tokens = 0, .wanted = {}, .fallback = {}}, 100));
  EXPECT_FALSE(allowed_tokens(
      {.num_prompt_tokens = 90, .wanted = {}, .fallback = {}, .min_tokens = 11}, 100));
}

TEST(ResolveSampling, the_request_beats_the_card_and_the_card_beats_the_default) {
  openai::SamplingWish wish;
  wish.temperature = 0.5;
  discovery::SamplingDefaults card;
  card.temperature = 0.9;
  card.top_k = 40;
  const rpc::Sampling sampling = resolve_sampling(wish, card, 77);
  EXPECT_EQ(sampling.temperature, 0.5F);
  EXPECT_EQ(sampling.top_k, 40);
  EXPECT_EQ(sampling.top_p, 1.0F);
  EXPECT_EQ(sampling.seed, 77u);
}

TEST(ResolveSampling, factors_stay_where_a_logit_survives_them) {
  openai::SamplingWish wish;
  wish.temperature = 1e-9;
  wish.top_p = 1e-300;
  wish.repetition_penalty = 1e-300;
  const rpc::Sampling sampling = resolve_sampling(wish, {}, 0);
  EXPECT_EQ(sampling.temperature, 0.0F) << "greedy in all but name";
  EXPECT_GT(sampling.top_p, 0.0F);
  EXPECT_GT(sampling.repetition_penalty, 0.0F);
}

TEST(ReadHeaders, the_earlier_deadline_wins_and_the_cap_holds) {
  FrontendOptions options;
  options.max_deadline = std::chrono::seconds(100);
  const Now now{{1'000'000'000}, 1'700'000'000'000'000};
  const ManualClock clock;
  const Caller caller = Access(clock).identify({}).value();
  const auto deadline_with = [&](net::HttpHeaders headers) {
    net::HttpRequest request;
    request.headers = std::move(headers);
    request.received_at = now.monotonic;
    RequestContext context = make_context(request, "id", options);
    context.caller = caller;
    EXPECT_TRUE(read_headers(request, options, now, context));
    return (context.deadline - now.monotonic) / std::chrono::milliseconds(1);
  };
  EXPECT_EQ(deadline_with({}), 100'000) << "the default is capped too";
  EXPECT_EQ(deadline_with({{"x-penstock-timeout-ms", "5000"}}), 5000);
  EXPECT_EQ(deadline_with(
                {{"x-penstock-timeout-ms", "5000"}, {"x-penstock-deadline-ms", "1700000003000"}}),
            3000);
  EXPECT_EQ(deadline_with({{"x-penstock-timeout-ms", "18446744073709551615"}}), 100'000);
  EXPECT_LT(deadline_with({{"x-penstock-deadline-ms", "-9223372036854775808"}}), 0);
}

TEST(QueryValue, decodes_percent_and_finds_the_name) {
  EXPECT_EQ(query_value("a=1&model=x%2Fy", "model"), "x/y");
  EXPECT_EQ(query_value("models=1", "model"), "");
  EXPECT_EQ(query_value("model=%zz", "model"), "%zz");
}

TEST(IgnoredHeader, is_short_and_plain) {
  EXPECT_EQ(ignored_header({"a", "b c"}), "a,b?c");
  const std::vector<std::string> many(1000, "field");
  EXPECT_LT(ignored_header(many).size(), 1200u);
}

}  // namespace
}  // namespace penstock::frontend
