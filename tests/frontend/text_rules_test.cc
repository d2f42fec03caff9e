// The rules of text (http-api, section 6), told again as they are written and held against whole
// and streamed answers, for random outputs cut into random tokens and steps: UTF-8, stop strings,
// min_tokens, what is counted, and what is held until the end.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "harness.h"
#include "tokenizer/stream_decoder.h"

namespace penstock::frontend {
namespace {

using text::Json;

// Tokens that cut characters and stop strings in every way.
const std::vector<std::string>& pieces() {
  static const std::vector<std::string> list = {"ab",
                                                "aS",
                                                "ST",
                                                "T\n",
                                                "STOP",
                                                "bb",
                                                "abS",
                                                "S\xF0",
                                                "\x9F\x98",
                                                "\x80T",
                                                "\xC3",
                                                "\xA9",
                                                "\xE4\xBD\xA0",
                                                "\xBD\xA0",
                                                "\n\n",
                                                " ",
                                                "\xEF\xBF",
                                                "\xBD"
                                                "b",
                                                "\xF0\x9F\x98\x80",
                                                "OP STOP",
                                                "a\xFF"
                                                "b"};
  return list;
}

const tokenizer::Tokenizer& piece_tokenizer() {
  static const auto tokenizer = make_byte_tokenizer(pieces());
  return *tokenizer;
}

// What a request asks of text, and what the model says for it.
struct Case {
  std::vector<std::string> stops;
  bool includes_stop = false;
  std::uint32_t min_tokens = 0;
  bool skips_special = true;
  std::vector<rpc::TokenId> prompt;
};
struct Spoken {
  std::vector<rpc::TokenId> ids;  // without a stop token
  bool ends_at_stop_token = false;
};

struct Told {
  std::string text;
  std::string finish;
  std::string stop_reason = "null";
  std::vector<rpc::TokenId> token_ids;
  bool is_cut = false;  // by a stop string

