// `bad_words` as the token sequences that a choice must not get.
//
// A word is meant wherever it stands, so it is tokenized as it reads in the middle of a text and
// behind a space, and both are forbidden; spaces that the client wrote before it change nothing.
// What is compared are tokens: the same letters cut into other tokens, or in other case, are
// another sequence. Text never spells a special token here; logit_bias forbids those.
// Threading: a pure function.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "openai/errors.h"
#include "openai/request.h"
#include "tokenizer/tokenizer.h"

namespace penstock::frontend {

// Each once, in ascending order; without those that name a token the model has not.
[[nodiscard]] openai::ApiResult<std::vector<std::vector<openai::TokenId>>> bad_sequences(
    std::span<const std::string> words, const tokenizer::Tokenizer& tokenizer,
    std::uint32_t vocab_size);

}  // namespace penstock::frontend
