#include "worker/worker.h"

#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "worker/mapping.h"

namespace penstock::worker {

using engine::RequestHandle;
using rpc::WorkerErrorCode;

Worker::Worker(WorkerOptions options, const Clock& clock, const MakeEngine& make_engine,
               const WorkerProbe& probe)
    : options_(std::move(options)), clock_(clock), probe_(probe) {
  engine_ = make_engine([this](engine::StepReport report) { on_report(std::move(report)); });
}

Worker::~Worker() = default;

Status Worker::run_canary(Duration timeout) {
  std::unique_lock lock(mutex_);
  canary_ = RequestHandle(++last_handle_);
  canary_finish_.reset();
  engine::EngineRequest request;
  request.handle = *canary_;
  request.owner = "canary";
  request.prompt = {1};
  request.choices.push_back({});
  request.max_tokens = 1;
  request.sampling.temperature = 0;
  request.tenant = "canary";
  request.uses_prefix_cache = false;
  request.arrival = clock_.now();
  request.deadline = clock_.now() + timeout;
  if (!engine_->submit(std::move(request))) {
    return make_error(ErrorCode::kUnavailable, "the engine takes no request");
  }
  const bool answered =
      idle_.wait_for(lock, timeout, [this] { return canary_finish_.has_value(); });
  canary_.reset();
  if (!answered) {
    return make_error(ErrorCode::kUnavailable, "no token came within {:.0f} ms", to_ms(timeout));
  }
  if (*canary_finish_ != engine::FinishReason::kLength) {
    return make_error(ErrorCode::kInternal, "the first request through the engine failed");
  }
  return {};
}

void Worker::attach(std::unique_ptr<rpc::WorkerEnd> end) {
  Stream* stream = nullptr;
  StreamId id = 0;
  {
    const std::lock_guard lock(mutex_);
    id = streams_.size();
    streams_.push_back(std::make_unique<Stream>());
    stream = streams_.back().get();
    stream->end = std::move(end);
  }
  // Outside the lock: messages that wait already are delivered from within start().
  stream->end->start({.on_message = [this, id](rpc::DownMessage message,
                                               rpc::Credit) { on_message(id, std::move(message)); },
                      .on_closed = [this, id] { on_closed(id); }});
}

void Worker::on_message(StreamId stream, rpc::DownMessage message) {
  if (auto* submit = std::get_if<rpc::Submit>(&message)) {
    on_submit(stream, std::move(*submit));
  } else if (const auto* cancel = std::get_if<rpc::Cancel>(&message)) {
    on_cancel(stream, *cancel);
  } else if (const auto* clear = std::get_if<rpc::ClearKv>(&message)) {
    on_clear(stream, *clear);
  } else {
    on_ping(stream, std::get<rpc::Ping>(message));
  }
}

void Worker::on_submit(StreamId stream, rpc::Submit submit) {
  const rpc::RequestKey key = submit.key;
  std::vector<std::uint32_t> sequences;
  for (const rpc::SubmitSequence& sequence : submit.sequences) {
    sequences.push_back(sequence.sequence);
  }
  const std::lock_guard lock(mutex_);
  streams_[stream]->last_submit = std::max(streams_[stream]->last_submit, submit.submit_number);
  const std::string name = route_name(stream, key.request_id, key.prompt_index);
  if (const auto older = handles_.find(name); older != handles_.end()) {
    const Route& route = routes_.at(older->second);
    if (key.attempt <= route.key.attempt) return;  // worker invariant 3
    engine_->cancel(older->second, std::nullopt);
    routes_.erase(older->second);
    handles_.erase(older);
  }
  if (draining_) {
    return refuse(stream, key, sequences, WorkerErrorCode::kDraining, "this worker is draining");
  }
  if (!serves(submit.model)) {
    return refuse(
        stream, key, sequences, WorkerErrorCode::kInvalid,
        format("this worker serves '{}', not '{}'", options_.model_names.front(), submit.model));
  }
  const RequestHandle handle(++last_handle_);
  auto request = to_engine_request(std::move(submit), handle, clock_.now());
  if (!request) {
    return refuse(stream, key, sequences, WorkerErrorCode::kInvalid, request.error().message());
  }
  if (sequences.empty()) {
    return refuse(stream, key, {0}, WorkerErrorCode::kInvalid, "the submit names no sequence");
  }
  if (!engine_->submit(std::move(*request))) {
    return refuse(stream, key, sequences, WorkerErrorCode::kOverloaded,
                  "the worker's queue is full");
  }
  routes_.emplace(handle, Route{stream, key, sequences.size()});
  handles_.emplace(name, handle);
}

void Worker::on_cancel(StreamId stream, const rpc::Cancel& cancel) {
  const std::lock_guard lock(mutex_);
  const auto it = handles_.find(route_name(stream, cancel.request_id, cancel.prompt_index));
  if (it == handles_.end() || routes_.at(it->second).key.attempt != cancel.attempt) return;
  engine_->cancel(it->second, cancel.sequence);
}

void Worker::on_ping(StreamId stream, rpc::Ping ping) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t token = ++last_echo_;
  pings_.emplace(token, PendingEcho{stream, ping.n});
  engine_->ping(token);
}

