// One connection: receives requests, hands them to the handler one at a time, sends the answers.
//
// A state machine (`Phase`) on one loop; under TLS it begins with the handshake. Bytes are read
// only while a request is being received, so a pipelining client is held back by TCP, not by our
// memory. Answers are queued and leave at the end of the turn.
//
// Threading: the loop's thread only. Ownership: the server's per-loop set, and callbacks that wait
// on the socket, share it; an exchange shares it until it is over.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ledger.h"
#include "net/http_core.h"
#include "net/http_server.h"
#include "net/http_text.h"
#include "net/out_queue.h"
#include "net/request_parser.h"
#include "net/socket.h"
#include "net/stream.h"

namespace penstock::net {

class Exchange;

class HttpConnection final : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(std::shared_ptr<HttpCore> core, IoPool::Loop& loop, int fd, std::string peer);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  void start();
  // The server goes: close when nothing is in flight, or now.
  void close_when_done();
  void close_now();

  [[nodiscard]] IoPool::Loop& loop() noexcept { return loop_; }

  // The exchange's side (net/exchange.cc); called for the current exchange only.
  void respond(HttpResponse response);
  void start_stream(int status, const HttpHeaders& headers);
  void write_chunk(std::string chunk);
  void finish_stream();
  void abort();
  [[nodiscard]] std::size_t unsent_bytes() const noexcept { return out_.size(); }
  void set_on_disconnect(LoopTask callback) { on_disconnect_ = std::move(callback); }
  void set_probe(std::string_view chunk) { probe_ = chunk; }
  void set_exchange_timer(Duration delay, LoopTask callback);
  void cancel_exchange_timer();
  // The last holder has dropped it.
  void exchange_dropped();

 private:
  enum class Phase : unsigned char {
    kHandshake,
    kIdle,
    kHeaders,
    kBody,
    kAnswering,
    kLingering,
    kClosed
  };
  // How far the answer is, within kAnswering.
  enum class Answer : unsigned char { kWaiting, kStreaming, kComplete };
  enum class CloseHow : unsigned char { kOrderly, kReset };

  void enter(Phase next);

  // Receiving (http_receive.cc).
  void shake_hands();
  [[nodiscard]] bool is_receiving() const noexcept;
  void wait_readable();
  void on_readable();
  void on_end_of_stream();
  void take_input(std::string_view bytes);
  // Returns the bytes that are left when receiving pauses.
  [[nodiscard]] std::string_view parse_some(std::string_view bytes);
  void begin_request();
  void headers_received();
  [[nodiscard]] bool hold_body();
  void begin_answer();
  void dispatch();
  void refuse(int status, std::string_view message);
  void refuse_for_lack_of_memory();
  void discard_input();
  void on_input_while_answering();
  void probe_peer();

  // Sending.
  void schedule_flush();
  void flush();
  void wait_writable();
  void on_writable();
  void complete_answer();
  void answer_sent();
  void next_request();
  void linger();
  void shut_down_sending();

  // Ending.
  void on_deadline();
  void on_broken();
  void end_exchange(bool is_disconnect);
  void close(CloseHow how);

  template <void (HttpConnection::*kMember)()>
  [[nodiscard]] LoopTask callback();

  const std::shared_ptr<HttpCore> core_;  // shared with the server and the other connections
  IoPool::Loop& loop_;
  const std::string peer_;
  Ledger::Entry connection_entry_;
  Ledger::Entry stream_entry_;

  Phase phase_;
  Answer answer_ = Answer::kWaiting;
  BodyFraming framing_ = BodyFraming::kLength;  // of the answer being streamed
  bool closes_after_answer_ = false;
  bool is_draining_ = false;
  bool flush_scheduled_ = false;
  bool waits_readable_ = false;
  bool waits_writable_ = false;
  bool has_shut_down_ = false;  // said that nothing more will be sent

  RequestParser parser_;
  bool headers_checked_ = false;
  std::string input_;  // read and not yet parsed
  OutQueue out_;
  Exchange* exchange_ = nullptr;  // the current one; it tells us before it goes
  LoopTask on_disconnect_;
  LoopTask on_exchange_timer_;
  std::string probe_;  // of the current exchange's stream

  // Gone once closed, so that the connection may be destroyed on any thread.
  std::optional<Stream> stream_;
  std::optional<Timer> deadline_;
  std::optional<Timer> exchange_timer_;
};

}  // namespace penstock::net
