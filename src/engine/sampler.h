// One token from one row of logits, reproducibly.
//
// Greedy (temperature 0) takes the largest logit. Otherwise: logits / temperature, then top-k,
// top-p and min-p cut the candidates in that order, and one Philox draw (base/philox.h) picks from
// their distribution in token-id order, summed in blocks of 512 ids. Ties go to the lowest id
// everywhere. Same logits, parameters and counter: same token. Part of the numerics contract.
// Threading: one owner (scratch inside).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/request.h"

namespace penstock::engine {

// The Philox counter of a draw.
struct DrawCounter {
  std::uint32_t output_index = 0;
  std::uint32_t choice_number = 0;
};

class Sampler final {
 public:
  explicit Sampler(std::uint32_t vocab_size);

  // kInternal when the logits hold a NaN or no token is possible.
  [[nodiscard]] Result<TokenId> sample(std::span<const float> logits, const SamplingParams& params,
                                       DrawCounter counter);

 private:
  void cut_top_k(std::uint32_t top_k);
  void cut_top_p(float top_p);
  void cut_min_p(float min_p);
  void sort_best_first(std::size_t num_sorted);
  [[nodiscard]] TokenId draw(float uniform);

  struct Candidate {
    TokenId id;
    float weight;  // exp(logit / temperature - max)
  };
  std::vector<Candidate> candidates_;  // at most vocab_size; in id order unless a cut sorted it
  bool in_id_order_ = true;
};

// The largest logit's id, the lowest at ties; kInternal for a NaN or when nothing is possible.
[[nodiscard]] Result<TokenId> argmax(std::span<const float> logits);

}  // namespace penstock::engine
