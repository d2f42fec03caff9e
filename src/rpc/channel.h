// The stream between one frontend and one worker, seen from either end.
//
// Messages arrive in order. A receiver runs on a thread of the channel's choosing (in process: the
// sender's), so it only hands the message to its own queue or loop and returns. Every message
// carries a Credit: the bytes it occupies in the channel's budget until the receiver has dealt
// with it. send() fails when the peer is gone or the budget is spent; it never blocks.
// Threading: send() and close() from any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "base/result.h"
#include "rpc/messages.h"

namespace penstock::rpc {

// Bytes in flight, given back when the last holder drops it. Movable.
class [[nodiscard]] Credit final {
 public:
  Credit() = default;
  explicit Credit(std::move_only_function<void()> release) : release_(std::move(release)) {}
  ~Credit() {
    if (release_) release_();
  }
  Credit(Credit&& other) noexcept : release_(std::exchange(other.release_, nullptr)) {}
  Credit& operator=(Credit&& other) noexcept {
    if (this != &other) {
      if (release_) release_();
      release_ = std::exchange(other.release_, nullptr);
    }
    return *this;
  }

 private:
  std::move_only_function<void()> release_;
};

template <class Message>
struct Receiver {
  std::move_only_function<void(Message, Credit)> on_message;
  // The peer closed or was lost; called once, nothing arrives after it.
  std::move_only_function<void()> on_closed;
};

template <class Out, class In>
class ChannelEnd {
 public:
  virtual ~ChannelEnd() = default;
  // Messages that came before start() are delivered by it. Call once.
  virtual void start(Receiver<In> receiver) = 0;
  // kUnavailable: the peer is gone. kResourceExhausted: the byte budget is spent.
  [[nodiscard]] virtual Status send(Out message) = 0;
  // The peer hears of it (on_closed); this end's own receiver is not called for it.
  virtual void close() = 0;
};

using FrontendEnd = ChannelEnd<DownMessage, UpMessage>;
using WorkerEnd = ChannelEnd<UpMessage, DownMessage>;

struct ChannelPair {
  std::unique_ptr<FrontendEnd> frontend;
  std::unique_ptr<WorkerEnd> worker;
};

inline constexpr std::size_t kChannelBudgetBytes = 64ULL << 20;  // per direction

// Both ends in one process (`penstock serve`). Destroying an end closes it.
[[nodiscard]] ChannelPair make_in_process_channel(std::size_t budget_bytes = kChannelBudgetBytes);

}  // namespace penstock::rpc
