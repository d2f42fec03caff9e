// What waits at a model's worker for its first output, and whether one more can wait in time.
//
// Threading: any thread; one lock, held for a few additions.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"
#include "openai/errors.h"
#include "router/wait_model.h"
#include "rpc/messages.h"

namespace penstock::frontend {

class Backlog final {
 public:
  explicit Backlog(const Clock& clock) : clock_(clock) {}

  struct Ask {
    std::uint32_t strict_priority = 0;
    std::uint64_t max_tokens = 0;
    MonotonicTime deadline{};
    std::string_view request_id{};
  };
  // kOverloaded with Retry-After when a request that comes now would miss its deadline for those
  // ahead of it and for its own output.
  [[nodiscard]] openai::ApiStatus check(const Ask& ask) const;
  // For any refusal of this request; `request_id` spreads those refused together.
  [[nodiscard]] std::uint32_t retry_after_s(std::uint32_t strict_priority,
                                            std::string_view request_id) const;

  // A prompt's place in the line, until it has its first output or gives up. Movable; the backlog
  // outlives it.
  class [[nodiscard]] Place final {
   public:
    Place() = default;
    ~Place() { leave(); }
    Place(Place&& other) noexcept
        : backlog_(std::exchange(other.backlog_, nullptr)),
          strict_priority_(other.strict_priority_),
          num_sequences_(other.num_sequences_) {}
    Place& operator=(Place&&) = delete;

    // Again does nothing.
    void leave();

   private:
    friend class Backlog;
    Place(Backlog& backlog, std::uint32_t strict_priority, std::uint32_t num_sequences)
        : backlog_(&backlog), strict_priority_(strict_priority), num_sequences_(num_sequences) {}

    Backlog* backlog_ = nullptr;
    std::uint32_t strict_priority_ = 0;
    std::uint32_t num_sequences_ = 0;
  };
  // A prompt that has been sent to the worker.
  Place join(std::uint32_t strict_priority, std::uint32_t num_sequences);

  // An output that ended by itself, from the end of its queueing on.
  void served(Duration residence, std::uint64_t output_tokens);
  void on_load(const rpc::Load& load);

 private:
  const Clock& clock_;
  mutable Mutex mutex_;
  router::WaitModel model_ GUARDED_BY(mutex_);
};

}  // namespace penstock::frontend
