// How long a request will wait for a worker that has more than it can run at once.
//
//   wait    = sequences ahead * residence / running
//   service = residence * the part of a usual output that it asks for
//
// The first line is Little's law (Little, Operations Research 9(3), 1961) for what runs: sequences
// leave a full worker at the rate running / residence, whatever fills it (blocks, places, prefill
// time), so that is how fast the queue drains. Residence is the mean time from the end of a
// sequence's queueing to its end, over about the last hundred. It needs no measuring of rates,
// which are right only after a queue has lasted. Ahead are sequences of the same or a higher strict
// priority that have no output yet. Threading: a value with one owner. Complexity: O(bands in use).
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/clock.h"

namespace penstock::router {

class WaitModel final {
 public:
  // Sequences of this band have been sent to the worker and have no output yet.
  void joined(std::uint32_t band, std::uint32_t num_sequences);
  // They have their first output, or ended without one.
  void left(std::uint32_t band, std::uint32_t num_sequences);
  // What the worker says: sequences that run, and that wait there for others to end.
  void set_load(std::uint32_t running, std::uint32_t waiting) noexcept;
  // A sequence that ended by itself ran this long for this many tokens.
  void served(Duration residence, std::uint64_t output_tokens) noexcept;

  // Until a request of `band` that comes now runs. Zero while nothing waits at the worker; nothing
  // when it is not known how long a sequence runs.
  [[nodiscard]] std::optional<Duration> wait(std::uint32_t band) const;
  // From then on to its last output.
  [[nodiscard]] Duration service(std::uint64_t max_tokens) const noexcept;
  [[nodiscard]] std::uint64_t num_ahead(std::uint32_t band) const;

 private:
  std::map<std::uint32_t, std::uint64_t> waiting_;  // sequences by band
  std::uint32_t running_ = 0;
  bool is_backlogged_ = false;
  // Decayed by count.
  double num_served_ = 0;
  double served_tokens_ = 0;
  double served_s_ = 0;
};

// For a Retry-After header: a bit more than `wait`, by a chance `u` in [0, 1), so that those who
// were refused together do not come back together. Whole seconds from 1 to 60.
[[nodiscard]] std::uint32_t retry_after_s(std::optional<Duration> wait, double u) noexcept;

}  // namespace penstock::router
