// Log-probabilities with the texts of their tokens: from a worker's ids to what a client reads.
// Threading: pure functions.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "openai/logprobs.h"
#include "rpc/messages.h"
#include "tokenizer/tokenizer.h"

namespace penstock::frontend {

// At most `num_top` alternatives. A model may have more rows than its tokenizer has tokens; such an
// id has no text.
[[nodiscard]] openai::TokenLogprob name_logprobs(const tokenizer::Tokenizer& tokenizer,
                                                 openai::TokenId id,
                                                 const rpc::TokenLogprobs& logprobs,
                                                 std::size_t num_top);

// Of a prompt from its second token on: as many as `logprobs`, one fewer than `prompt`.
[[nodiscard]] std::vector<openai::TokenLogprob> name_prompt_logprobs(
    const tokenizer::Tokenizer& tokenizer, std::span<const openai::TokenId> prompt,
    std::span<const rpc::TokenLogprobs> logprobs, std::size_t num_top);

}  // namespace penstock::frontend
