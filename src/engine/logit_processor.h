// From a row of the model's logits to the row a token of one choice is drawn from.
//
// Order, each step over the result of the one before:
//   1. penalties       repetition over prompt and generated tokens, frequency and presence over
//                      generated ones
//   2. logit_bias      added
//   3. allowed ids     all others are masked
//   4. bad sequences   the token that would complete one is masked
//   5. EOS             masked while fewer than min_tokens are generated, unless ignore_eos
// Masks come last, so no bias brings a masked token back. Stop ids are not masked: before
// min_tokens they are tokens like any other and do not stop. Same request, tokens and row: same
// result. Threading: one owner.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/logits.h"
#include "engine/request.h"

namespace penstock::engine {

// One per choice. Allocates for penalties only, as the choice meets new tokens.
class LogitProcessor final {
 public:
  // `request` has passed validate() (engine/validate.h) and outlives the processor. `generated`:
  // what a migrated choice has already.
  LogitProcessor(const EngineRequest& request, std::span<const TokenId> generated);

  // The choice has got this token.
  void accept(TokenId id);

  // The row to draw the token after `generated` from: `row` itself when nothing applies, else its
  // changed copy in `scratch`, which has the same size and lives as long as the result.
  // kInternal: a changed row holds a NaN, or nothing at all to choose from (an unchanged one is
  // checked by the sampler). kInvalid: what is asked for leaves no token; names what conflicts.
  // Either ends this choice alone.
  [[nodiscard]] Result<std::span<const float>> process(std::span<const float> row,
                                                       std::span<const TokenId> generated,
                                                       std::span<float> scratch) const;

 private:
  [[nodiscard]] bool masks_eos(std::span<const TokenId> generated) const noexcept;
  [[nodiscard]] bool masks_bad(std::span<const TokenId> generated) const noexcept;
  [[nodiscard]] bool has_possible(std::span<const float> logits) const noexcept;
  [[nodiscard]] Error why_impossible(std::span<const float> row,
                                     std::span<const TokenId> generated) const;

  const EngineRequest& request_;
  std::optional<TokenHistory> history_;  // only when penalties look at it
  std::vector<TokenId> allowed_;         // sorted
};

}  // namespace penstock::engine
