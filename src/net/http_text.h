// The text of HTTP/1.1 messages: names, percent encoding, response heads.
//
// Threading: free functions on values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http_server.h"

namespace penstock::net {

[[nodiscard]] bool equals_ignore_case(std::string_view a, std::string_view b) noexcept;
[[nodiscard]] const std::string* find_header(const HttpHeaders& headers,
                                             std::string_view name) noexcept;
// Whether a comma-separated list holds `token`: "close" in "TE, Close".
[[nodiscard]] bool list_has_token(std::string_view list, std::string_view token) noexcept;

[[nodiscard]] std::string_view reason_phrase(int status) noexcept;
// Answers with these never have a body (RFC 9110 section 6.4.1).
[[nodiscard]] bool status_has_no_body(int status) noexcept;

struct RequestTarget {
  std::string path;   // decoded
  std::string query;  // raw
};
// Takes origin form ("/a?b"), absolute form ("http://host/a?b") and "*". Refuses bad percent
// encoding and control bytes in the decoded path.
[[nodiscard]] Result<RequestTarget> parse_target(std::string_view target);

// What bounds the body of a response.
enum class BodyFraming : unsigned char { kLength, kChunked, kUntilClose, kNone };

struct ResponseHead {
  int status = 200;
  BodyFraming framing = BodyFraming::kLength;
  std::size_t content_length = 0;  // for kLength
  bool close = false;
};
// Status line to the empty line. Of `headers`, those the server owns (content-length,
// transfer-encoding, connection, date) are left out, and control bytes become spaces: a value that
// repeats the request's bytes cannot start a header of its own.
void append_response_head(std::string& out, const ResponseHead& head, const HttpHeaders& headers);

// The size line before a chunk of `size` bytes.
void append_chunk_size(std::string& out, std::size_t size);

}  // namespace penstock::net
