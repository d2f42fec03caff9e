// How much a step computes: what its time depends on.
#pragma once

#include <cstdint>

namespace penstock::sched {

struct StepWork {
  double rows = 0;      // tokens through every matrix
  double attended = 0;  // (token, position it attends to) pairs

  // A chunk of `num_tokens` tokens from `first_position` on.
  void add(std::uint32_t first_position, std::uint32_t num_tokens) noexcept {
    const double n = num_tokens;
    rows += n;
    attended += n * first_position + n * (n + 1) / 2;
  }
};

}  // namespace penstock::sched