  friend bool operator==(const Told& a, const Told& b) {
    return a.text == b.text && a.finish == b.finish && a.stop_reason == b.stop_reason &&
           a.token_ids == b.token_ids;
  }
  friend std::ostream& operator<<(std::ostream& out, const Told& told) {
    out << text::to_json(Json(told.text)) << " " << told.finish << " " << told.stop_reason << " of";
    for (const auto id : told.token_ids) out << " " << id;
    return out;
  }
};

struct Match {
  std::size_t end = 0;
  std::size_t size = 0;
};
// The earliest end of any stop string; of two that end there the one that starts first.
std::optional<Match> find_stop(std::string_view text, const std::vector<std::string>& stops) {
  for (std::size_t end = 1; end <= text.size(); ++end) {
    std::size_t longest = 0;
    for (const std::string& stop : stops) {
      if (text.substr(0, end).ends_with(stop)) longest = std::max(longest, stop.size());
    }
    if (longest > 0) return Match{end, longest};
  }
  return std::nullopt;
}

// The rule, over the whole output at once.
Told by_the_rule(const Case& c, const Spoken& spoken) {
  tokenizer::StreamDecoder decoder(piece_tokenizer(), c.prompt, c.skips_special);
  std::string asleep;             // the text of the first min_tokens tokens
  std::string awake;              // the rest
  std::vector<std::size_t> ends;  // of `awake` behind each token
  for (std::size_t i = 0; i < spoken.ids.size(); ++i) {
    (i < c.min_tokens ? asleep : awake) += decoder.push(spoken.ids[i]);
    ends.push_back(awake.size());
  }
  const std::string rest = decoder.finish();
  // The end of the output belongs to its last token, the stop token too.
  const std::size_t num_tokens = spoken.ids.size() + (spoken.ends_at_stop_token ? 1 : 0);
  (num_tokens <= c.min_tokens ? asleep : awake) += rest;
  Told told;
  told.token_ids = spoken.ids;
  if (const auto match = find_stop(awake, c.stops)) {
    told.text = asleep + awake.substr(0, c.includes_stop ? match->end : match->end - match->size);
    told.finish = "stop";
    told.is_cut = true;
    told.stop_reason = text::to_json(Json(awake.substr(match->end - match->size, match->size)));
    const auto at = std::ranges::lower_bound(ends, match->end) - ends.begin();
    if (static_cast<std::size_t>(at) < told.token_ids.size()) {
      told.token_ids.resize(static_cast<std::size_t>(at) + 1);
      return told;
    }
  } else {
    told.text = asleep + awake;
    told.finish = spoken.ends_at_stop_token ? "stop" : "length";
  }
  if (!spoken.ends_at_stop_token) return told;
  told.token_ids.push_back(kImEnd);
  if (!told.is_cut) told.stop_reason = std::to_string(kImEnd);
  return told;
}

Spoken random_output(std::mt19937& random) {
  Spoken spoken;
  constexpr std::string_view kLetters = "abST\nOP ";
  for (std::size_t n = random() % 30; spoken.ids.size() < n;) {
    switch (random() % 8) {
      case 0:
        spoken.ids.push_back(static_cast<rpc::TokenId>(random() % 256));
        break;
      case 1:
        spoken.ids.push_back(kImStart);
        break;
      case 2:
      case 3:
      case 4:
        spoken.ids.push_back(kVocabSize + static_cast<rpc::TokenId>(random() % pieces().size()));
        break;
      default:
        spoken.ids.push_back(static_cast<unsigned char>(kLetters[random() % kLetters.size()]));
    }
  }
  spoken.ends_at_stop_token = spoken.ids.empty() || random() % 2 == 0;
  return spoken;
}

FakeWorker::Script in_random_steps(const Spoken& spoken, std::mt19937& random) {
  FakeWorker::Script script;
  for (std::size_t at = 0; at < spoken.ids.size();) {
    rpc::Output& output = script.emplace_back();
    const std::size_t end = std::min(spoken.ids.size(), at + 1 + random() % 5);
    for (; at < end; ++at) {
      output.token_ids.push_back(spoken.ids[at]);
      output.logprobs.push_back({-static_cast<float>(at), 0, {}});
    }
  }
  if (script.empty() || random() % 2 == 0) script.emplace_back();
  rpc::Output& last = script.back();
  last.finish.kind = spoken.ends_at_stop_token ? rpc::FinishKind::kStop : rpc::FinishKind::kLength;
  if (spoken.ends_at_stop_token) {
    last.token_ids.push_back(kImEnd);
    last.logprobs.push_back({-0.5F, 0, {}});
    last.finish.stop_token_id = kImEnd;
  }
  return script;
}

Spoken output_of(std::uint64_t seed, std::uint32_t sequence) {
  std::mt19937 random(static_cast<std::uint32_t>(seed * 64 + sequence));
  return random_output(random);
}

struct Answered {
  std::map<std::size_t, Told> choices;
  std::map<std::size_t, std::size_t> num_logprobs;
  std::int64_t completion_tokens = -1;
  std::int64_t prompt_tokens = -1;
};

void add_choice(Answered& answered, const Json& choice) {
  const auto index = static_cast<std::size_t>(choice.find("index")->as_int());
  Told& told = answered.choices[index];
  const Json* holder = choice.find("message");
  if (holder == nullptr) holder = choice.find("delta");
  const Json* text = holder != nullptr ? holder->find("content") : choice.find("text");
  if (text != nullptr) {
    EXPECT_EQ(text::find_invalid_utf8(text->as_string()), std::string_view::npos);
    told.text += text->as_string();
  }
  if (const Json* ids = choice.find("token_ids")) {
    for (const Json& id : ids->as_array()) {
      told.token_ids.push_back(static_cast<rpc::TokenId>(id.as_int()));
    }
  }
  if (const Json* logprobs = choice.find("logprobs"); logprobs->is_object()) {
    const Json* list = logprobs->find("content");
    if (list == nullptr) list = logprobs->find("tokens");
    answered.num_logprobs[index] += list->as_array().size();
  }
  if (!choice.find("finish_reason")->is_string()) return;
  EXPECT_TRUE(told.finish.empty()) << "one finish per choice";
  told.finish = choice.find("finish_reason")->as_string();
  if (const Json* reason = choice.find("stop_reason")) told.stop_reason = text::to_json(*reason);
}

void add_body(Answered& answered, const Json& body) {
  for (const Json& choice : body.find("choices")->as_array()) add_choice(answered, choice);
  if (const Json* usage = body.find("usage"); usage != nullptr && usage->is_object()) {
    answered.completion_tokens = usage->find("completion_tokens")->as_int();
    answered.prompt_tokens = usage->find("prompt_tokens")->as_int();
  }
}

Answered answered(const Recorded& answer) {
  Answered all;
  if (!answer.is_stream) {
    add_body(all, json_of(answer));
    return all;
  }
  for (const Frame& frame : frames_of(answer.body)) {
    if (frame.data != "[DONE]") add_body(all, text::parse_json(frame.data).value());
  }
  return all;
}

// A random request: what it says, and what it means.
struct Asked {
  bool is_chat = false;
  std::string body;
  Case meaning;
  std::uint32_t n = 1;
  std::vector<std::string> prompts;  // as they are echoed; chat: none
  bool echoes = false;
};

Asked random_request(std::uint32_t seed) {
  std::mt19937 random(seed + 1'000'000);
  const std::vector<std::vector<std::string>> stop_lists = {{},
                                                            {"STOP"},
                                                            {"aS", "S"},
                                                            {"OP", "STOP", "P"},
                                                            {"\n\n", "T\n"},
                                                            {"\xC3\xA9", "bb"},
                                                            {"\xEF\xBF\xBD"
                                                             "b",
                                                             "\xF0\x9F\x98\x80"},
                                                            {"abST", "bS"},
                                                            {"\xEF\xBF\xBD"}};
  Asked asked;
  asked.is_chat = random() % 3 == 0;
  Json::Object body{{"model", Json("tiny")}, {"seed", Json(std::int64_t{seed})}};
  asked.meaning.stops = stop_lists[random() % stop_lists.size()];
  if (!asked.meaning.stops.empty()) {
    Json::Array stops;
    for (const std::string& stop : asked.meaning.stops) stops.emplace_back(stop);
    body.set("stop", Json(std::move(stops)));
  }
  const auto flag = [&](const char* name, std::uint32_t one_in) {
    const bool is_set = random() % one_in == 0;
    if (is_set) body.set(name, Json(true));
    return is_set;
  };
  asked.meaning.includes_stop = flag("include_stop_str_in_output", 3);
  if (random() % 4 == 0) {
    body.set("skip_special_tokens", Json(false));
    asked.meaning.skips_special = false;
  }
  if (random() % 3 == 0) asked.meaning.min_tokens = static_cast<std::uint32_t>(random() % 12);
  asked.n = 1 + static_cast<std::uint32_t>(random() % 3);
  body.set("min_tokens", Json(asked.meaning.min_tokens));
  body.set("n", Json(asked.n));
  body.set("max_tokens", Json(100));
  body.set("return_token_ids", Json(true));
  body.set("penstock", text::parse_json(R"({"extra_fields":["stop_reason"]})").value());
  if (asked.is_chat) {
    body.set("messages", text::parse_json(R"([{"role":"user","content":"hi"}])").value());
    body.set("logprobs", Json(true));
  } else {
    asked.prompts = random() % 2 == 0 ? std::vector<std::string>{"once "}
                                      : std::vector<std::string>{"a", "b\xC3\xA9"};
    Json::Array prompts;
    for (const std::string& prompt : asked.prompts) prompts.emplace_back(prompt);
    body.set("prompt", Json(std::move(prompts)));
    asked.echoes = flag("echo", 2);
    if (!asked.echoes) body.set("logprobs", Json(0));
  }
  asked.body = text::to_json(Json(std::move(body)));
  return asked;
}

void expect_told(const Asked& asked, std::uint64_t seed, const Recorded& recorded) {
  ASSERT_EQ(recorded.status, 200) << recorded.body;
  const Answered all = answered(recorded);
  const std::size_t num_choices = asked.n * std::max<std::size_t>(asked.prompts.size(), 1);
  ASSERT_EQ(all.choices.size(), num_choices);
  std::int64_t num_tokens = 0;
  for (std::uint32_t index = 0; index < num_choices; ++index) {
    const Spoken spoken = output_of(seed, index);
    Told expected = by_the_rule(asked.meaning, spoken);
    num_tokens += static_cast<std::int64_t>(expected.token_ids.size());
    if (asked.echoes) expected.text = asked.prompts[index / asked.n] + expected.text;
    EXPECT_EQ(all.choices.at(index), expected) << "choice " << index;
    if (asked.echoes) continue;
    const auto found = all.num_logprobs.find(index);
    const std::size_t num_logprobs = found == all.num_logprobs.end() ? 0 : found->second;
    if (expected.is_cut) {
      EXPECT_LE(num_logprobs, expected.token_ids.size());
    } else {
      EXPECT_EQ(num_logprobs, spoken.ids.size()) << "all but the stop token's";
    }
  }
  EXPECT_EQ(all.completion_tokens, num_tokens);
  if (asked.is_chat) return;
  std::size_t prompt_bytes = 0;
  for (const std::string& prompt : asked.prompts) prompt_bytes += prompt.size();
  EXPECT_EQ(all.prompt_tokens, static_cast<std::int64_t>(prompt_bytes)) << "once, whatever n is";
}

TEST(TextRules, hold_for_whole_and_streamed_answers_alike) {
  Harness harness(
      [](const rpc::Submit& submit, std::uint32_t sequence) {
        std::mt19937 random(sequence + 77 * static_cast<std::uint32_t>(submit.age_us));
        return in_random_steps(output_of(submit.sampling.seed, sequence), random);
      },
      {}, {}, make_byte_tokenizer(pieces()));
  for (std::uint32_t seed = 0; seed < 1500 && !::testing::Test::HasFailure(); ++seed) {
    const Asked asked = random_request(seed);
    SCOPED_TRACE(asked.body);
    const std::string path = asked.is_chat ? "/v1/chat/completions" : "/v1/completions";
    const std::string streamed = asked.body.substr(0, asked.body.size() - 1) +
                                 R"(,"stream":true,"stream_options":{"include_usage":true}})";
    const auto whole = harness.send("POST", path, asked.body);
    const auto stream = harness.send("POST", path, streamed);
    expect_told(asked, seed, whole->wait_done());
    expect_told(asked, seed, stream->wait_done());
  }
}

// The same output, however its bytes are cut into tokens: the answer is one.
TEST(TextRules, the_cut_into_tokens_changes_no_byte_of_the_text) {
  const std::string output = "one \xF0\x9F\x98\x80 STO two\n\nSTOP three";
  std::mt19937 random(9);
  std::vector<std::string> cuts;
  const auto tokenizer = [&] {
    std::vector<std::string> all;  // every piece of up to 6 bytes, each once
    for (std::size_t size = 2; size <= 6; ++size) {
      for (std::size_t at = 0; at + size <= output.size(); ++at) {
        const std::string piece = output.substr(at, size);
        if (std::ranges::find(all, piece) == all.end()) all.push_back(piece);
      }
    }
    cuts = all;
    return make_byte_tokenizer(all);
  }();
  const auto id_of = [&](const std::string& piece) -> rpc::TokenId {
    if (piece.size() == 1) return static_cast<unsigned char>(piece[0]);
    return kVocabSize + static_cast<rpc::TokenId>(std::ranges::find(cuts, piece) - cuts.begin());
  };
  const auto random_cut = [&]() {
    std::vector<rpc::TokenId> ids;
    for (std::size_t at = 0; at < output.size();) {
      const std::size_t size = std::min(output.size() - at, 1 + std::size_t{random() % 6});
      ids.push_back(id_of(output.substr(at, size)));
      at += size;
    }
    return ids;
  };
  std::mutex mutex;
  Harness harness(
      [&](const rpc::Submit&, std::uint32_t) {
        const std::lock_guard lock(mutex);
        Spoken spoken{random_cut(), true};
        return in_random_steps(spoken, random);
      },
      {}, {}, tokenizer);
  for (int round = 0; round < 300; ++round) {
    const Recorded answer =
        harness.complete(R"(,"stop":["STOP"],"max_tokens":100,"stream":true)")->wait_done();
    std::string text;
    for (const Frame& frame : frames_of(answer.body)) {
      if (frame.data == "[DONE]") continue;
      const Json chunk = text::parse_json(frame.data).value();
      text += chunk.find("choices")->as_array()[0].find("text")->as_string();
    }
    ASSERT_EQ(text, "one \xF0\x9F\x98\x80 STO two\n\n");
  }
}

// What may yet become a stop string waits; when time is over it is sent.
TEST(TextRules, held_text_goes_out_at_the_deadline) {
  Harness harness([](const rpc::Submit&, std::uint32_t) {
    return FakeWorker::Script{tokens(ids_of("so far STO"))};
  });
  const auto stream = harness.complete(R"(,"stop":["STOP"],"max_tokens":50,"stream":true,"n":2)");
  ASSERT_TRUE(stream->wait_for([](const Recorded& r) {
    const auto first = r.body.find("so far");
    return first != std::string::npos && r.body.find("so far", first + 1) != std::string::npos;
  }));
  harness.clock().advance(std::chrono::seconds(601));
  stream->fire_timer();
  const Answered all = answered(stream->wait_done());
  for (const std::size_t index : {0U, 1U}) {
    EXPECT_EQ(all.choices.at(index).text, "so far STO");
    EXPECT_EQ(all.choices.at(index).finish, "deadline");
  }
}

}  // namespace
}  // namespace penstock::frontend