void Worker::on_clear(StreamId stream, rpc::ClearKv clear) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t token = ++last_echo_;
  clears_.emplace(token, PendingEcho{stream, clear.n});
  engine_->clear_cache(token);
}

void Worker::on_closed(StreamId stream) {
  const std::lock_guard lock(mutex_);
  streams_[stream]->closed = true;
  for (const auto& [handle, route] : routes_) {
    if (route.stream == stream) engine_->cancel(handle, std::nullopt);
  }
}

void Worker::on_report(engine::StepReport report) {
  const std::lock_guard lock(mutex_);
  std::vector<std::optional<rpc::StepOutputs>> batches(streams_.size());
  for (engine::ChoiceOutput& output : report.outputs) {
    const bool ends = output.finish != engine::FinishReason::kNone;
    if (canary_ && output.handle == *canary_) {
      if (ends) canary_finish_ = output.finish;
      continue;
    }
    const auto it = routes_.find(output.handle);
    if (it == routes_.end()) continue;  // worker invariant 2
    Route& route = it->second;
    std::optional<rpc::StepOutputs>& batch = batches[route.stream];
    if (!batch) {
      batch.emplace();
      batch->worker_id = options_.worker_id;
      batch->step = report.step;
      batch->load = to_rpc_load(report.load, report.step);
      batch->load.seq = ++load_seq_;
      batch->load.included_submit = streams_[route.stream]->last_submit;
    }
    batch->outputs.push_back(to_rpc_output(std::move(output), route.key));
    if (ends && --route.num_live == 0) {
      handles_.erase(route_name(route.stream, route.key.request_id, route.key.prompt_index));
      routes_.erase(it);
    }
  }
  for (StreamId id = 0; id < batches.size(); ++id) {
    if (batches[id]) send(id, std::move(*batches[id]));
  }
  for (const std::uint64_t token : report.echoes) {
    const auto it = pings_.find(token);
    if (it == pings_.end()) continue;
    send(it->second.stream, rpc::Pong{.n = it->second.n, .dp_rank = 0, .step = report.step});
    pings_.erase(it);
  }
  for (const engine::CacheCleared& cleared : report.clears) {
    const auto it = clears_.find(cleared.n);
    if (it == clears_.end()) continue;
    send(it->second.stream,
         rpc::KvCleared{.n = it->second.n, .dp_rank = 0, .num_freed = cleared.num_freed});
    clears_.erase(it);
  }
  idle_.notify_all();
}

// Under mutex_. One output per sequence, so that each of them ends.
void Worker::refuse(StreamId stream, const rpc::RequestKey& key,
                    const std::vector<std::uint32_t>& sequences, WorkerErrorCode code,
                    const std::string& message) {
  probe_.request_refused(code);
  rpc::StepOutputs batch;
  batch.worker_id = options_.worker_id;
  batch.step = engine_->num_steps();
  for (const std::uint32_t sequence : sequences) {
    batch.outputs.push_back(refusal(key, sequence, code, message));
  }
  send(stream, std::move(batch));
}

// Under mutex_. A frontend that is a whole budget behind is cut: it learns by the stream's end.
void Worker::send(StreamId id, rpc::UpMessage message) {
  Stream& stream = *streams_[id];
  if (stream.closed) return;
  const Status sent = stream.end->send(std::move(message));
  if (sent) return;
  stream.closed = true;
  if (sent.error().code() == ErrorCode::kResourceExhausted) {
    log_error("stream {} is cut: {}", id, sent.error().message());
    stream.end->close();
    probe_.slow_consumer_cut();
  }
  for (const auto& [handle, route] : routes_) {
    if (route.stream == id) engine_->cancel(handle, std::nullopt);
  }
}

void Worker::begin_drain(Duration remaining) {
  const std::lock_guard lock(mutex_);
  draining_ = true;
  for (StreamId id = 0; id < streams_.size(); ++id) {
    send(id, rpc::GoAway{.reason = "draining", .remaining_us = to_us(remaining)});
  }
}

void Worker::resume() {
  const std::lock_guard lock(mutex_);
  draining_ = false;
  for (StreamId id = 0; id < streams_.size(); ++id) send(id, rpc::ComeBack{});
}

bool Worker::is_draining() const {
  const std::lock_guard lock(mutex_);
  return draining_;
}

bool Worker::drain(Duration timeout) {
  begin_drain(timeout);
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, timeout, [this] { return routes_.empty(); });
}

void Worker::stop() {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
  }
  engine_->stop();
}

bool Worker::serves(const std::string& model) const {
  return std::ranges::find(options_.model_names, model) != options_.model_names.end();
}

std::string Worker::route_name(StreamId stream, const std::string& request_id,
                               std::uint32_t prompt_index) const {
  return format("{}/{}/{}", stream, prompt_index, request_id);
}

}  // namespace penstock::worker
