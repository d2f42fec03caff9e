// The stages around the model in tokenizer.json: normalizer, pre_tokenizer, post_processor,
// decoder.
//
// Errors as in read_definition.h. Threading: pure functions.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "text/json.h"
#include "tokenizer/definition.h"

namespace penstock::tokenizer {

// Each takes tokenizer.json's member of its name, or null when that is absent.
[[nodiscard]] Result<std::vector<NormalizerRule>> read_normalizer(const text::Json* stage);

struct PreTokenizerStage {
  std::vector<PreTokenizerRule> rules;
  bool is_byte_level = false;
};
[[nodiscard]] Result<PreTokenizerStage> read_pre_tokenizer(const text::Json* stage);

struct PostProcessorStage {
  std::vector<TokenId> prefix;
  std::vector<TokenId> suffix;
};
[[nodiscard]] Result<PostProcessorStage> read_post_processor(const text::Json* stage);

struct DecoderStage {
  bool is_byte_level = false;
  std::uint32_t strip_leading_spaces = 0;
};
[[nodiscard]] Result<DecoderStage> read_decoder(const text::Json* stage);

}  // namespace penstock::tokenizer
