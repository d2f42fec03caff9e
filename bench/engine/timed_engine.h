// An engine over a real model that notes when each token came: what the benchmarks are made of.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "device/cpu/thread_team.h"
#include "engine/engine_loop.h"
#include "model/model_files.h"

namespace penstock::engine {

using Instant = std::chrono::steady_clock::time_point;

[[nodiscard]] inline double seconds_between(Instant a, Instant b) {
  return std::chrono::duration<double>(b - a).count();
}

struct TimedAnswer {
  Instant submitted;
  std::vector<Instant> tokens;  // when each came
  std::uint32_t cached_tokens = 0;
  FinishReason finish = FinishReason::kNone;

  [[nodiscard]] double ttft_s() const { return seconds_between(submitted, tokens.at(0)); }
};

class TimedEngine final {
 public:
  struct Options {
    int num_threads = 2;
    std::uint32_t num_blocks = 2000;
    std::uint32_t max_running = 256;
    bool prefix_caching = true;
  };
  TimedEngine(const model::ModelFiles& files, const Options& options);
  ~TimedEngine();

  // Greedy, `max_tokens` tokens, no stop; returns its handle.
  struct Request {
    std::vector<TokenId> prompt;
    std::uint32_t max_tokens = 1;
    std::string tenant = "default";
  };
  RequestHandle submit(Request request);
  TimedAnswer wait(RequestHandle handle);
  TimedAnswer run(Request request) { return wait(submit(std::move(request))); }
  [[nodiscard]] bool is_done(RequestHandle handle);
  // Output tokens of the request so far.
  [[nodiscard]] std::size_t num_tokens(RequestHandle handle);
  [[nodiscard]] EngineLoad load();
  void cancel(RequestHandle handle) { engine_->cancel(handle, std::nullopt); }

  // Tokens that no other call returns.
  [[nodiscard]] std::vector<TokenId> fresh_tokens(std::size_t count);

 private:
  void on_report(const StepReport& report);

  SystemClock clock_;
  Ledger ledger_{clock_};
  std::uint32_t vocab_size_;
  std::uint64_t last_token_ = 0;
  device::ThreadTeam team_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<RequestHandle, TimedAnswer> answers_;  // guarded by mutex_
  EngineLoad load_;                               // guarded by mutex_
  std::uint64_t last_handle_ = 0;
  std::unique_ptr<EngineLoop> engine_;
};

// The value at `share` of the sorted ones.
[[nodiscard]] double quantile(std::vector<double> values, double share);

// "median (least to most, n runs)".
[[nodiscard]] std::string spread(const std::vector<double>& values, int digits = 2);

}  // namespace penstock::engine
