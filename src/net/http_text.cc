#include "net/http_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

namespace penstock::net {
namespace {

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

bool is_control(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Result<std::string> decode_path(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return make_error(ErrorCode::kInvalid,
                          "the path has a '%' at offset {} that no two hex digits follow", i);
      }
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (is_control(c)) {
      return make_error(ErrorCode::kInvalid, "the path holds a control byte at offset {}", i);
    }
    out += c;
  }
  return out;
}

// "Sun, 06 Nov 1994 08:49:37 GMT", made once a second per thread.
std::string_view http_date() {
  struct Stamp {
    std::time_t second = -1;
    std::array<char, 32> text{};
    std::size_t size = 0;
  };
  thread_local Stamp stamp;
  const std::time_t now = std::time(nullptr);
  if (now != stamp.second) {
    static constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    const auto end = fmt::format_to_n(stamp.text.data(), stamp.text.size(),
                                      "{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                                      kDays[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                                      kMonths[static_cast<std::size_t>(utc.tm_mon)],
                                      utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
    stamp.size = std::min(end.size, stamp.text.size());
    stamp.second = now;
  }
  return {stamp.text.data(), stamp.size};
}

bool is_owned_by_server(std::string_view name) noexcept {
  constexpr std::array kOwned = {"content-length", "transfer-encoding", "connection", "date"};
  return std::ranges::any_of(kOwned,
                             [name](const char* own) { return equals_ignore_case(name, own); });
}

void append_clean(std::string& out, std::string_view text) {
  const std::size_t start = out.size();
  out.append(text);
  std::replace_if(
      out.begin() + static_cast<std::ptrdiff_t>(start), out.end(),
      [](char c) { return is_control(c) && c != '\t'; }, ' ');
}

void append_number(std::string& out, std::size_t value, int base) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, base).ptr;
  out.append(digits.data(), end);
}

}  // namespace

bool equals_ignore_case(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

const std::string* find_header(const HttpHeaders& headers, std::string_view name) noexcept {
  for (const HttpHeader& header : headers) {
    if (equals_ignore_case(header.name, name)) return &header.value;
  }
  return nullptr;
}

bool list_has_token(std::string_view list, std::string_view token) noexcept {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (equals_ignore_case(trim(list.substr(0, comma)), token)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
  return false;
}

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 529:
      return "Overloaded";
    default:
      return "Status";
  }
}

bool status_has_no_body(int status) noexcept {
  return status < 200 || status == 204 || status == 304;
}

Result<RequestTarget> parse_target(std::string_view target) {
  if (target == "*") return RequestTarget{"*", {}};
  if (!target.starts_with('/')) {
    const std::size_t scheme = target.find("://");
    if (scheme == std::string_view::npos ||
        !(equals_ignore_case(target.substr(0, scheme), "http") ||
          equals_ignore_case(target.substr(0, scheme), "https"))) {
      return make_error(ErrorCode::kInvalid, "the request target must start with '/'");
    }
    target.remove_prefix(scheme + 3);
    const std::size_t end = target.find_first_of("/?");
    target = end == std::string_view::npos ? std::string_view("/") : target.substr(end);
  }
  const std::size_t mark = target.find('?');
  ASSIGN_OR_RETURN(std::string path, decode_path(target.substr(0, mark)));
  if (path.empty()) path = "/";
  return RequestTarget{std::move(path), mark == std::string_view::npos
                                            ? std::string()
                                            : std::string(target.substr(mark + 1))};
}

void append_response_head(std::string& out, const ResponseHead& head, const HttpHeaders& headers) {
  out += "HTTP/1.1 ";
  append_number(out, static_cast<std::size_t>(head.status), 10);
  out += ' ';
  out += reason_phrase(head.status);
  out += "\r\ndate: ";
  out += http_date();
  out += "\r\n";
  for (const HttpHeader& header : headers) {
    if (is_owned_by_server(header.name)) continue;
    append_clean(out, header.name);
    out += ": ";
    append_clean(out, header.value);
    out += "\r\n";
  }
  if (head.framing == BodyFraming::kLength) {
    out += "content-length: ";
    append_number(out, head.content_length, 10);
    out += "\r\n";
  } else if (head.framing == BodyFraming::kChunked) {
    out += "transfer-encoding: chunked\r\n";
  }
  if (head.close) out += "connection: close\r\n";
  out += "\r\n";
}

void append_chunk_size(std::string& out, std::size_t size) {
  append_number(out, size, 16);
  out += "\r\n";
}

}  // namespace penstock::net
