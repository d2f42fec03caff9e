#include "tests/net/request_forge.h"

#include <algorithm>
#include <array>

#include "base/format.h"

namespace penstock::net {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kSmuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";

// Behind a body that a misled server takes for the whole message.
std::string framed_by_length(std::string_view body) {
  return std::string(body);
}

void remove_header(std::vector<std::string>& headers, std::string_view name) {
  std::erase_if(headers, [&](const std::string& line) {
    return line.size() > name.size() && line[name.size()] == ':' &&
           std::equal(name.begin(), name.end(), line.begin(),
                      [](char a, char b) { return (a | 0x20) == (b | 0x20); });
  });
}

}  // namespace

std::string RequestForge::token(std::size_t max_size) {
  static constexpr std::string_view kChars =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
  std::string made = "X-";
  for (std::size_t n = 1 + below(max_size); n > 0; --n) made += kChars[below(kChars.size())];
  return made;
}

void RequestForge::choose_target(Draft& draft, ForgedRequest& request) {
  request.path = format("/p{}", below(1'000'000));
  draft.target = request.path;
  if (one_in(8)) {
    draft.target = "/%70" + request.path.substr(2);  // 'p', encoded
  }
  if (one_in(4)) draft.target += "?q=%zz&" + token(20);  // a query is raw
  if (one_in(8)) draft.target = "http://h:80" + draft.target;
  if (one_in(30)) {
    draft.method = "OPTIONS";
    draft.target = request.path = "*";
  }
}

std::string RequestForge::in_chunks(std::string_view body) {
  std::string made;
  while (!body.empty()) {
    const std::size_t n = 1 + below(body.size());
    std::string size = one_in(2) ? format("{:x}", n) : format("{:X}", n);
    if (one_in(8)) size.insert(0, below(4), '0');
    if (one_in(4)) size += ";" + token(10);
    if (one_in(8)) size += ";e=\"quoted\"";
    made += format("{}\r\n{}\r\n", size, body.substr(0, n));
    body.remove_prefix(n);
  }
  made += "0\r\n";
  if (one_in(4)) made += format("{}: trailer\r\n", token(10));
  return made + "\r\n";
}

void RequestForge::choose_body(Draft& draft, ForgedRequest& request) {
  if (one_in(3)) return;  // none
  draft.method = one_in(2) ? "POST" : "PUT";
  for (std::size_t n = below(4); n > 0; --n) {
    request.body += one_in(2) ? std::string(kSmuggled) : token(200);
  }
  draft.is_chunked = one_in(2);
  draft.body = request.body;
  draft.framed_body = draft.is_chunked ? in_chunks(request.body) : framed_by_length(request.body);
  if (draft.is_chunked) {
    draft.headers.emplace_back(one_in(4) ? "Transfer-Encoding:\tCHUNKED "
                                         : "transfer-encoding: chunked");
  } else {
    draft.headers.push_back(format("Content-Length: {}", request.body.size()));
  }
  if (one_in(8)) draft.headers.emplace_back("Expect: 100-continue");
  if (one_in(8)) draft.headers.emplace_back("Content-Encoding: identity");
}

void RequestForge::dress_headers(Draft& draft) {
  for (std::size_t n = below(4); n > 0; --n) {
    draft.headers.push_back(format("{}:{}{}", token(one_in(20) ? 800 : 20), one_in(4) ? "" : " ",
                                   one_in(4) ? "" : token(40)));
  }
  if (one_in(4)) draft.headers.emplace_back("X-Bytes: \xc3\xa9\xff ,;=\"");
  std::ranges::shuffle(draft.headers, random_);
}

RequestForge::Draft RequestForge::make_draft(ForgedRequest& request) {
  Draft made;
  made.headers.emplace_back("Host: h");
  choose_target(made, request);
  if (made.method == "GET") choose_body(made, request);
  if (made.method == "GET" && one_in(8)) made.method = "DELETE";
  if (made.method == "GET" && one_in(8)) made.method = "HEAD";
  request.is_head = made.method == "HEAD";
  return made;
}

std::string RequestForge::join(const Draft& draft) {
  std::string made = format("{} {} {}\r\n", draft.method, draft.target, draft.version);
  for (const std::string& line : draft.headers) made.append(line).append("\r\n");
  return made.append("\r\n").append(draft.framed_body);
}

