// Whether the engine can run a request at all: what is checked once, so that no step has to.
// Threading: a pure function.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "engine/request.h"

namespace penstock::engine {

// What a step costs grows with each of these.
struct EngineLimits {
  std::uint32_t vocab_size = 0;
  std::uint32_t context_length = 0;  // prompt and output
  std::uint32_t max_logprobs = 20;   // alternatives per token
  std::uint32_t max_logit_biases = 1024;
  std::uint32_t max_allowed_token_ids = 1024;
  std::uint32_t max_bad_sequences = 256;  // 128 words in two forms each
  std::uint32_t max_bad_sequence_tokens = 512;
  std::uint32_t max_stop_token_ids = 64;
};

// kInvalid, with the value, the limit and what to do. After it: the prompt leaves room for at least
// one token, every id is below the vocabulary size (but EOS ids, which may name what this model
// does not have), no sampling parameter is out of its range, and the first token is possible.
[[nodiscard]] Status validate(const EngineRequest& request, const EngineLimits& limits);

}  // namespace penstock::engine
