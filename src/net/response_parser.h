// HTTP/1.x responses out of bytes that arrive in any pieces: the client's side.
//
// Boost.Beast's grammar. The body is handed out in pieces, not collected.
// Threading: one owner. No clocks, no sockets.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "net/http_server.h"
#include "net/request_parser.h"

namespace penstock::net {

class ResponseParser final {
 public:
  // `expect_body` false for the answer to a HEAD.
  ResponseParser(bool expect_body, std::size_t header_limit_bytes);
  ~ResponseParser();
  ResponseParser(ResponseParser&&) noexcept;
  ResponseParser& operator=(ResponseParser&&) = delete;

  // As RequestParser::feed.
  [[nodiscard]] std::size_t feed(std::string_view bytes);
  // The stream has ended: completes a body that is bounded by that, else refuses.
  void feed_end();

  [[nodiscard]] ParseState state() const noexcept;
  [[nodiscard]] int status() const noexcept;
  [[nodiscard]] HttpHeaders& headers() noexcept;
  // Body bytes decoded since the last call.
  [[nodiscard]] std::string take_body() noexcept;
  [[nodiscard]] bool keep_alive() const noexcept;
  [[nodiscard]] const HttpRefusal& refusal() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::net
