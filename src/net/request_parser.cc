#include "net/request_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <optional>

#include "base/check.h"
#include "net/http_text.h"

namespace penstock::net {
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace {

using ErrorCodeB = beast::error_code;

// Longest piece of chunk framing (size line with extensions, trailers) that is waited for.
constexpr std::size_t kMaxFramingBytes = 16UL << 10;

// A header costs at least 64 bytes of ours and may cost the peer four.
constexpr std::size_t kMaxHeaders = 256;

// Memory taken on the word of a content-length; beyond it the body pays as it comes.
constexpr std::uint64_t kMaxReserveBytes = 1UL << 20;

// Where the header block ends, looking only at bytes not seen before; 0 = not yet.
class HeaderEndFinder {
 public:
  [[nodiscard]] std::size_t find(std::string_view bytes) noexcept {
    const std::size_t from = scanned_ > 3 ? scanned_ - 3 : 0;
    const std::size_t at = bytes.find("\r\n\r\n", from);
    scanned_ = bytes.size();
    return at == std::string_view::npos ? 0 : at + 4;
  }

 private:
  std::size_t scanned_ = 0;
};

// The rules Beast does not have. Empty = fine.
std::string_view find_header_fault(std::string_view block) noexcept {
  for (std::size_t i = block.find_first_of(std::string_view("\0\r\n", 3));
       i != std::string_view::npos; i = block.find_first_of(std::string_view("\0\r\n", 3), i)) {
    if (block[i] == '\0') return "the headers hold a NUL byte";
    if (block[i] == '\n') return "a header line ends with LF alone; lines end with CR LF";
    if (i + 1 >= block.size() || block[i + 1] != '\n') return "the headers hold a bare CR";
    i += 2;
    if (i < block.size() && (block[i] == ' ' || block[i] == '\t')) {
      return "a header line is folded; each header takes one line";
    }
  }
  return {};
}

bool is_decimal(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

HttpRefusal explain(const ErrorCodeB& ec, const RequestParser::Limits& limits) {
  if (ec == http::error::body_limit) {
    return {413, format("the body is larger than the limit of {} bytes", limits.body_bytes)};
  }
  if (ec == http::error::header_limit) {
    return {431, format("request line and headers are larger than the limit of {} bytes",
                        limits.header_bytes)};
  }
  if (ec == http::error::bad_version) {
    return {505, "the request line must end with HTTP/1.1 or HTTP/1.0"};
  }
  return {400, format("the request is not valid HTTP/1.1: {}", ec.message())};
}

// What of a header list decides where the body ends.
struct Framing {
  std::size_t num_content_length = 0;
  std::size_t num_transfer_encoding = 0;
  std::size_t num_host = 0;
};

}  // namespace

struct RequestParser::Impl final {
  // Beast's parser calls back into the request being built.
  struct Grammar final : http::basic_parser<true> {
    explicit Grammar(Impl& owner) : impl(owner) {
      header_limit(
          static_cast<std::uint32_t>(std::min<std::size_t>(owner.limits.header_bytes, UINT32_MAX)));
      body_limit(owner.limits.body_bytes);
    }

    void on_request_impl(http::verb, beast::string_view method, beast::string_view target, int ver,
                         ErrorCodeB&) override {
      impl.request.method.assign(method.data(), method.size());
      impl.is_head = impl.request.method == "HEAD";
      impl.is_http_1_0 = ver == 10;
      impl.take_target({target.data(), target.size()});
    }
    void on_response_impl(int, beast::string_view, int, ErrorCodeB&) override {}
    void on_field_impl(http::field field, beast::string_view name, beast::string_view value,
                       ErrorCodeB&) override {
      if (impl.in_trailers) return;  // they cannot change what was already checked
      if (impl.request.headers.size() == kMaxHeaders) {
        return impl.refuse(431, format("a request has at most {} headers", kMaxHeaders));
      }
      impl.count_framing(field, {value.data(), value.size()});
      impl.request.headers.push_back(
          {std::string(name.data(), name.size()), std::string(value.data(), value.size())});
    }
    void on_header_impl(ErrorCodeB&) override { impl.in_trailers = true; }
    void on_body_init_impl(const boost::optional<std::uint64_t>& length, ErrorCodeB&) override {
      if (length) impl.request.body.reserve(std::min<std::uint64_t>(*length, kMaxReserveBytes));
    }
    std::size_t on_body_impl(beast::string_view body, ErrorCodeB&) override {
      impl.request.body.append(body.data(), body.size());
      return body.size();
    }
    void on_chunk_header_impl(std::uint64_t, beast::string_view, ErrorCodeB&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, ErrorCodeB&) override {
      impl.request.body.append(body.data(), body.size());
      return body.size();
    }
    void on_finish_impl(ErrorCodeB&) override {}

    Impl& impl;
  };

  explicit Impl(Limits l) : limits(l) { reset(); }

  void reset() {
    request = {};
    refusal = {};
    framing = {};
    header_end = {};
    state = ParseState::kHeaders;
    is_head = is_http_1_0 = in_trailers = expects_continue = false;
    grammar.emplace(*this);
  }

  void refuse(int status, std::string message) {
    if (state == ParseState::kRefused) return;
    state = ParseState::kRefused;
    refusal = {status, std::move(message)};
  }

  void take_target(std::string_view text) {
    Result<RequestTarget> target = parse_target(text);
    if (!target) return refuse(400, target.error().message());
    request.path = std::move(target->path);
    request.query = std::move(target->query);
  }

  void count_framing(http::field field, std::string_view value) {
    switch (field) {
      case http::field::host:
        ++framing.num_host;
        break;
      case http::field::content_length:
        ++framing.num_content_length;
        if (!is_decimal(value)) refuse(400, "content-length must be one decimal number");
        break;
      case http::field::transfer_encoding:
        ++framing.num_transfer_encoding;
        if (!equals_ignore_case(value, "chunked")) {
          refuse(501, "the only transfer-encoding understood is chunked");
        }
        break;
      case http::field::content_encoding:
        if (!value.empty() && !equals_ignore_case(value, "identity")) {
          refuse(415, "a compressed body is not supported; send it with content-encoding identity");
        }
        break;
      case http::field::expect:
        if (equals_ignore_case(value, "100-continue")) {
          expects_continue = true;
        } else {
          refuse(417, "the only expectation understood is 100-continue");
        }
        break;
      default:
        break;
    }
  }

  // Net invariant 5: where this request ends is beyond doubt.
  void check_framing() {
    if (framing.num_content_length > 1) refuse(400, "content-length is given more than once");
    if (framing.num_content_length > 0 && framing.num_transfer_encoding > 0) {
      refuse(400, "content-length and transfer-encoding exclude each other");
    }
    if (framing.num_transfer_encoding > 1) refuse(400, "transfer-encoding is given more than once");
    if (is_http_1_0 && framing.num_transfer_encoding > 0) {
      refuse(400, "HTTP/1.0 has no transfer-encoding");
    }
    if (framing.num_host > 1 || (framing.num_host == 0 && !is_http_1_0)) {
      refuse(400, "a request has exactly one host header");
    }
  }

  std::size_t feed_headers(std::string_view bytes) {
    // Empty lines before a request are noise of old clients (RFC 9112 section 2.2).
    if (const std::size_t blank = bytes.starts_with("\r\n") ? 2 : 0; blank > 0) {
      header_end = {};
      return blank;
    }
    const std::size_t end = header_end.find(bytes);
    if ((end == 0 ? bytes.size() : end) > limits.header_bytes) {
      refuse_headers_too_large();
      return 0;
    }
    if (end == 0) return 0;
    if (const std::string_view fault = find_header_fault(bytes.substr(0, end)); !fault.empty()) {
      refuse(400, std::string(fault));
      return 0;
    }
    ErrorCodeB ec;
    (void)grammar->put({bytes.data(), end}, ec);
    // A rule of ours that was broken first is what the peer hears of.
    if (ec == http::error::need_more) ec = http::error::partial_message;
    if (ec) refuse_as(ec);
    if (state != ParseState::kRefused) check_framing();
    if (state == ParseState::kRefused) return end;
    state = grammar->is_done() ? ParseState::kComplete : ParseState::kBody;
    return end;
  }

  void refuse_as(const ErrorCodeB& ec) {
    HttpRefusal why = explain(ec, limits);
    refuse(why.status, std::move(why.message));
  }
  void refuse_headers_too_large() { refuse_as(http::error::header_limit); }

  std::size_t feed_body(std::string_view bytes) {
    std::size_t taken = 0;
    while (taken < bytes.size() && !grammar->is_done()) {
      ErrorCodeB ec;
      taken += grammar->put({bytes.data() + taken, bytes.size() - taken}, ec);
      if (ec == http::error::need_more) {
        if (bytes.size() - taken > kMaxFramingBytes) {
          refuse(400, format("a chunk header or the trailers are larger than {} bytes",
                             kMaxFramingBytes));
        }
        return taken;
      }
      if (ec) {
        refuse_as(ec);
        return taken;
      }
    }
    if (grammar->is_done()) state = ParseState::kComplete;
    return taken;
  }

  const Limits limits;
  HttpRequest request;
  HttpRefusal refusal;
  Framing framing;
  HeaderEndFinder header_end;
  ParseState state = ParseState::kHeaders;
  bool is_head = false;
  bool is_http_1_0 = false;
  bool in_trailers = false;  // headers are over
  bool expects_continue = false;
  std::optional<Grammar> grammar;  // Beast's parser serves one message
};

RequestParser::RequestParser(Limits limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestParser::~RequestParser() = default;
RequestParser::RequestParser(RequestParser&&) noexcept = default;

std::size_t RequestParser::feed(std::string_view bytes) {
  if (impl_->state == ParseState::kHeaders) return impl_->feed_headers(bytes);
  if (impl_->state == ParseState::kBody) return impl_->feed_body(bytes);
  return 0;
}

ParseState RequestParser::state() const noexcept {
  return impl_->state;
}

HttpRequest& RequestParser::request() noexcept {
  return impl_->request;
}

const HttpRefusal& RequestParser::refusal() const noexcept {
  return impl_->refusal;
}

bool RequestParser::is_head_request() const noexcept {
  return impl_->is_head;
}

bool RequestParser::is_http_1_0() const noexcept {
  return impl_->is_http_1_0;
}

bool RequestParser::keep_alive() const noexcept {
  return !impl_->is_http_1_0 && impl_->grammar->is_header_done() && impl_->grammar->keep_alive();
}

bool RequestParser::expects_continue() const noexcept {
  return impl_->expects_continue && !impl_->is_http_1_0;
}

std::uint64_t RequestParser::announced_body_bytes() const noexcept {
  const auto length = impl_->grammar->content_length();
  return length ? *length : 0;
}

void RequestParser::reset() {
  impl_->reset();
}

}  // namespace penstock::net
