#include <atomic>
#include <deque>
#include <mutex>
#include <optional>

#include "base/check.h"
#include "rpc/channel.h"

namespace penstock::rpc {
namespace {

// One direction. The receiver is called under the lock, which is what keeps messages of several
// senders in order; it must not call back into its own channel (channel.h: hand over and return).
template <class Message>
class Pipe final {
 public:
  explicit Pipe(std::size_t budget_bytes) : budget_bytes_(budget_bytes) {}

  void start(Receiver<Message> receiver) {
    const std::lock_guard lock(mutex_);
    CHECK(!receiver_.has_value(), "a channel end is started once");
    receiver_.emplace(std::move(receiver));
    for (Waiting& waiting : waiting_) {
      receiver_->on_message(std::move(waiting.message), std::move(waiting.credit));
    }
    waiting_.clear();
    if (closed_.load() && receiver_->on_closed) receiver_->on_closed();
  }

  Status send(Message message) {
    const std::size_t bytes = approximate_bytes(message);
    const std::lock_guard lock(mutex_);
    if (closed_.load()) return make_error(ErrorCode::kUnavailable, "the channel is closed");
    if (in_flight_->load(std::memory_order_relaxed) + bytes > budget_bytes_) {
      return make_error(ErrorCode::kResourceExhausted,
                        "the peer is {} bytes behind; the limit is {}",
                        in_flight_->load(std::memory_order_relaxed), budget_bytes_);
    }
    in_flight_->fetch_add(bytes, std::memory_order_relaxed);
    Credit credit([in_flight = in_flight_, bytes] {
      in_flight->fetch_sub(bytes, std::memory_order_relaxed);
    });
    if (receiver_.has_value()) {
      receiver_->on_message(std::move(message), std::move(credit));
    } else {
      waiting_.push_back({std::move(message), std::move(credit)});
    }
    return {};
  }

  // The sending end is done: the receiver hears of it.
  void close() {
    const std::lock_guard lock(mutex_);
    if (closed_.exchange(true)) return;
    if (receiver_.has_value() && receiver_->on_closed) receiver_->on_closed();
  }

  // The receiving end wants no more. Takes no lock: it may be called from within a message.
  void refuse() { closed_.store(true); }

  // The receiving end is going away: its callbacks are not called again.
  void abandon() {
    const std::lock_guard lock(mutex_);
    closed_.store(true);
    receiver_.reset();
    waiting_.clear();
  }

 private:
  struct Waiting {
    Message message;
    Credit credit;
  };

  const std::size_t budget_bytes_;
  // Shared with the credits, which may outlive the channel.
  const std::shared_ptr<std::atomic<std::size_t>> in_flight_ =
      std::make_shared<std::atomic<std::size_t>>(0);
  std::mutex mutex_;
  std::optional<Receiver<Message>> receiver_;  // guarded by mutex_
  std::deque<Waiting> waiting_;                // guarded by mutex_: sent before start()
  std::atomic<bool> closed_{false};
};

template <class Out, class In>
class InProcessEnd final : public ChannelEnd<Out, In> {
 public:
  InProcessEnd(std::shared_ptr<Pipe<Out>> out, std::shared_ptr<Pipe<In>> in)
      : out_(std::move(out)), in_(std::move(in)) {}
  ~InProcessEnd() override {
    out_->close();
    in_->abandon();
  }

  void start(Receiver<In> receiver) override { in_->start(std::move(receiver)); }
  Status send(Out message) override { return out_->send(std::move(message)); }
  void close() override {
    in_->refuse();
    out_->close();
  }

 private:
  // Both shared with the other end, which may go first.
  std::shared_ptr<Pipe<Out>> out_;
  std::shared_ptr<Pipe<In>> in_;
};

}  // namespace

ChannelPair make_in_process_channel(std::size_t budget_bytes) {
  auto down = std::make_shared<Pipe<DownMessage>>(budget_bytes);
  auto up = std::make_shared<Pipe<UpMessage>>(budget_bytes);
  return {std::make_unique<InProcessEnd<DownMessage, UpMessage>>(down, up),
          std::make_unique<InProcessEnd<UpMessage, DownMessage>>(up, down)};
}

}  // namespace penstock::rpc
