#include "bench/engine/timed_engine.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/format.h"
#include "base/hash.h"
#include "engine/model_runner.h"

namespace penstock::engine {
namespace {

constexpr std::uint32_t kBlockSize = 32;

}  // namespace

TimedEngine::TimedEngine(const model::ModelFiles& files, const Options& options)
    : vocab_size_(files.config().vocab_size), team_(options.num_threads) {
  auto forward = model::make_cpu_forward(files,
                                         {.block_size = kBlockSize,
                                          .max_batch_rows = 8192,
                                          .max_logit_rows = options.max_running + 64},
                                         team_);
  CHECK(forward.has_value());
  auto runner = ModelRunner::create(std::move(*forward), options.num_blocks, vocab_size_);
  CHECK(runner.has_value());
  EngineOptions engine_options;
  engine_options.num_blocks = options.num_blocks;
  engine_options.context_length = files.config().context_length;
  engine_options.prefix_caching = options.prefix_caching;
  engine_options.limits.block_size = kBlockSize;
  engine_options.limits.max_running = options.max_running;
  engine_ = std::make_unique<EngineLoop>(engine_options, std::move(*runner), clock_, ledger_,
                                         EngineProbe(),
                                         [this](const StepReport& report) { on_report(report); });
  engine_->start();
}

TimedEngine::~TimedEngine() {
  engine_->stop();
}

void TimedEngine::on_report(const StepReport& report) {
  const Instant now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  load_ = report.load;
  for (const ChoiceOutput& output : report.outputs) {
    TimedAnswer& answer = answers_[output.handle];
    if (output.position == 0) answer.cached_tokens = output.cached_tokens;
    answer.tokens.insert(answer.tokens.end(), output.token_ids.size(), now);
    answer.finish = output.finish;
  }
  changed_.notify_all();
}

RequestHandle TimedEngine::submit(Request request) {
  EngineRequest made;
  made.handle = RequestHandle(++last_handle_);
  made.owner = format("bench {}", last_handle_);
  made.prompt = std::move(request.prompt);
  made.choices.push_back({});
  made.max_tokens = request.max_tokens;
  made.sampling.temperature = 0;
  made.tenant = std::move(request.tenant);
  made.arrival = clock_.now();
  {
    const std::lock_guard lock(mutex_);
    answers_[made.handle].submitted = std::chrono::steady_clock::now();
  }
  const RequestHandle handle = made.handle;
  CHECK(engine_->submit(std::move(made)));
  return handle;
}

TimedAnswer TimedEngine::wait(RequestHandle handle) {
  std::unique_lock lock(mutex_);
  CHECK(changed_.wait_for(lock, std::chrono::minutes(10),
                          [&] { return answers_.at(handle).finish != FinishReason::kNone; }));
  TimedAnswer answer = std::move(answers_.at(handle));
  answers_.erase(handle);
  return answer;
}

bool TimedEngine::is_done(RequestHandle handle) {
  const std::lock_guard lock(mutex_);
  return answers_.at(handle).finish != FinishReason::kNone;
}

std::size_t TimedEngine::num_tokens(RequestHandle handle) {
  const std::lock_guard lock(mutex_);
  return answers_.at(handle).tokens.size();
}

EngineLoad TimedEngine::load() {
  const std::lock_guard lock(mutex_);
  return load_;
}

std::vector<TokenId> TimedEngine::fresh_tokens(std::size_t count) {
  std::vector<TokenId> tokens(count);
  for (TokenId& id : tokens) {
    ++last_token_;
    id = static_cast<TokenId>(xxh3_64(std::as_bytes(std::span(&last_token_, 1)), 0) % vocab_size_);
  }
  return tokens;
}

double quantile(std::vector<double> values, double share) {
  CHECK(!values.empty());
  std::ranges::sort(values);
  const double at = share * static_cast<double>(values.size() - 1);
  return values[static_cast<std::size_t>(std::lround(at))];
}

std::string spread(const std::vector<double>& values, int digits) {
  return format("{:.{}f} ({:.{}f} to {:.{}f}, {} runs)", quantile(values, 0.5), digits,
                quantile(values, 0), digits, quantile(values, 1), digits, values.size());
}

}  // namespace penstock::engine
