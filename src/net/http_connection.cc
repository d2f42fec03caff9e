// The life of a connection and its sending side; receiving is in http_receive.cc.
#include "net/http_connection.h"

#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "net/exchange.h"

namespace penstock::net {
namespace {

// One turn sends at most this to one connection, so that a fast reader does not starve the others.
constexpr std::size_t kMaxFlushBytes = 1UL << 20;
constexpr std::size_t kMaxPieces = 64;

}  // namespace

HttpConnection::HttpConnection(std::shared_ptr<HttpCore> core, IoPool::Loop& loop, int fd,
                               std::string peer)
    : core_(std::move(core)),
      loop_(loop),
      peer_(std::move(peer)),
      phase_(core_->tls ? Phase::kHandshake : Phase::kIdle),
      parser_({.header_bytes = core_->options.header_limit_bytes,
               .body_bytes = core_->options.body_limit_bytes}),
      stream_(std::in_place, loop, fd, core_->tls ? core_->tls->new_session() : nullptr) {
  core_->num_connections.fetch_add(1);
  core_->options.connections.add();
}

HttpConnection::~HttpConnection() {
  if (phase_ != Phase::kClosed) core_->connection_closed();
}

template <void (HttpConnection::*kMember)()>
LoopTask HttpConnection::callback() {
  return [self = shared_from_this()] { (self.get()->*kMember)(); };
}

// Net invariant 1: one request at a time, and nothing after kClosed.
void HttpConnection::enter(Phase next) {
  const auto is_legal = [this, next] {
    switch (next) {
      case Phase::kHandshake:
        return false;
      case Phase::kIdle:
        return phase_ == Phase::kAnswering || phase_ == Phase::kHandshake;
      case Phase::kHeaders:
        return phase_ == Phase::kIdle;
      case Phase::kBody:
        return phase_ == Phase::kHeaders;
      case Phase::kAnswering:
        return phase_ == Phase::kHeaders || phase_ == Phase::kBody;
      case Phase::kLingering:
        return phase_ == Phase::kAnswering || phase_ == Phase::kHandshake;
      case Phase::kClosed:
        return phase_ != Phase::kClosed;
    }
    return false;
  };
  CHECK(is_legal(), "net invariant 1: phase {} to {}", static_cast<int>(phase_),
        static_cast<int>(next));
  phase_ = next;
}

void HttpConnection::start() {
  connection_entry_ = core_->ledger.hold(LedgerKind::kConnection, "http " + peer_);
  deadline_.emplace(loop_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->on_deadline();
  });
  core_->by_loop[loop_.index].insert(shared_from_this());
  if (core_->is_draining) return close_when_done();
  const HttpServerOptions& options = core_->options;
  deadline_->set(monotonic_now() +
                 (phase_ == Phase::kHandshake ? options.header_timeout : options.idle_timeout));
  stream_->wait_broken(callback<&HttpConnection::on_broken>());
  wait_readable();
}

void HttpConnection::close_when_done() {
  is_draining_ = true;
  if (phase_ == Phase::kIdle || phase_ == Phase::kHandshake) close(CloseHow::kOrderly);
}

void HttpConnection::close_now() {
  close(phase_ == Phase::kAnswering ? CloseHow::kReset : CloseHow::kOrderly);
}

void HttpConnection::respond(HttpResponse response) {
  if (answer_ != Answer::kWaiting) {
    BUG("net invariant 2: a request to {} is answered twice", peer_);
    return;
  }
  closes_after_answer_ = closes_after_answer_ || response.close || is_draining_;
  const bool has_no_body = status_has_no_body(response.status);
  std::string head;
  head.reserve(256);
  append_response_head(head,
                       {.status = response.status,
                        .framing = has_no_body ? BodyFraming::kNone : BodyFraming::kLength,
                        .content_length = response.body.size(),
                        .close = closes_after_answer_},
                       response.headers);
  out_.append_owned(std::move(head));
  if (!has_no_body && !parser_.is_head_request()) out_.append_owned(std::move(response.body));
  complete_answer();
}

void HttpConnection::start_stream(int status, const HttpHeaders& headers) {
  if (answer_ != Answer::kWaiting) {
    BUG("net invariant 2: a request to {} is answered twice", peer_);
    return;
  }
  answer_ = Answer::kStreaming;
  stream_entry_ = core_->ledger.hold(LedgerKind::kStream, "http " + peer_);
  framing_ = status_has_no_body(status) ? BodyFraming::kNone
             : parser_.is_http_1_0()    ? BodyFraming::kUntilClose
                                        : BodyFraming::kChunked;
  closes_after_answer_ =
      closes_after_answer_ || is_draining_ || framing_ == BodyFraming::kUntilClose;
  std::string head;
  append_response_head(head, {.status = status, .framing = framing_, .close = closes_after_answer_},
                       headers);
  out_.append_owned(std::move(head));
  if (parser_.is_head_request()) framing_ = BodyFraming::kNone;
  schedule_flush();
}

void HttpConnection::write_chunk(std::string chunk) {
  if (answer_ != Answer::kStreaming) {
    BUG("net invariant 2: a chunk outside of a stream to {}", peer_);
    return;
  }
  // An empty chunk would read as the end of the body.
  if (chunk.empty() || framing_ == BodyFraming::kNone) return;
  if (framing_ == BodyFraming::kChunked) {
    std::string size_line;
    append_chunk_size(size_line, chunk.size());
    out_.append(size_line);
    out_.append_owned(std::move(chunk));
    out_.append("\r\n");
  } else {
    out_.append_owned(std::move(chunk));
  }
  schedule_flush();
}