ForgedRequest RequestForge::make_valid() {
  ForgedRequest request;
  Draft made = make_draft(request);
  if (!made.is_chunked && one_in(20)) {
    made.version = "HTTP/1.0";
    request.ends_session = true;
  } else if (one_in(10)) {
    made.headers.emplace_back("Connection: Close");
    request.ends_session = true;
  }
  dress_headers(made);
  request.bytes = (one_in(10) ? "\r\n" : "") + join(made);
  return request;
}

std::string RequestForge::break_framing(Draft& draft) {
  static constexpr std::array kLengths = {"-1"sv,    "+5"sv,   "5,5"sv,
                                          "0x5"sv,   "5 5"sv,  ""sv,
                                          "5;"sv,    "five"sv, "99999999999999999999999"sv,
                                          "\"5\""sv, "5."sv};
  static constexpr std::array kCodings = {"gzip"sv,
                                          "identity"sv,
                                          "chunked, chunked"sv,
                                          "gzip, chunked"sv,
                                          "xchunked"sv,
                                          "chunked;q=1"sv,
                                          "chunked,"sv,
                                          "\x0b"
                                          "chunked"sv,
                                          "\"chunked\""sv,
                                          ""sv};
  draft.framed_body.assign(kSmuggled);
  remove_header(draft.headers, "Content-Length");
  remove_header(draft.headers, "Transfer-Encoding");
  switch (below(8)) {
    case 0:
      draft.headers.emplace_back("Content-Length: 0");
      draft.headers.push_back(format("content-length: {}", one_in(2) ? 0 : kSmuggled.size()));
      return "two lengths";
    case 1:
      draft.headers.emplace_back("Content-Length: 5");
      draft.headers.emplace_back("Transfer-Encoding: chunked");
      draft.framed_body = "0\r\n\r\n" + std::string(kSmuggled);
      return "a length and a coding";
    case 2:
      draft.headers.push_back(format("Content-Length: {}", pick(kLengths)));
      return "a bad length";
    case 3:
      draft.headers.push_back(format("Transfer-Encoding: {}", pick(kCodings)));
      return "a bad coding";
    case 4:
      draft.headers.emplace_back("Transfer-Encoding: chunked");
      draft.headers.emplace_back("Transfer-Encoding: chunked");
      draft.framed_body = "0\r\n\r\n" + std::string(kSmuggled);
      return "two codings";
    case 5:
      draft.headers.emplace_back(one_in(2) ? "Transfer-Encoding : chunked" : "Content-Length : 5");
      return "a space before the colon";
    case 6:
      draft.version = "HTTP/1.0";
      draft.headers.emplace_back("Transfer-Encoding: chunked");
      draft.framed_body = "0\r\n\r\n" + std::string(kSmuggled);
      return "a coding in HTTP/1.0";
    default:
      if (one_in(2)) {
        draft.headers.emplace_back("Host: other");
      } else {
        remove_header(draft.headers, "Host");
      }
      return "no host, or two";
  }
}

