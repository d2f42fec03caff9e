// The receiving side of a connection: bytes to requests, limits and refusals.
#include <exception>
#include <utility>

#include "base/check.h"
#include "net/exchange.h"
#include "net/http_connection.h"

namespace penstock::net {
namespace {

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

void HttpConnection::wait_readable() {
  if (std::exchange(waits_readable_, true)) return;
  const auto self = shared_from_this();
  if (phase_ == Phase::kLingering) {
    stream_->wait_discardable([self] { self->on_readable(); });
  } else {
    stream_->wait_readable([self] { self->on_readable(); });
  }
}

void HttpConnection::shake_hands() {
  switch (stream_->shake_hands()) {
    case TlsSession::Handshake::kDone:
      enter(Phase::kIdle);
      deadline_->set(monotonic_now() + core_->options.idle_timeout);
      return wait_readable();
    case TlsSession::Handshake::kWantsRead:
      return wait_readable();
    case TlsSession::Handshake::kWantsWrite:
      return wait_writable();
    case TlsSession::Handshake::kFailed:
      return linger();  // the client may want to read what was wrong
  }
}

bool HttpConnection::is_receiving() const noexcept {
  return phase_ == Phase::kIdle || phase_ == Phase::kHeaders || phase_ == Phase::kBody;
}

void HttpConnection::on_readable() {
  waits_readable_ = false;
  if (phase_ == Phase::kHandshake) return shake_hands();
  if (phase_ == Phase::kLingering) return discard_input();
  if (phase_ == Phase::kAnswering) return on_input_while_answering();
  if (!is_receiving()) return;
  const std::span<char> scratch = loop_.scratch();
  const IoCount got = stream_->read(scratch);
  if (got.would_block()) return wait_readable();
  if (got.error != 0) return close(CloseHow::kOrderly);
  if (got.bytes == 0) return on_end_of_stream();
  take_input({scratch.data(), got.bytes});
}

void HttpConnection::on_end_of_stream() {
  // Half-closed by a client that still reads, perhaps: it learns what was missing.
  if (phase_ != Phase::kIdle) return refuse(400, "the connection ended within the request");
  close(CloseHow::kOrderly);
}

void HttpConnection::discard_input() {
  const IoCount got = stream_->discard(loop_.scratch());
  if (got.bytes > 0 || got.would_block()) return wait_readable();
  close(CloseHow::kOrderly);
}

// While an answer is due nothing is read, but the end of the stream is worth knowing.
void HttpConnection::on_input_while_answering() {
  const IoCount got = stream_->peek();
  if (got.would_block()) return wait_readable();
  if (got.error != 0) return close(CloseHow::kReset);
  if (got.bytes == 0) probe_peer();
}

// A half-closed client and one that has gone look the same until they are sent something: the
// second answers with a reset. Before the answer that something is an interim response, which every
// HTTP/1.1 client must pass over (RFC 9110 section 15.2) and HTTP/1.0 does not know.
void HttpConnection::probe_peer() {
  if (answer_ == Answer::kWaiting && !parser_.is_http_1_0()) {
    out_.append(kContinue);
    schedule_flush();
  } else if (answer_ == Answer::kStreaming && !probe_.empty()) {
    write_chunk(std::exchange(probe_, {}));
  }
}

void HttpConnection::take_input(std::string_view bytes) {
  if (input_.empty()) {
    input_ = parse_some(bytes);
  } else {
    input_.append(bytes);
    const std::size_t num_left = parse_some(input_).size();
    input_.erase(0, input_.size() - num_left);
  }
  if (is_receiving()) wait_readable();
}

std::string_view HttpConnection::parse_some(std::string_view bytes) {
  while (!bytes.empty() && is_receiving()) {
    if (phase_ == Phase::kIdle && !bytes.starts_with("\r\n") && bytes != "\r") begin_request();
    const std::size_t num_taken = parser_.feed(bytes);
    bytes.remove_prefix(num_taken);
    switch (parser_.state()) {
      case ParseState::kRefused:
        refuse(parser_.refusal().status, parser_.refusal().message);
        break;
      case ParseState::kHeaders:
        if (num_taken == 0) return bytes;
        break;
      case ParseState::kBody:
        if (!headers_checked_) {
          headers_received();
        } else if (hold_body() && num_taken == 0) {
          return bytes;
        }
        break;
      case ParseState::kComplete:
        if (!headers_checked_) headers_received();
        if (is_receiving() && hold_body()) dispatch();
        break;
    }
  }
  return bytes;
}

void HttpConnection::begin_request() {
  enter(Phase::kHeaders);
  const MonotonicTime now = monotonic_now();
  parser_.request().received_at = now;
  // One deadline from the first byte on: further bytes do not move it.
  deadline_->set(now + core_->options.header_timeout);
}

void HttpConnection::headers_received() {
  headers_checked_ = true;
  closes_after_answer_ = !parser_.keep_alive();
  const bool has_body = parser_.state() == ParseState::kBody;
  if (has_body) {
    enter(Phase::kBody);
    deadline_->set(monotonic_now() + core_->options.body_timeout);
  }
  if (const HttpHeaderCheck& check = core_->options.check_headers) {
    if (std::optional<HttpResponse> refusal = check(parser_.request())) {
      // The body is not worth reading to keep the connection.
      if (has_body) refusal->close = true;
      begin_answer();
      return respond(std::move(*refusal));
    }
  }
  if (!has_body) return;
  // Only a look: bytes that are announced and do not come are nobody's loss.
  if (!core_->body_budget->has_room_for(parser_.announced_body_bytes())) {
    return refuse_for_lack_of_memory();
  }
  if (parser_.expects_continue()) {
    out_.append(kContinue);
    schedule_flush();
  }
}

// Net invariant 9. False once the request has been refused.
bool HttpConnection::hold_body() {
  HttpRequest& request = parser_.request();
  if (request.body.empty()) return true;
  if (request.body_lease.num_bytes() == 0) {
    request.body_lease = ByteBudget::Lease(core_->body_budget);
  }
  if (request.body_lease.grow_to(request.body.size())) return true;
  refuse_for_lack_of_memory();
  return false;
}

void HttpConnection::begin_answer() {
  enter(Phase::kAnswering);
  answer_ = Answer::kWaiting;
  if (waits_writable_) {
    deadline_->set(monotonic_now() + core_->options.write_timeout);
  } else {
    deadline_->clear();
  }
}

void HttpConnection::refuse(int status, std::string_view message) {
  begin_answer();
  // What has come of the request is of no use any more.
  parser_.request() = {};
  HttpResponse response = core_->error_response(status, message);
  response.close = true;
  respond(std::move(response));
}

void HttpConnection::refuse_for_lack_of_memory() {
  refuse(kOverloadStatus,
         format("request bodies fill the {} bytes that this server has for them; try again later, "
                "or with a smaller body",
                core_->options.max_buffered_body_bytes));
}

void HttpConnection::dispatch() {
  begin_answer();
  if (core_->is_closed) return close(CloseHow::kReset);
  std::shared_ptr<Exchange> exchange =
      Exchange::create(shared_from_this(), std::move(parser_.request()));
  exchange_ = exchange.get();
  try {
    core_->handler(std::move(exchange));
  } catch (const std::exception& e) {
    BUG("net invariant 3: the handler threw: {}", e.what());
  }
  if (phase_ == Phase::kAnswering && answer_ != Answer::kComplete) wait_readable();
}

}  // namespace penstock::net
