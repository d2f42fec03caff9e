// An HTTP/1.1 client that waits: for `penstock ctl`, tools and tests.
//
//   HttpClient client("127.0.0.1", 8000);
//   auto answer = client.send({.method = "GET", .target = "/health"}, std::chrono::seconds(5));
//   if (answer && answer->status == 200) ...
//
// The connection is kept between requests and made anew when the server has closed it. A request is
// repeated on a new connection only when the kept one ended before any byte of an answer, and only
// if its method may be repeated (GET, HEAD, OPTIONS, PUT, DELETE).
// Threading: one thread at a time. Errors: those of BlockingStream; kInvalid for an answer that is
// not HTTP; kResourceExhausted for a body over the limit; kCancelled when the callback says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "net/blocking_stream.h"
#include "net/http_server.h"

namespace penstock::net {

struct HttpClientRequest {
  std::string method = "GET";
  std::string target = "/";  // sent as it is: percent-encoded by the caller
  HttpHeaders headers{};     // host, content-length and connection are added
  std::string body{};
};

struct HttpClientResponse {
  int status = 0;
  HttpHeaders headers{};
  std::string body{};  // empty when a callback took it

  [[nodiscard]] const std::string* find_header(std::string_view name) const noexcept;
};

class HttpClient final {
 public:
  static constexpr std::size_t kMaxHeaderBytes = 64UL << 10;
  static constexpr std::size_t kMaxBodyBytes = 256UL << 20;  // of a body that is collected

  // Gets the body's pieces as they come; false ends the request and the connection.
  using BodyCallback = std::function<bool(std::string_view piece)>;
  // Once, before the first piece of the body.
  using HeadCallback = std::function<void(const HttpClientResponse& head)>;

  HttpClient(std::string host, std::uint16_t port);

  // `timeout` bounds the whole exchange, connecting included.
  [[nodiscard]] Result<HttpClientResponse> send(const HttpClientRequest& request, Duration timeout);
  [[nodiscard]] Result<HttpClientResponse> send(const HttpClientRequest& request, Duration timeout,
                                                const HeadCallback& on_head,
                                                const BodyCallback& on_body);

 private:
  struct Receiver;

  [[nodiscard]] Result<HttpClientResponse> exchange(const std::string& bytes, Receiver& receiver);
  [[nodiscard]] Status receive(Receiver& receiver);

  const std::string host_;
  const std::uint16_t port_;
  std::optional<BlockingStream> stream_;  // the kept connection
};

}  // namespace penstock::net
