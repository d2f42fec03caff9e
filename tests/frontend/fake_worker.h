// A worker that plays a script: for each sequence, the outputs of its steps.
//
// It runs a thread of its own in the engine's place: messages are taken in order, and each step
// sends one StepOutputs with the next output of every live sequence. A script that ends without a
// finish keeps its sequence live until it is cancelled; cancels are confirmed, as a worker's are.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/bounded_queue.h"
#include "base/thread.h"
#include "rpc/channel.h"

namespace penstock::frontend {

class FakeWorker final {
 public:
  using Script = std::vector<rpc::Output>;  // token_ids, logprobs, finish of each step
  using Scripter = std::function<Script(const rpc::Submit&, std::uint32_t sequence)>;

  FakeWorker(std::unique_ptr<rpc::WorkerEnd> end, Scripter scripter)
      : scripter_(std::move(scripter)), messages_(100000), end_(std::move(end)) {
    rpc::Receiver<rpc::DownMessage> receiver;
    receiver.on_message = [this](rpc::DownMessage message, rpc::Credit) {
      (void)messages_.try_push(std::move(message));
    };
    end_->start(std::move(receiver));
    thread_ = NamedThread("fake-worker", [this] { run(); });
  }
  ~FakeWorker() {
    messages_.close();
    if (thread_.joinable()) thread_.join();
  }

  // The stream closes without a finish, as when the process dies. Joins the thread first, so
  // nothing is sent after it.
  void die() {
    messages_.close();
    thread_.join();
    end_->close();
  }

  void ignore_clears() {
    const std::lock_guard lock(mutex_);
    answers_clears_ = false;
  }
  void send(rpc::UpMessage message) { (void)end_->send(std::move(message)); }

  [[nodiscard]] std::vector<rpc::Submit> submits() const {
    const std::lock_guard lock(mutex_);
    return submits_;
  }
  [[nodiscard]] std::vector<rpc::Cancel> cancels() const {
    const std::lock_guard lock(mutex_);
    return cancels_;
  }
  [[nodiscard]] std::size_t num_live() const {
    const std::lock_guard lock(mutex_);
    return live_.size();
  }

 private:
  using Key = std::pair<std::string, std::uint32_t>;  // request, sequence
  struct Live {
    rpc::RequestKey key;
    Script script;
    std::size_t next = 0;
    std::uint32_t position = 0;
  };

  void run() {
    while (!messages_.is_closed()) {
      for (auto& message : messages_.drain()) take(std::move(message));
      if (!step()) messages_.wait(std::chrono::milliseconds(200));
    }
  }

  void take(rpc::DownMessage message) {
    const std::lock_guard lock(mutex_);
    if (auto* submit = std::get_if<rpc::Submit>(&message)) {
      for (const rpc::SubmitSequence& each : submit->sequences) {
        live_[{submit->key.request_id, each.sequence}] = {submit->key,
                                                          scripter_(*submit, each.sequence), 0, 0};
      }
      submits_.push_back(std::move(*submit));
    } else if (auto* cancel = std::get_if<rpc::Cancel>(&message)) {
      for (auto& [key, live] : live_) {
        const bool is_meant = key.first == cancel->request_id &&
                              live.key.prompt_index == cancel->prompt_index &&
                              (!cancel->sequence || *cancel->sequence == key.second);
        if (!is_meant) continue;
        live.script.resize(live.next);
        live.script.emplace_back().finish.kind = rpc::FinishKind::kCancelled;
      }
      cancels_.push_back(std::move(*cancel));
    } else if (const auto* clear = std::get_if<rpc::ClearKv>(&message)) {
      if (answers_clears_) (void)end_->send(rpc::KvCleared{.n = clear->n, .num_freed = 5});
    }
  }

  bool step() {
    rpc::StepOutputs outputs;
    {
      const std::lock_guard lock(mutex_);
      for (auto at = live_.begin(); at != live_.end();) {
        Live& live = at->second;
        if (live.next == live.script.size()) {
          ++at;
          continue;
        }
        rpc::Output output = live.script[live.next++];
        output.key = live.key;
        output.sequence = at->first.second;
        output.position = live.position;
        live.position += static_cast<std::uint32_t>(output.token_ids.size());
        const bool is_last = output.finish.kind != rpc::FinishKind::kNone;
        outputs.outputs.push_back(std::move(output));
        at = is_last ? live_.erase(at) : std::next(at);
      }
    }
    if (outputs.outputs.empty()) return false;
    (void)end_->send(std::move(outputs));
    return true;
  }

  const Scripter scripter_;
  BoundedQueue<rpc::DownMessage> messages_;
  mutable std::mutex mutex_;
  std::map<Key, Live> live_;          // guarded by mutex_
  std::vector<rpc::Submit> submits_;  // guarded by mutex_
  std::vector<rpc::Cancel> cancels_;  // guarded by mutex_
  bool answers_clears_ = true;        // guarded by mutex_
  std::unique_ptr<rpc::WorkerEnd> end_;
  NamedThread thread_;
};

// Script pieces.
inline rpc::Output tokens(std::vector<rpc::TokenId> ids) {
  rpc::Output output;
  output.token_ids = std::move(ids);
  return output;
}
inline rpc::Output finish(rpc::FinishKind kind, std::vector<rpc::TokenId> ids = {}) {
  rpc::Output output = tokens(std::move(ids));
  output.finish.kind = kind;
  return output;
}
inline rpc::Output stop_at(rpc::TokenId id) {
  rpc::Output output = finish(rpc::FinishKind::kStop, {id});
  output.finish.stop_token_id = id;
  return output;
}
inline rpc::Output worker_error(rpc::WorkerErrorCode code, std::string message) {
  rpc::Output output = finish(rpc::FinishKind::kError);
  output.finish.error = code;
  output.finish.message = std::move(message);
  return output;
}

}  // namespace penstock::frontend
