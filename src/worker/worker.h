// One engine behind the request plane.
//
//   Worker worker(options, clock, [&](StepSink sink) { return make_engine(std::move(sink)); });
//   worker.start();
//   RETURN_IF_ERROR(worker.run_canary(timeout));
//   worker.attach(std::move(channel.worker));   // one per frontend
//   ...
//   worker.drain(timeout);                      // refuse new work, finish what runs
//   worker.stop();
//
// Threading: the public methods belong to the owner; messages and reports arrive on the channels'
// and the engine's threads.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "engine/engine_loop.h"
#include "rpc/channel.h"
#include "worker/probe.h"

namespace penstock::worker {

struct WorkerOptions {
  std::uint64_t worker_id = 1;
  std::vector<std::string> model_names;  // name and aliases a Submit may carry
};

class Worker final {
 public:
  using MakeEngine = std::function<std::unique_ptr<engine::EngineLoop>(engine::StepSink sink)>;

  Worker(WorkerOptions options, const Clock& clock, const MakeEngine& make_engine,
         const WorkerProbe& probe = {});
  ~Worker();  // stop() has returned

  void start() { engine_->start(); }
  // One token through the engine. kUnavailable when none came in time.
  [[nodiscard]] Status run_canary(Duration timeout);
  void attach(std::unique_ptr<rpc::WorkerEnd> end);

  // Announces it and refuses new work; what runs goes on. resume() takes it back.
  void begin_drain(Duration remaining);
  void resume();
  [[nodiscard]] bool is_draining() const;
  // begin_drain(), and returns when nothing runs or `timeout` is over; true when everything ended
  // by itself.
  bool drain(Duration timeout);
  // Ends what is left and joins the engine.
  void stop();

  [[nodiscard]] const engine::EngineLoop& engine() const noexcept { return *engine_; }

 private:
  struct Stream {
    std::unique_ptr<rpc::WorkerEnd> end;
    std::uint64_t last_submit = 0;
    bool closed = false;
  };
  using StreamId = std::size_t;  // index into streams_; streams are never removed

  // Where the outputs of a live engine request go.
  struct Route {
    StreamId stream = 0;
    rpc::RequestKey key;
    std::size_t num_live = 0;
  };
  // A ping or a clear on its way through the engine.
  struct PendingEcho {
    StreamId stream = 0;
    std::uint64_t n = 0;
  };

  void on_message(StreamId stream, rpc::DownMessage message);
  void on_submit(StreamId stream, rpc::Submit submit);
  void on_cancel(StreamId stream, const rpc::Cancel& cancel);
  void on_ping(StreamId stream, rpc::Ping ping);
  void on_clear(StreamId stream, rpc::ClearKv clear);
  void on_closed(StreamId stream);
  void on_report(engine::StepReport report);
  void refuse(StreamId stream, const rpc::RequestKey& key,
              const std::vector<std::uint32_t>& sequences, rpc::WorkerErrorCode code,
              const std::string& message);
  void send(StreamId stream, rpc::UpMessage message);
  [[nodiscard]] bool serves(const std::string& model) const;
  [[nodiscard]] std::string route_name(StreamId stream, const std::string& request_id,
                                       std::uint32_t prompt_index) const;

  const WorkerOptions options_;
  const Clock& clock_;
  const WorkerProbe probe_;
  std::unique_ptr<engine::EngineLoop> engine_;

  mutable std::mutex mutex_;
  std::condition_variable idle_;
  // Guarded by mutex_, all of them.
  std::vector<std::unique_ptr<Stream>> streams_;
  std::unordered_map<engine::RequestHandle, Route> routes_;
  std::unordered_map<std::string, engine::RequestHandle> handles_;  // by route_name()
  std::unordered_map<std::uint64_t, PendingEcho> pings_;
  std::unordered_map<std::uint64_t, PendingEcho> clears_;
  std::uint64_t last_handle_ = 0;
  std::uint64_t last_echo_ = 0;
  std::uint64_t load_seq_ = 0;
  bool draining_ = false;
  std::optional<engine::RequestHandle> canary_;
  std::optional<engine::FinishReason> canary_finish_;
};

}  // namespace penstock::worker
