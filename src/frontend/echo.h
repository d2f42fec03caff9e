// A prompt as it precedes its completions (`echo`), and its tokens where log-probabilities are
// asked for too. Threading: values and pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "openai/logprobs.h"
#include "tokenizer/tokenizer.h"

namespace penstock::frontend {

struct Echo {
  std::string text;
  std::uint64_t num_characters = 0;  // of `text`
  // With logprobs: where in `text` each token of the prompt begins, in characters, and what the
  // first token is, which nothing precedes.
  std::vector<std::uint64_t> offsets;
  openai::TokenLogprob first;
};

[[nodiscard]] Echo make_echo(std::string text);
// `skip_special_tokens`: special tokens have no text in the echo.
[[nodiscard]] Echo make_echo_with_tokens(std::string text, std::span<const openai::TokenId> prompt,
                                         const tokenizer::Tokenizer& tokenizer,
                                         bool skip_special_tokens);

// All tokens of the echo in order. `rest`: the prompt's from the second on, as many as `offsets`
// has less one; each keeps at most `num_top` alternatives.
[[nodiscard]] std::vector<openai::TokenLogprob> echo_logprobs(
    const Echo& echo, std::span<const openai::TokenLogprob> rest, std::size_t num_top);

// A text's length in characters.
[[nodiscard]] std::uint64_t num_characters(std::string_view text) noexcept;

}  // namespace penstock::frontend
