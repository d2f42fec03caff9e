#include "frontend/worker_stream.h"

#include <utility>
#include <variant>

#include "base/log.h"

namespace penstock::frontend {

WorkerStream::WorkerStream(net::IoPool& pool, std::unique_ptr<rpc::FrontendEnd> end,
                           LoadSink on_load)
    : pool_(pool), on_load_(std::move(on_load)), end_(std::move(end)) {
  rpc::Receiver<rpc::UpMessage> receiver;
  receiver.on_message = [this](rpc::UpMessage message, rpc::Credit credit) {
    on_message(std::move(message), std::move(credit));
  };
  receiver.on_closed = [this] { on_closed(); };
  end_->start(std::move(receiver));
}

WorkerStream::~WorkerStream() = default;

void WorkerStream::attach(const std::string& request_id, std::size_t loop_index,
                          std::shared_ptr<OutputReceiver> receiver) {
  const MutexLock lock(routes_mutex_);
  routes_[request_id] = {loop_index, std::move(receiver)};
}

void WorkerStream::detach(const std::string& request_id) {
  Route last;  // destroyed outside the lock
  const MutexLock lock(routes_mutex_);
  if (const auto at = routes_.find(request_id); at != routes_.end()) {
    last = std::move(at->second);
    routes_.erase(at);
  }
}

Status WorkerStream::submit(rpc::Submit submit) {
  const MutexLock lock(send_mutex_);
  submit.submit_number = next_submit_;
  RETURN_IF_ERROR(end_->send(std::move(submit)));
  ++next_submit_;
  return {};
}

Status WorkerStream::cancel(rpc::Cancel cancel) {
  const MutexLock lock(send_mutex_);
  return end_->send(std::move(cancel));
}

void WorkerStream::clear_kv(OnCleared done) {
  std::uint64_t n = 0;
  {
    const MutexLock lock(routes_mutex_);
    n = ++last_clear_;
    clears_.emplace(n, std::move(done));
  }
  Status sent;
  {
    const MutexLock lock(send_mutex_);
    sent = end_->send(rpc::ClearKv{n});
  }
  if (!sent) on_cleared(n, std::unexpected(std::move(sent).error()));
}

void WorkerStream::on_cleared(std::uint64_t n, Result<std::uint32_t> num_freed) {
  OnCleared done;
  {
    const MutexLock lock(routes_mutex_);
    const auto at = clears_.find(n);
    if (at == clears_.end()) return;
    done = std::move(at->second);
    clears_.erase(at);
  }
  done(std::move(num_freed));
}

std::optional<rpc::Load> WorkerStream::load() const {
  const MutexLock lock(routes_mutex_);
  return load_;
}

void WorkerStream::on_message(rpc::UpMessage message, rpc::Credit credit) {
  if (auto* step = std::get_if<rpc::StepOutputs>(&message)) {
    on_step(std::move(*step), std::move(credit));
  } else if (const auto* away = std::get_if<rpc::GoAway>(&message)) {
    ready_.store(false, std::memory_order_release);
    log_info("the worker takes no new requests: {}", away->reason);
  } else if (std::holds_alternative<rpc::ComeBack>(message)) {
    ready_.store(true, std::memory_order_release);
    log_info("the worker takes new requests again");
  } else if (const auto* cleared = std::get_if<rpc::KvCleared>(&message)) {
    on_cleared(cleared->n, cleared->num_freed);
  }
}

void WorkerStream::on_step(rpc::StepOutputs step, rpc::Credit credit) {
  if (on_load_ && step.load.seq != 0) on_load_(step.load);
  std::vector<std::vector<Delivery>> by_loop(pool_.num_loops());
  {
    const MutexLock lock(routes_mutex_);
    if (step.load.seq != 0) load_ = step.load;  // a refusal carries none
    for (rpc::Output& output : step.outputs) {
      const auto at = routes_.find(output.key.request_id);
      if (at == routes_.end()) continue;
      by_loop[at->second.loop_index].push_back({at->second.receiver, std::move(output)});
    }
  }
  // Given back when the last loop is done with its part.
  const auto shared_credit = std::make_shared<rpc::Credit>(std::move(credit));
  for (std::size_t loop = 0; loop < by_loop.size(); ++loop) {
    if (by_loop[loop].empty()) continue;
    pool_.post(loop, [deliveries = std::move(by_loop[loop]), shared_credit]() mutable {
      for (Delivery& delivery : deliveries) {
        delivery.receiver->on_output(std::move(delivery.output));
      }
      for (Delivery& delivery : deliveries) delivery.receiver->on_step_end();
    });
  }
}

void WorkerStream::on_closed() {
  ready_.store(false, std::memory_order_release);
  closed_.store(true, std::memory_order_release);
  std::unordered_map<std::uint64_t, OnCleared> clears;
  {
    const MutexLock lock(routes_mutex_);
    clears.swap(clears_);
  }
  for (auto& [n, done] : clears) done(make_error(ErrorCode::kUnavailable, "the worker is gone"));
  const MutexLock lock(routes_mutex_);
  for (const auto& [request_id, route] : routes_) {
    pool_.post(route.loop_index, [receiver = route.receiver] { receiver->on_stream_lost(); });
  }
}

}  // namespace penstock::frontend
