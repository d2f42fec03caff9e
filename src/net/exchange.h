// The handle that a handler answers through: forwards to its connection while the exchange lasts.
//
// Threading: as HttpExchange says. It is destroyed on the loop, wherever the last holder lets go.
#pragma once

#include <memory>
#include <string>

#include "net/http_connection.h"
#include "net/http_server.h"

namespace penstock::net {

class Exchange final : public HttpExchange {
 public:
  [[nodiscard]] static std::shared_ptr<Exchange> create(std::shared_ptr<HttpConnection> connection,
                                                        HttpRequest request);
  ~Exchange() override;

  // The connection's call: from now on every method does nothing.
  void end(bool is_disconnect) noexcept;

  [[nodiscard]] HttpRequest& request() noexcept override { return request_; }
  void respond(HttpResponse response) override;
  void start_stream(int status, HttpHeaders headers) override;
  void write(std::string chunk) override;
  void finish_stream() override;
  void abort() override;
  [[nodiscard]] std::size_t unsent_bytes() const noexcept override;
  [[nodiscard]] bool is_disconnected() const noexcept override { return is_disconnected_; }
  void on_disconnect(std::move_only_function<void()> callback) override;
  void set_probe(std::string_view chunk) override;
  void set_timer(Duration delay, std::move_only_function<void()> callback) override;
  void cancel_timer() override;
  void post(std::move_only_function<void()> task) override;
  [[nodiscard]] std::size_t loop_index() const noexcept override { return loop_index_; }

 private:
  Exchange(std::shared_ptr<HttpConnection> connection, HttpRequest request);

  std::shared_ptr<HttpConnection> connection_;  // empty once the exchange is over
  const std::shared_ptr<LoopInbox> inbox_;      // shared with the loop; other threads post to it
  const std::size_t loop_index_;
  bool is_disconnected_ = false;
  HttpRequest request_;
};

}  // namespace penstock::net
