// The frontend's side of the one stream to a worker: submits and cancels down, each step's outputs
// up, sorted by the loop their requests live on.
//
// Outputs arrive on a thread of the channel (in process: the engine's). That thread only looks up
// routes, under one lock per step, and posts one task per loop; everything else happens on the
// loops. Outputs that belong to no attached request are dropped.
// Threading: every method from any thread; an OutputReceiver is called on its loop only.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "net/io_pool.h"
#include "rpc/channel.h"

namespace penstock::frontend {

class OutputReceiver {
 public:
  virtual ~OutputReceiver() = default;
  virtual void on_output(rpc::Output output) = 0;
  // All outputs of one step have been given; called at least once after them.
  virtual void on_step_end() = 0;
  // The worker is gone: no output follows.
  virtual void on_stream_lost() = 0;
};

class WorkerStream final {
 public:
  // `pool` outlives the stream.
  // `on_load` is called with each step's load, on a thread of the channel; may be empty.
  using LoadSink = std::function<void(const rpc::Load&)>;
  WorkerStream(net::IoPool& pool, std::unique_ptr<rpc::FrontendEnd> end, LoadSink on_load = {});
  ~WorkerStream();

  // The worker takes new requests.
  [[nodiscard]] bool is_ready() const noexcept { return ready_.load(std::memory_order_acquire); }

  // From here on outputs of `request_id` reach `receiver` on loop `loop_index`, until detach().
  void attach(const std::string& request_id, std::size_t loop_index,
              std::shared_ptr<OutputReceiver> receiver);
  void detach(const std::string& request_id);

  // Numbers the submit and sends it, in one order for all threads.
  [[nodiscard]] Status submit(rpc::Submit submit);
  [[nodiscard]] Status cancel(rpc::Cancel cancel);

  // Clears the worker's prefix cache; `done` gets the number of blocks that are free again, or why
  // not. It runs once, on a thread of the channel or the caller's, and must not block.
  using OnCleared = std::move_only_function<void(Result<std::uint32_t>)>;
  void clear_kv(OnCleared done);

  // The worker is gone for good.
  [[nodiscard]] bool is_closed() const noexcept { return closed_.load(std::memory_order_acquire); }
  // What the worker last said it carries; none before its first step.
  [[nodiscard]] std::optional<rpc::Load> load() const;

 private:
  struct Route {
    std::size_t loop_index = 0;
    std::shared_ptr<OutputReceiver> receiver;  // shared with the in-flight set and the pool's jobs
  };
  struct Delivery {
    std::shared_ptr<OutputReceiver> receiver;
    rpc::Output output;
  };

  void on_message(rpc::UpMessage message, rpc::Credit credit);
  void on_step(rpc::StepOutputs step, rpc::Credit credit);
  void on_cleared(std::uint64_t n, Result<std::uint32_t> num_freed);
  void on_closed();

  net::IoPool& pool_;
  const LoadSink on_load_;
  std::atomic<bool> ready_{true};
  std::atomic<bool> closed_{false};
  Mutex send_mutex_;
  std::uint64_t next_submit_ GUARDED_BY(send_mutex_) = 1;
  mutable Mutex routes_mutex_;
  std::unordered_map<std::string, Route> routes_ GUARDED_BY(routes_mutex_);
  std::unordered_map<std::uint64_t, OnCleared> clears_ GUARDED_BY(routes_mutex_);
  std::uint64_t last_clear_ GUARDED_BY(routes_mutex_) = 0;
  std::optional<rpc::Load> load_ GUARDED_BY(routes_mutex_);
  // Destroyed first: after that no callback comes.
  std::unique_ptr<rpc::FrontendEnd> end_;
};

}  // namespace penstock::frontend
