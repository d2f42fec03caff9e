// A client that sends exactly the bytes it is given: what a well-behaved one would never do.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "net/blocking_stream.h"
#include "net/response_parser.h"

namespace penstock::net {

// Far above anything that should happen; a test that reaches it has failed.
inline constexpr Duration kPatience = std::chrono::seconds(20);

// Polls `condition` until it holds or patience is at its end.
inline bool eventually(const std::function<bool()>& condition, Duration patience = kPatience) {
  const MonotonicTime deadline = SystemClock().now() + patience;
  while (!condition()) {
    if (SystemClock().now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

struct RawAnswer {
  int status = 0;  // 0 = the connection ended before an answer was complete
  HttpHeaders headers{};
  std::string body{};

  [[nodiscard]] std::string header(std::string_view name) const {
    for (const HttpHeader& h : headers) {
      if (h.name == name) return h.value;
    }
    return {};
  }
};

class RawClient {
 public:
  explicit RawClient(std::uint16_t port, Duration patience = kPatience)
      : patience_(patience),
        stream_(BlockingStream::connect("127.0.0.1", port, SystemClock().now() + kPatience)) {}
  virtual ~RawClient() = default;
  RawClient(RawClient&&) = default;
  RawClient& operator=(RawClient&&) = default;

  [[nodiscard]] bool is_connected() const { return stream_.has_value(); }
  [[nodiscard]] BlockingStream& stream() { return *stream_; }

  // False when the server no longer takes it.
  virtual bool send(std::string_view bytes) {
    return stream_->write_all(bytes, SystemClock().now() + patience_).has_value();
  }

  // The next answer in the stream; interim ones (1xx) count as answers.
  RawAnswer read_answer(bool to_head_request = false) {
    ResponseParser parser(!to_head_request, 64UL << 10);
    RawAnswer answer;
    for (;;) {
      while (!unread_.empty() && parser.state() != ParseState::kComplete) {
        const std::size_t n = parser.feed(unread_);
        unread_.erase(0, n);
        answer.body += parser.take_body();
        if (n == 0 || parser.state() == ParseState::kRefused) break;
      }
      if (parser.state() == ParseState::kRefused) return {};
      if (parser.state() == ParseState::kComplete) break;
      if (!read_more()) {
        parser.feed_end();
        if (parser.state() != ParseState::kComplete) return {};
      }
    }
    answer.status = parser.status();
    answer.headers = std::move(parser.headers());
    return answer;
  }

  RawAnswer ask(std::string_view bytes) {
    send(bytes);
    return read_answer();
  }

  // All that comes until the server ends the connection.
  std::string read_to_end() {
    while (read_more()) {
    }
    return std::exchange(unread_, {});
  }

  // Waits for the server to end the connection, orderly or not.
  bool is_closed_by_server() {
    while (read_more()) {
    }
    return ended_;
  }
  // How it ended: by a reset rather than an orderly end. After is_closed_by_server().
  [[nodiscard]] bool was_reset() const { return was_reset_; }

  // One read; false at the end of the stream or of patience.
  virtual bool read_more() {
    std::array<char, 16384> buffer;
    const std::size_t n = read_raw(buffer);
    unread_.append(buffer.data(), n);
    return n > 0;
  }
  [[nodiscard]] std::string& unread() { return unread_; }

 protected:
  // 0 at the end of the stream or of patience.
  std::size_t read_raw(std::span<char> into) {
    const auto n = stream_->read_some(into, SystemClock().now() + patience_);
    was_reset_ = !n && n.error().code() == ErrorCode::kUnavailable;
    ended_ = was_reset_ || (n && *n == 0);
    return n ? *n : 0;
  }
  [[nodiscard]] Duration patience() const { return patience_; }

 private:
  Duration patience_;
  Result<BlockingStream> stream_;
  std::string unread_;
  bool ended_ = false;
  bool was_reset_ = false;
};

}  // namespace penstock::net
