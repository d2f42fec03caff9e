#include "net/http_client.h"

#include <algorithm>
#include <array>
#include <utility>

#include "net/http_text.h"
#include "net/response_parser.h"

namespace penstock::net {
namespace {

bool may_repeat(std::string_view method) noexcept {
  constexpr std::array kIdempotent = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};
  return std::ranges::find(kIdempotent, method) != kIdempotent.end();
}

std::string request_bytes(const HttpClientRequest& request, std::string_view host,
                          std::uint16_t port) {
  const bool is_ipv6 = host.find(':') != std::string_view::npos;
  std::string out = format("{} {} HTTP/1.1\r\nhost: {}{}{}:{}\r\n", request.method, request.target,
                           is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", port);
  for (const HttpHeader& header : request.headers) {
    out += format("{}: {}\r\n", header.name, header.value);
  }
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    out += format("content-length: {}\r\n", request.body.size());
  }
  out += "\r\n";
  out += request.body;
  return out;
}

}  // namespace

const std::string* HttpClientResponse::find_header(std::string_view name) const noexcept {
  return net::find_header(headers, name);
}

// One answer on its way in.
struct HttpClient::Receiver {
  const HeadCallback& on_head;
  const BodyCallback& on_body;
  const bool expect_body;
  const MonotonicTime deadline;

  HttpClientResponse response{};
  std::optional<ResponseParser> parser{};
  bool got_bytes = false;
  bool keep_alive = false;
  std::string unparsed{};

  void restart() {
    parser.emplace(expect_body, kMaxHeaderBytes);
    unparsed.clear();
  }

  [[nodiscard]] bool is_complete() const { return parser->state() == ParseState::kComplete; }

  Status take(std::string_view bytes) {
    got_bytes = true;
    unparsed.append(bytes);
    while (!is_complete() && !unparsed.empty()) {
      const bool was_in_headers = parser->state() == ParseState::kHeaders;
      const std::size_t num_taken = parser->feed(unparsed);
      unparsed.erase(0, num_taken);
      RETURN_IF_ERROR(after_parse(was_in_headers));
      if (num_taken == 0) break;
    }
    return {};
  }

  Status after_parse(bool was_in_headers) {
    if (parser->state() == ParseState::kRefused) {
      return make_error(ErrorCode::kInvalid, "{}", parser->refusal().message);
    }
    if (was_in_headers && parser->state() != ParseState::kHeaders) {
      if (parser->status() < 200) {  // 100 Continue: the answer proper follows
        const std::string rest = std::exchange(unparsed, {});
        restart();
        unparsed = rest;
        return {};
      }
      response.status = parser->status();
      response.headers = std::move(parser->headers());
      if (on_head) on_head(response);
    }
    return hand_out(parser->take_body());
  }

  Status hand_out(std::string_view piece) {
    if (piece.empty()) return {};
    if (on_body) {
      if (!on_body(piece)) return make_error(ErrorCode::kCancelled, "the caller ended the request");
      return {};
    }
    if (response.body.size() + piece.size() > kMaxBodyBytes) {
      return make_error(ErrorCode::kResourceExhausted, "the answer is larger than {} bytes",
                        kMaxBodyBytes);
    }
    response.body += piece;
    return {};
  }

  Status take_end() {
    if (!got_bytes) {
      return make_error(ErrorCode::kUnavailable, "the server closed the connection unanswered");
    }
    parser->feed_end();
    if (parser->state() == ParseState::kRefused) {
      return make_error(ErrorCode::kUnavailable, "the connection ended within the answer");
    }
    return hand_out(parser->take_body());
  }
};

HttpClient::HttpClient(std::string host, std::uint16_t port)
    : host_(std::move(host)), port_(port) {}

Result<HttpClientResponse> HttpClient::send(const HttpClientRequest& request, Duration timeout) {
  return send(request, timeout, nullptr, nullptr);
}

Result<HttpClientResponse> HttpClient::send(const HttpClientRequest& request, Duration timeout,
                                            const HeadCallback& on_head,
                                            const BodyCallback& on_body) {
  const std::string bytes = request_bytes(request, host_, port_);
  Receiver receiver{.on_head = on_head,
                    .on_body = on_body,
                    .expect_body = request.method != "HEAD",
                    .deadline = SystemClock().now() + timeout};
  const bool was_kept = stream_.has_value();
  Result<HttpClientResponse> answer = exchange(bytes, receiver);
  if (!answer && answer.error().code() == ErrorCode::kUnavailable && was_kept &&
      !receiver.got_bytes && may_repeat(request.method)) {
    answer = exchange(bytes, receiver);
  }
  return answer;
}

Result<HttpClientResponse> HttpClient::exchange(const std::string& bytes, Receiver& receiver) {
  if (!stream_) {
    ASSIGN_OR_RETURN(BlockingStream fresh,
                     BlockingStream::connect(host_, port_, receiver.deadline));
    stream_ = std::move(fresh);
  }
  receiver.restart();
  // A server that refuses early closes its side while we still write: its answer counts.
  const Status written = stream_->write_all(bytes, receiver.deadline);
  Status received = receive(receiver);
  if (!received || !written || !receiver.keep_alive) stream_.reset();
  if (!received) return std::unexpected(std::move(received).error());
  return std::move(receiver.response);
}

Status HttpClient::receive(Receiver& receiver) {
  std::array<char, 16UL << 10> buffer;
  while (!receiver.is_complete()) {
    ASSIGN_OR_RETURN(const std::size_t n, stream_->read_some(buffer, receiver.deadline));
    RETURN_IF_ERROR(n > 0 ? receiver.take({buffer.data(), n}) : receiver.take_end());
  }
  receiver.keep_alive = receiver.parser->keep_alive();
  return {};
}

}  // namespace penstock::net
