#include "frontend/token_names.h"

#include <algorithm>

#include "base/check.h"

namespace penstock::frontend {
namespace {

std::string bytes_of(const tokenizer::Tokenizer& tokenizer, openai::TokenId id) {
  return id < tokenizer.vocab_size() ? std::string(tokenizer.token_bytes(id)) : std::string();
}

}  // namespace

openai::TokenLogprob name_logprobs(const tokenizer::Tokenizer& tokenizer, openai::TokenId id,
                                   const rpc::TokenLogprobs& logprobs, std::size_t num_top) {
  openai::TokenLogprob entry;
  entry.id = id;
  entry.bytes = bytes_of(tokenizer, id);
  entry.logprob = logprobs.logprob;
  entry.rank = logprobs.rank;
  for (const auto& [other, logprob] :
       std::span(logprobs.top).first(std::min(num_top, logprobs.top.size()))) {
    entry.top.push_back({other, bytes_of(tokenizer, other), logprob});
  }
  return entry;
}

std::vector<openai::TokenLogprob> name_prompt_logprobs(const tokenizer::Tokenizer& tokenizer,
                                                       std::span<const openai::TokenId> prompt,
                                                       std::span<const rpc::TokenLogprobs> logprobs,
                                                       std::size_t num_top) {
  CHECK(logprobs.size() + 1 == prompt.size());
  std::vector<openai::TokenLogprob> named;
  named.reserve(logprobs.size());
  for (std::size_t i = 0; i < logprobs.size(); ++i) {
    named.push_back(name_logprobs(tokenizer, prompt[i + 1], logprobs[i], num_top));
  }
  return named;
}

}  // namespace penstock::frontend