std::string RequestForge::break_chunks(Draft& draft) {
  static constexpr std::array kSizes = {"zz"sv,  "-1"sv,    "+5"sv,  " 5"sv,
                                        "0x5"sv, "5 5"sv,   ""sv,    "FFFFFFFFFFFFFFFFF"sv,
                                        ";e"sv,  "5\x00"sv, "5\rx"sv};
  remove_header(draft.headers, "Content-Length");
  remove_header(draft.headers, "Transfer-Encoding");
  draft.method = "POST";
  draft.headers.emplace_back("Transfer-Encoding: chunked");
  const std::string tail = "\r\nhello\r\n0\r\n\r\n" + std::string(kSmuggled);
  switch (below(4)) {
    case 0:
      draft.framed_body = std::string(pick(kSizes)) + tail;
      return "a bad chunk size";
    case 1:
      draft.framed_body = "5\r\nhelloo\r\n0\r\n\r\n" + std::string(kSmuggled);
      return "a chunk longer than its size";
    case 2:
      draft.framed_body = "5\nhello\r\n0\r\n\r\n" + std::string(kSmuggled);
      return "a size line that ends with LF";
    default:
      draft.framed_body = "5;" + std::string(20'000, 'e');
      return "an endless chunk extension";
  }
}

std::string RequestForge::break_headers(Draft& draft) {
  std::string& line = draft.headers[below(draft.headers.size())];
  switch (below(8)) {
    case 0:
      line += "\r\n folded";
      return "a folded line";
    case 1:
      line += "\nX: y";
      return "a line that ends with LF";
    case 2:
      line += "\rX: y";
      return "a bare CR";
    case 3:
      line.insert(below(line.size()), 1, '\0');
      return "a NUL";
    case 4:
      draft.headers.emplace_back("no colon");
      return "a line without a colon";
    case 5:
      draft.headers.emplace_back(": nameless");
      return "an empty name";
    case 6:
      draft.headers.emplace_back("na me: x");
      return "a space in a name";
    default:
      draft.headers.emplace_back(one_in(2) ? "Content-Encoding: gzip" : "Expect: wonders");
      return "a wish that cannot be met";
  }
}

std::string RequestForge::break_request_line(Draft& draft) {
  static constexpr std::array kVersions = {"HTTP/2.0"sv, "HTTP/0.9"sv, "HTTP/1.1x"sv, "http/1.1"sv,
                                           "HTTP/11"sv,  "HTTP/"sv,    "XTTP/1.1"sv};
  static constexpr std::array kMethods = {"G T"sv, "G\x01T"sv, ""sv, "G:T"sv, "G\xc3T"sv};
  static constexpr std::array kTargets = {"/%zz"sv, "/%0"sv,   "/%00"sv,   "/%0d%0a"sv,
                                          "/a b"sv, "/a\tb"sv, "/a\x01"sv, ""sv};
  switch (below(3)) {
    case 0:
      draft.version = pick(kVersions);
      return "a bad version";
    case 1:
      draft.method = pick(kMethods);
      return "a bad method";
    default:
      draft.target = pick(kTargets);
      return "a bad target";
  }
}

std::string RequestForge::pass_a_limit(Draft& draft) {
  switch (below(4)) {
    case 0:
      draft.headers.push_back(std::string(kHeaderLimitBytes + below(3000), 'n') + ": v");
      return "a header name above the limit";
    case 1:
      draft.target += "?" + std::string(kHeaderLimitBytes + below(3000), 'q');
      return "a target above the limit";
    case 2:
      remove_header(draft.headers, "Content-Length");
      remove_header(draft.headers, "Transfer-Encoding");
      draft.headers.push_back(format("Content-Length: {}", kBodyLimitBytes + 1 + below(1UL << 40)));
      draft.framed_body = std::string(kSmuggled);
      return "a length above the limit";
    default:
      remove_header(draft.headers, "Content-Length");
      remove_header(draft.headers, "Transfer-Encoding");
      draft.headers.emplace_back("Transfer-Encoding: chunked");
      draft.framed_body = in_chunks(std::string(kBodyLimitBytes + 1 + below(3000), 'b'));
      return "chunks above the limit";
  }
}

ForgedRequest RequestForge::make_broken() {
  ForgedRequest request;
  Draft made = make_draft(request);
  request.is_head = false;  // decided below, where the method may have changed
  switch (below(5)) {
    case 0:
      request.fault = break_framing(made);
      break;
    case 1:
      request.fault = break_chunks(made);
      break;
    case 2:
      request.fault = break_headers(made);
      break;
    case 3:
      request.fault = break_request_line(made);
      break;
    default:
      request.fault = pass_a_limit(made);
      break;
  }
  if (made.method == "HEAD") made.method = "GET";
  request.ends_session = true;
  request.bytes = join(made);
  return request;
}

void RequestForge::damage(std::string& bytes) {
  static const std::string kAlphabet("\r\n\0 :,;%\t019afHTTP/.-+\x7f\xff", 24);
  for (std::size_t edits = 1 + below(5); edits > 0 && !bytes.empty(); --edits) {
    const std::size_t at = below(bytes.size());
    switch (below(6)) {
      case 0:
        bytes[at] = kAlphabet[below(kAlphabet.size())];
        break;
      case 1:
        bytes.insert(at, 1, kAlphabet[below(kAlphabet.size())]);
        break;
      case 2:
        bytes.erase(at, 1 + below(8));
        break;
      case 3:
        bytes.resize(at);
        break;
      case 4:
        bytes.insert(at, bytes.substr(below(bytes.size()), below(30)));
        break;
      default:
        bytes.insert(at, std::string(below(2000), static_cast<char>(below(256))));
        break;
    }
  }
}

std::string RequestForge::make_noise() {
  std::string made(1 + below(3000), '\0');
  for (char& c : made) c = static_cast<char>(below(256));
  return made;
}

}  // namespace penstock::net
