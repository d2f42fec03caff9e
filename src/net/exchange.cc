#include "net/exchange.h"

#include <utility>

namespace penstock::net {

std::shared_ptr<Exchange> Exchange::create(std::shared_ptr<HttpConnection> connection,
                                           HttpRequest request) {
  // Net invariant 4: the connection may use its plain pointer, because an exchange only ever dies
  // on the loop. After the loop has ended nobody else is left to use it.
  return {new Exchange(std::move(connection), std::move(request)), [](Exchange* exchange) {
            const std::shared_ptr<LoopInbox> inbox = exchange->inbox_;
            std::unique_ptr<Exchange> doomed(exchange);
            if (inbox->is_loop_thread()) return;
            inbox->post([doomed = std::move(doomed)] {});
          }};
}

Exchange::Exchange(std::shared_ptr<HttpConnection> connection, HttpRequest request)
    : connection_(std::move(connection)),
      inbox_(connection_->loop().inbox),
      loop_index_(connection_->loop().index),
      request_(std::move(request)) {}

Exchange::~Exchange() {
  const std::shared_ptr<HttpConnection> connection = std::move(connection_);
  if (connection && inbox_->is_loop_thread()) connection->exchange_dropped();
}

void Exchange::end(bool is_disconnect) noexcept {
  is_disconnected_ = is_disconnect;
  connection_.reset();
}

void Exchange::respond(HttpResponse response) {
  if (const auto connection = connection_) connection->respond(std::move(response));
}

void Exchange::start_stream(int status, HttpHeaders headers) {
  if (const auto connection = connection_) connection->start_stream(status, headers);
}

void Exchange::write(std::string chunk) {
  if (const auto connection = connection_) connection->write_chunk(std::move(chunk));
}

void Exchange::finish_stream() {
  if (const auto connection = connection_) connection->finish_stream();
}

void Exchange::abort() {
  if (const auto connection = connection_) connection->abort();
}

std::size_t Exchange::unsent_bytes() const noexcept {
  return connection_ ? connection_->unsent_bytes() : 0;
}

void Exchange::on_disconnect(std::move_only_function<void()> callback) {
  if (connection_) {
    connection_->set_on_disconnect(std::move(callback));
  } else if (is_disconnected_) {
    post(std::move(callback));
  }
}

void Exchange::set_probe(std::string_view chunk) {
  if (connection_) connection_->set_probe(chunk);
}

void Exchange::set_timer(Duration delay, std::move_only_function<void()> callback) {
  if (connection_) connection_->set_exchange_timer(delay, std::move(callback));
}

void Exchange::cancel_timer() {
  if (connection_) connection_->cancel_exchange_timer();
}

void Exchange::post(std::move_only_function<void()> task) {
  inbox_->post(std::move(task));
}

}  // namespace penstock::net
