#include "net/response_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <utility>

namespace penstock::net {
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace {

using ErrorCodeB = beast::error_code;

}  // namespace

struct ResponseParser::Impl final {
  struct Grammar final : http::basic_parser<false> {
    explicit Grammar(Impl& owner) : impl(owner) {}

    void on_request_impl(http::verb, beast::string_view, beast::string_view, int,
                         ErrorCodeB&) override {}
    void on_response_impl(int code, beast::string_view, int, ErrorCodeB&) override {
      impl.status = code;
    }
    void on_field_impl(http::field, beast::string_view name, beast::string_view value,
                       ErrorCodeB&) override {
      if (impl.in_trailers) return;
      impl.headers.push_back(
          {std::string(name.data(), name.size()), std::string(value.data(), value.size())});
    }
    void on_header_impl(ErrorCodeB&) override { impl.in_trailers = true; }
    void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCodeB&) override {}
    std::size_t on_body_impl(beast::string_view bytes, ErrorCodeB&) override {
      impl.body.append(bytes.data(), bytes.size());
      return bytes.size();
    }
    void on_chunk_header_impl(std::uint64_t, beast::string_view, ErrorCodeB&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view bytes, ErrorCodeB&) override {
      impl.body.append(bytes.data(), bytes.size());
      return bytes.size();
    }
    void on_finish_impl(ErrorCodeB&) override {}

    Impl& impl;
  };

  Impl(bool expect_body, std::size_t header_limit_bytes) : grammar(*this) {
    grammar.header_limit(
        static_cast<std::uint32_t>(std::min<std::size_t>(header_limit_bytes, UINT32_MAX)));
    grammar.body_limit(boost::none);
    if (!expect_body) grammar.skip(true);
  }

  void refuse(const ErrorCodeB& ec) {
    state = ParseState::kRefused;
    refusal = {0, format("the answer is not valid HTTP/1.1: {}", ec.message())};
  }

  std::size_t feed(std::string_view bytes) {
    std::size_t taken = 0;
    while (taken < bytes.size() && !grammar.is_done()) {
      const bool was_in_headers = !grammar.is_header_done();
      ErrorCodeB ec;
      taken += grammar.put({bytes.data() + taken, bytes.size() - taken}, ec);
      if (ec == http::error::need_more) break;
      if (ec) {
        refuse(ec);
        return taken;
      }
      if (was_in_headers && grammar.is_header_done()) break;
    }
    if (grammar.is_header_done()) {
      state = grammar.is_done() ? ParseState::kComplete : ParseState::kBody;
    }
    return taken;
  }

  Grammar grammar;
  ParseState state = ParseState::kHeaders;
  int status = 0;
  bool in_trailers = false;
  HttpHeaders headers;
  std::string body;
  HttpRefusal refusal;
};

ResponseParser::ResponseParser(bool expect_body, std::size_t header_limit_bytes)
    : impl_(std::make_unique<Impl>(expect_body, header_limit_bytes)) {}
ResponseParser::~ResponseParser() = default;
ResponseParser::ResponseParser(ResponseParser&&) noexcept = default;

std::size_t ResponseParser::feed(std::string_view bytes) {
  return impl_->feed(bytes);
}

void ResponseParser::feed_end() {
  ErrorCodeB ec = http::error::end_of_stream;
  if (impl_->grammar.got_some()) impl_->grammar.put_eof(ec);
  if (ec) {
    impl_->refuse(ec);
  } else {
    impl_->state = ParseState::kComplete;
  }
}

ParseState ResponseParser::state() const noexcept {
  return impl_->state;
}

int ResponseParser::status() const noexcept {
  return impl_->status;
}

HttpHeaders& ResponseParser::headers() noexcept {
  return impl_->headers;
}

std::string ResponseParser::take_body() noexcept {
  return std::exchange(impl_->body, {});
}

bool ResponseParser::keep_alive() const noexcept {
  return impl_->grammar.is_header_done() && impl_->grammar.keep_alive();
}

const HttpRefusal& ResponseParser::refusal() const noexcept {
  return impl_->refusal;
}

}  // namespace penstock::net
