// An exchange without a socket: records what is answered; its client leaves and its timer fires
// when the test says so.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "net/http_server.h"
#include "net/io_pool.h"

namespace penstock::frontend {

struct Recorded {
  int status = 0;
  net::HttpHeaders headers;
  std::string body;  // whole, or all chunks
  std::size_t num_writes = 0;
  bool is_stream = false;
  bool is_done = false;

  [[nodiscard]] std::string header(std::string_view name) const {
    for (const auto& header : headers) {
      if (header.name == name) return header.value;
    }
    return "";
  }
};

class FakeExchange final : public net::HttpExchange,
                           public std::enable_shared_from_this<FakeExchange> {
 public:
  FakeExchange(net::IoPool& pool, std::size_t loop, net::HttpRequest request)
      : pool_(pool), loop_(loop), request_(std::move(request)) {}

  net::HttpRequest& request() noexcept override { return request_; }
  void respond(net::HttpResponse response) override {
    update([&](Recorded& r) {
      r.status = response.status;
      r.headers = std::move(response.headers);
      r.body = std::move(response.body);
      r.is_done = true;
    });
    end();
  }
  void start_stream(int status, net::HttpHeaders headers) override {
    update([&](Recorded& r) {
      r.status = status;
      r.headers = std::move(headers);
      r.is_stream = true;
    });
  }
  void write(std::string chunk) override {
    update([&](Recorded& r) {
      r.body += chunk;
      ++r.num_writes;
    });
  }
  void finish_stream() override {
    update([](Recorded& r) { r.is_done = true; });
    end();
  }
  void abort() override { finish_stream(); }
  [[nodiscard]] std::size_t unsent_bytes() const noexcept override { return 0; }
  [[nodiscard]] bool is_disconnected() const noexcept override { return disconnected_; }
  void on_disconnect(std::move_only_function<void()> callback) override {
    on_disconnect_ = std::move(callback);
  }
  void set_timer(Duration, std::move_only_function<void()> callback) override {
    if (!is_over_) timer_ = std::move(callback);
  }
  void cancel_timer() override { timer_ = nullptr; }
  void post(std::move_only_function<void()> task) override { pool_.post(loop_, std::move(task)); }
  [[nodiscard]] std::size_t loop_index() const noexcept override { return loop_; }

  // The test's side, from its own thread.

  void disconnect() {
    post([self = shared_from_this()] {
      self->disconnected_ = true;
      self->is_over_ = true;
      if (auto callback = std::exchange(self->on_disconnect_, nullptr)) callback();
    });
  }
  // Returns when all that the timer brings about has happened.
  void fire_timer() {
    post([self = shared_from_this()] {
      if (auto callback = std::exchange(self->timer_, nullptr)) callback();
    });
    settle();
  }
  // Returns when the condition holds and the loop has done all that it does in the same turn, such
  // as counting what it sent. False on timeout.
  template <class Condition>
  bool wait_for(Condition condition) {
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait_for(lock, kPatience, [&] { return condition(recorded_); })) return false;
    }
    return settle();
  }
  Recorded wait_done() {
    (void)wait_for([](const Recorded& r) { return r.is_done; });
    const std::lock_guard lock(mutex_);
    return recorded_;
  }

 private:
  static constexpr std::chrono::seconds kPatience{10};

  // Waits until the loop has finished what it is in the middle of.
  bool settle() {
    auto done = std::make_shared<std::promise<void>>();
    auto settled = done->get_future();
    post([done = std::move(done)] { done->set_value(); });
    return settled.wait_for(kPatience) == std::future_status::ready;
  }

  template <class Change>
  void update(Change change) {
    const std::lock_guard lock(mutex_);
    change(recorded_);
    changed_.notify_all();
  }
  void end() {
    is_over_ = true;
    timer_ = nullptr;
    on_disconnect_ = nullptr;
  }

  net::IoPool& pool_;
  const std::size_t loop_;
  net::HttpRequest request_;
  std::move_only_function<void()> on_disconnect_;  // these are the loop's
  std::move_only_function<void()> timer_;
  bool disconnected_ = false;
  bool is_over_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  Recorded recorded_;  // guarded by mutex_
};

}  // namespace penstock::frontend
