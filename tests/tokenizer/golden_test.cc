// Token for token what the reference gives: tests/oracles/tokenizer_goldens.py says how.

#include <gmock/gmock.h>

#include <cstdlib>

#include "formats/gguf.h"
#include "tests/tokenizer/golden_reader.h"
#include "tokenizer/stream_decoder.h"
#include "tokenizer/tokenizer.h"

namespace penstock::tokenizer {
namespace {

using text::Origin;
using text::OriginText;

Result<Tokenizer> load(const std::string& name) {
  if (name != "smollm2") return Tokenizer::from_json(read_data(name + ".json"), "");
  ASSIGN_OR_RETURN(const auto file, formats::GgufFile::open(std::getenv("PENSTOCK_TEST_MODEL")));
  return Tokenizer::from_gguf(file);
}

std::string stream(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  StreamDecoder decoder(tokenizer, {}, false);
  std::string out;
  for (const TokenId id : ids) out += decoder.push(id);
  return out + decoder.finish();
}

class Golden : public testing::TestWithParam<const char*> {
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

  std::optional<Tokenizer> tokenizer_;
  std::vector<GoldenCase> cases_;
};

TEST_P(Golden, encodes_trusted_text_as_the_reference) {
  for (const GoldenCase& each : cases_) {
    ASSERT_THAT(tokenizer_->encode(OriginText(each.text, Origin::kTrusted)).value(),
                testing::ElementsAreArray(each.ids))
        << testing::PrintToString(each.text);
  }
}

TEST_P(Golden, encodes_data_as_the_reference_without_special_tokens) {
  for (const GoldenCase& each : cases_) {
    ASSERT_THAT(tokenizer_->encode(OriginText(each.text, Origin::kData)).value(),
                testing::ElementsAreArray(each.data_ids))
        << testing::PrintToString(each.text);
  }
}

TEST_P(Golden, decodes_whole_and_streamed_as_the_reference) {
  for (const GoldenCase& each : cases_) {
    ASSERT_EQ(tokenizer_->decode(each.ids, false), each.decoded);
    ASSERT_EQ(stream(*tokenizer_, each.ids), each.decoded);
  }
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, Golden,
                         testing::Values("smollm2", "llama3", "qwen2", "gpt2", "other", "spiece",
                                         "scores"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace penstock::tokenizer
