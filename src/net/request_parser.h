// HTTP/1.x requests out of bytes that arrive in any pieces.
//
// Boost.Beast's grammar, with stricter rules where leniency lets two servers disagree about where a
// request ends (RFC 9112 sections 2.2, 5.2, 6.1, 11.2): no folded lines, no bare CR or LF, no NUL,
// one content-length, never together with transfer-encoding, no coding but `chunked`, exactly one
// host in HTTP/1.1.
//
// Threading: one owner. No clocks, no sockets: the connection owns time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "net/http_server.h"

namespace penstock::net {

// Why a message was refused, and what the peer is told.
struct HttpRefusal {
  int status = 400;
  std::string message;
};

enum class ParseState : unsigned char { kHeaders, kBody, kComplete, kRefused };

class RequestParser final {
 public:
  struct Limits {
    std::size_t header_bytes = 64UL << 10;
    std::size_t body_bytes = 64UL << 20;
  };

  explicit RequestParser(Limits limits);
  ~RequestParser();
  RequestParser(RequestParser&&) noexcept;
  RequestParser& operator=(RequestParser&&) = delete;

  // Takes bytes from the front of `bytes` and returns how many; the rest is presented again, with
  // more behind it. Returns after the headers (to let the caller look at them), when more is
  // needed, and at the end of the message: what follows belongs to the next one.
  [[nodiscard]] std::size_t feed(std::string_view bytes);

  [[nodiscard]] ParseState state() const noexcept;
  // From the end of the headers on; the body grows until kComplete.
  [[nodiscard]] HttpRequest& request() noexcept;
  [[nodiscard]] const HttpRefusal& refusal() const noexcept;
  // As far as the request line was understood.
  [[nodiscard]] bool is_head_request() const noexcept;
  // From the end of the headers on.
  [[nodiscard]] bool is_http_1_0() const noexcept;
  [[nodiscard]] bool keep_alive() const noexcept;
  [[nodiscard]] bool expects_continue() const noexcept;
  // What the headers say about the body's size: 0 where they do not.
  [[nodiscard]] std::uint64_t announced_body_bytes() const noexcept;

  // Ready for the next message of the connection.
  void reset();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::net
