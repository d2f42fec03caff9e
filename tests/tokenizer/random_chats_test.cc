// Claim 18 of the HTTP API: with the cache of tokenized prefixes and without it, the same tokens
// for 10,000 random chats cut at random turns; text that spells a special token stays text.
#include <gmock/gmock.h>

#include <cstdlib>
#include <random>

#include "formats/gguf.h"
#include "tests/tokenizer/cached_encoder.h"
#include "tests/tokenizer/golden_reader.h"

namespace penstock::tokenizer {
namespace {

using text::Origin;
using text::OriginText;

constexpr int kNumChats = 10'000;

struct Message {
  std::string text;
  Origin origin = Origin::kData;  // a template may quote text of its own
};

// Chats over one vocabulary: messages are texts of its fixture, literals of its special tokens and
// both mixed, cut anywhere between characters.
class RandomChats final {
 public:
  RandomChats(const Tokenizer& tokenizer, std::vector<GoldenCase> cases)
      : cases_(std::move(cases)) {
    for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
      if (tokenizer.is_special(id)) literals_.emplace_back(tokenizer.token_bytes(id));
    }
    opening_ = literals_[literals_.size() > 1 ? 1 : 0];
    closing_ = literals_.back();
  }

  // The chats of a few users, of whom each goes on, goes back some turns, or begins anew.
  OriginText next() {
    std::vector<Message>& chat = chats_[draw(std::size(chats_))];
    if (draw(8) == 0) {
      chat.resize(std::min<std::size_t>(chat.size(), draw(chat.size() + 1)));
    }
    for (std::size_t turn = draw(3); turn > 0; --turn) chat.push_back(message());
    if (chat.size() > 12) chat.erase(chat.begin() + 1, chat.end());
    return rendered(chat);
  }

 private:
  std::size_t draw(std::size_t below) { return rng_() % below; }

  Message message() {
    Message made;
    for (std::size_t part = 1 + draw(3); part > 0; --part) {
      const std::string& text = cases_[draw(cases_.size())].text;
      made.text += draw(3) == 0 ? literals_[draw(literals_.size())] : text.substr(0, end_of(text));
    }
    if (draw(16) == 0) made.origin = Origin::kTrusted;
    return made;
  }

  // Up to 400 bytes, whole characters.
  std::size_t end_of(const std::string& text) {
    std::size_t end = std::min<std::size_t>(text.size(), draw(400));
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    return end;
  }

  OriginText rendered(const std::vector<Message>& chat) const {
    OriginText text;
    for (const Message& message : chat) {
      text.append(opening_ + "user\n", Origin::kTrusted);
      text.append(message.text, message.origin);
      text.append(closing_ + "\n", Origin::kTrusted);
    }
    text.append(opening_ + "assistant\n", Origin::kTrusted);
    return text;
  }

  std::mt19937_64 rng_{18};
  std::vector<GoldenCase> cases_;
  std::vector<std::string> literals_;
  std::string opening_;
  std::string closing_;
  std::vector<Message> chats_[5];
};

Result<Tokenizer> load(const std::string& name) {
  if (name != "smollm2") return Tokenizer::from_json(read_data(name + ".json"), "");
  ASSIGN_OR_RETURN(const auto file, formats::GgufFile::open(std::getenv("PENSTOCK_TEST_MODEL")));
  return Tokenizer::from_gguf(file);
}

class Chats : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string name = GetParam();
    if (name == "smollm2" && std::getenv("PENSTOCK_TEST_MODEL") == nullptr) {
      GTEST_SKIP() << "PENSTOCK_TEST_MODEL is not set: SmolLM2's vocabulary goes untested";
    }
    auto loaded = load(name);
    ASSERT_TRUE(loaded) << loaded.error().message();
    tokenizer_.emplace(std::move(*loaded));
    cases_ = read_golden(name + ".golden");
  }
  // GPT-2 has but one special token, and that is matched in normalized text.
  [[nodiscard]] bool has_cuts() const { return std::string(GetParam()) != "gpt2"; }

  std::optional<Tokenizer> tokenizer_;
  std::vector<GoldenCase> cases_;
};

TEST_P(Chats, have_the_same_tokens_with_the_cache_and_without) {
  RandomChats chats(*tokenizer_, cases_);
  // One holds all, the other only a part and evicts all the time.
  CachedEncoder roomy(std::size_t{64} << 20);
  CachedEncoder tight(20'000);
  std::size_t num_cached = 0;
  std::size_t num_tokens = 0;
  for (int i = 0; i < kNumChats; ++i) {
    const OriginText chat = chats.next();
    const std::vector<TokenId> expected = tokenizer_->encode(chat).value();
    ASSERT_EQ(roomy.encode(*tokenizer_, chat).value(), expected);
    ASSERT_EQ(tight.encode(*tokenizer_, chat).value(), expected);
    num_cached += roomy.num_cached();
    num_tokens += expected.size();
  }
  if (has_cuts()) {
    EXPECT_GT(num_cached, num_tokens / 2);
  } else {
    EXPECT_EQ(num_cached, 0U);
  }
}

TEST_P(Chats, text_that_spells_a_special_token_stays_text_behind_a_hit_too) {
  CachedEncoder encoder(std::size_t{64} << 20);
  std::vector<TokenId> special;
  for (TokenId id = 0; id < tokenizer_->vocab_size(); ++id) {
    if (tokenizer_->is_special(id)) special.push_back(id);
  }
  // One that encoding can be cut behind, where there is one.
  std::string marker(tokenizer_->token_bytes(special.back()));
  for (const TokenId id : special) {
    const std::string literal(tokenizer_->token_bytes(id));
    if (!tokenizer_->find_cuts(OriginText(literal, Origin::kTrusted)).empty()) marker = literal;
  }
  for (const TokenId id : special) {
    const std::string literal(tokenizer_->token_bytes(id));
    OriginText chat(marker, Origin::kTrusted);
    std::size_t num_markers = 1;
    for (int turn = 0; turn < 6; ++turn) {
      chat.append(std::string(60, 'x') + literal + std::string(100, 'y') + literal, Origin::kData);
      chat.append(marker, Origin::kTrusted);
      ++num_markers;
      const auto ids = encoder.encode(*tokenizer_, chat).value();
      const auto count = std::ranges::count_if(
          ids, [this](TokenId token) { return tokenizer_->is_special(token); });
      EXPECT_EQ(static_cast<std::size_t>(count), num_markers) << literal;
    }
    EXPECT_EQ(encoder.num_cached() > 0, has_cuts()) << literal;
  }
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, Chats,
                         testing::Values("smollm2", "llama3", "qwen2", "gpt2", "other", "spiece",
                                         "scores"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace penstock::tokenizer