void HttpConnection::finish_stream() {
  if (answer_ != Answer::kStreaming) {
    BUG("net invariant 2: a stream to {} is finished that was not started", peer_);
    return;
  }
  if (framing_ == BodyFraming::kChunked) out_.append("0\r\n\r\n");
  complete_answer();
}

void HttpConnection::abort() {
  if (phase_ == Phase::kClosed) return;
  const auto self = shared_from_this();
  end_exchange(false);
  close(CloseHow::kReset);
}

void HttpConnection::set_exchange_timer(Duration delay, LoopTask task) {
  on_exchange_timer_ = std::move(task);
  if (!exchange_timer_) {
    exchange_timer_.emplace(loop_, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self) return;
      if (LoopTask due = std::exchange(self->on_exchange_timer_, {})) due();
    });
  }
  exchange_timer_->set(monotonic_now() + delay);
}

void HttpConnection::cancel_exchange_timer() {
  if (exchange_timer_) exchange_timer_->clear();
  on_exchange_timer_ = nullptr;
}

void HttpConnection::exchange_dropped() {
  exchange_ = nullptr;
  if (answer_ == Answer::kComplete) return;
  BUG("net invariant 2: an exchange with {} was dropped {}", peer_,
      answer_ == Answer::kWaiting ? "unanswered" : "with its stream unfinished");
  if (answer_ == Answer::kStreaming) return abort();
  respond(core_->error_response(500, "the request was lost inside the server"));
}

void HttpConnection::complete_answer() {
  answer_ = Answer::kComplete;
  schedule_flush();
}

void HttpConnection::schedule_flush() {
  if (flush_scheduled_) return;
  flush_scheduled_ = true;
  loop_.at_turn_end(callback<&HttpConnection::flush>());
}

void HttpConnection::flush() {
  flush_scheduled_ = false;
  if (phase_ == Phase::kClosed || waits_writable_) return;
  std::size_t num_sent = 0;
  while (!out_.is_empty()) {
    std::array<iovec, kMaxPieces> pieces;
    const IoCount sent =
        num_sent < kMaxFlushBytes ? stream_->write(out_.gather(pieces)) : IoCount{0, EAGAIN};
    if (sent.would_block()) return wait_writable();
    if (sent.error != 0) return close(CloseHow::kReset);
    out_.consume(sent.bytes);
    num_sent += sent.bytes;
  }
  if (phase_ == Phase::kLingering) return shut_down_sending();
  if (phase_ != Phase::kAnswering) return;
  deadline_->clear();
  if (answer_ == Answer::kComplete) answer_sent();
}

void HttpConnection::wait_writable() {
  waits_writable_ = true;
  // Set anew only here, after what was sent in between: the timeout is one without progress.
  if (phase_ == Phase::kAnswering) {
    deadline_->set(monotonic_now() + core_->options.write_timeout);
  }
  stream_->wait_writable(callback<&HttpConnection::on_writable>());
}

void HttpConnection::on_writable() {
  waits_writable_ = false;
  if (phase_ == Phase::kHandshake) return shake_hands();
  flush();
}

void HttpConnection::answer_sent() {
  end_exchange(false);
  if (closes_after_answer_ || is_draining_) return linger();
  next_request();
}

void HttpConnection::next_request() {
  enter(Phase::kIdle);
  parser_.reset();
  headers_checked_ = false;
  closes_after_answer_ = false;
  out_.release();
  deadline_->set(monotonic_now() + core_->options.idle_timeout);
  const std::string pipelined = std::exchange(input_, {});
  take_input(pipelined);
}

// Closing with unread bytes would make the kernel send a reset, which can destroy the answer before
// the client has read it: so say that we are done, and read on for a moment.
void HttpConnection::linger() {
  enter(Phase::kLingering);
  deadline_->set(monotonic_now() + core_->options.linger_timeout);
  shut_down_sending();
  wait_readable();
}

void HttpConnection::shut_down_sending() {
  if (has_shut_down_) return;
  has_shut_down_ = stream_->shutdown_write();
  if (!has_shut_down_) wait_writable();
}

void HttpConnection::on_deadline() {
  switch (phase_) {
    case Phase::kHandshake:
    case Phase::kIdle:
    case Phase::kLingering:
      return close(CloseHow::kOrderly);
    case Phase::kHeaders:
      return refuse(408, "the headers did not arrive in time");
    case Phase::kBody:
      return refuse(408, "the body did not arrive in time");
    case Phase::kAnswering:
      log_debug("http {}: {} bytes unread for too long, connection reset", peer_, out_.size());
      return close(CloseHow::kReset);
    case Phase::kClosed:
      return;
  }
}

void HttpConnection::on_broken() {
  if (phase_ != Phase::kClosed) close(CloseHow::kOrderly);
}

void HttpConnection::end_exchange(bool is_disconnect) {
  stream_entry_.release();
  probe_.clear();
  if (exchange_timer_) exchange_timer_->clear();
  // Destroyed when we return: that may drop the exchange itself.
  const LoopTask unused_timer = std::exchange(on_exchange_timer_, {});
  LoopTask on_disconnect = std::exchange(on_disconnect_, {});
  if (Exchange* const exchange = std::exchange(exchange_, nullptr)) exchange->end(is_disconnect);
  if (is_disconnect && on_disconnect) on_disconnect();
}

void HttpConnection::close(CloseHow how) {
  const auto self = shared_from_this();
  enter(Phase::kClosed);
  if (how == CloseHow::kReset) stream_->reset_on_close();
  stream_->close();
  stream_.reset();
  deadline_.reset();
  end_exchange(true);
  exchange_timer_.reset();
  out_.release();
  connection_entry_.release();
  core_->by_loop[loop_.index].erase(self);
  // Last: whoever waits for it may take pool and ledger away.
  core_->connection_closed();
}

}  // namespace penstock::net
