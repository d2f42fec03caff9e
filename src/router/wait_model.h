// How long a request will wait for a worker that has more than it can run at once.
//
//   wait    = prompt tokens ahead / rate at which prompt tokens leave the queue
//   service = time per output token * the shorter of max_tokens and the usual output
//
// One unit on both sides of the first line, so that it holds whatever the bottleneck is: prefill
// speed, blocks, or sequences at once. Rates are means that decay with a half-life of 10 s of time
// in which requests waited. Ahead are those of the same or a higher strict priority.
// Threading: a value with one owner. Complexity: O(bands in use).
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/clock.h"

namespace penstock::router {

class WaitModel final {
 public:
  // A request of this band has been sent to the worker and has no output yet.
  void joined(std::uint32_t band, std::uint64_t prompt_tokens);
  // It has its first output.
  void started(std::uint32_t band, std::uint64_t prompt_tokens, MonotonicTime now);
  // It ended without one.
  void gave_up(std::uint32_t band, std::uint64_t prompt_tokens);
  // What the worker says: whether requests wait there for others to end.
  void set_backlogged(bool backlogged, MonotonicTime now);
  // An output that ended by itself took this long from its first token on.
  void served(Duration decode, std::uint64_t output_tokens);

  // Until a request of `band` that comes now has its first output; nothing when no rate is known.
  // Zero while nothing waits.
  [[nodiscard]] std::optional<Duration> wait(std::uint32_t band, MonotonicTime now) const;
  // From its first output to its last.
  [[nodiscard]] Duration service(std::uint64_t max_tokens) const;
  [[nodiscard]] std::uint64_t tokens_ahead(std::uint32_t band) const;

 private:
  void remove(std::uint32_t band, std::uint64_t prompt_tokens);
  void advance(MonotonicTime now);

  std::map<std::uint32_t, std::uint64_t> waiting_;  // prompt tokens by band
  bool is_backlogged_ = false;
  bool was_backlogged_ = false;        // before the last report: it may have emptied the queue
  std::optional<MonotonicTime> last_;  // up to where the sums below are
  double left_tokens_ = 0;             // decayed: left the queue while it was backlogged
  double backlogged_s_ = 0;            // decayed: time it was backlogged
  double num_served_ = 0;              // decayed by count: outputs, their tokens, their time
  double served_tokens_ = 0;
  double served_s_ = 0;
};

// For a Retry-After header: a bit more than `wait`, by a chance `u` in [0, 1), so that those who
// were refused together do not come back together. Whole seconds from 1 to 60.
[[nodiscard]] std::uint32_t retry_after_s(std::optional<Duration> wait, double u) noexcept;

}  // namespace penstock::router
