// What became of the last requests: one record each, for /explain.
//
// Bounded in records and in bytes; the oldest goes first. Recording costs a lock and a move;
// looking up goes over the records, newest first, which operators can wait for.
// Threading: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "frontend/access/usage_meter.h"

namespace penstock::frontend {

// One request from its first header byte to the end of its answer. Views are of static text.
struct RequestRecord {
  std::string request_id{};
  std::string correlation_id{};
  std::int64_t received_unix_us = 0;
  std::string_view endpoint{};  // label of the API
  std::string tenant{};
  std::string key_id{};         // empty without keys
  std::string model{};          // empty when it was not known yet
  std::uint64_t worker_id = 0;  // 0: none was asked
  bool stream = false;
  std::uint32_t num_choices = 0;

  std::string_view finish{};  // of the last choice; empty without a good end
  std::string_view error{};   // code; empty for a good end
  std::string message{};      // of the error
  std::string_view phase{};   // that it ended in

  TokenUsage tokens{};
  std::int32_t priority_asked = 0;
  std::int32_t priority = 0;  // as the tenant may have it
  std::uint32_t strict_priority_asked = 0;
  std::uint32_t strict_priority = 0;

  // The phase clock. A phase that was not reached is zero.
  Duration parse{};
  Duration render{};  // the chat template
  Duration tokenize{};
  Duration queue{};                        // in the engine
  Duration prefill{};                      // in the engine
  std::optional<Duration> first_output{};  // since the first header byte
  Duration decode{};                       // from the first output to the end
  Duration total{};
};

class ExplainStore final {
 public:
  explicit ExplainStore(std::size_t max_records, std::size_t max_bytes = 16UL << 20)
      : max_records_(max_records), max_bytes_(max_bytes) {}

  void add(RequestRecord record);

  // By request id or correlation id; the latest of several.
  [[nodiscard]] std::optional<RequestRecord> find(std::string_view id) const;
  // Newest first.
  [[nodiscard]] std::vector<RequestRecord> last(std::size_t num_records) const;

  [[nodiscard]] std::size_t num_records() const;
  [[nodiscard]] std::size_t num_bytes() const;

 private:
  const std::size_t max_records_;
  const std::size_t max_bytes_;
  mutable Mutex mutex_;
  std::deque<RequestRecord> records_ GUARDED_BY(mutex_);  // oldest first
  std::size_t num_bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace penstock::frontend
