// Requests whose fate is known: valid ones in every dress the grammar allows, and ones broken in a
// way that must be refused.
//
// Bodies and broken parts carry a request for /smuggled of their own: a server that is misled about
// where a message ends answers it.
#pragma once

#include <cstddef>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::net {

struct ForgedRequest {
  std::string bytes{};
  std::string fault{};        // empty = must be answered with 200
  std::string path{};         // as the handler sees it
  std::string body{};         // as the handler sees it
  bool is_head = false;       // the answer has no body
  bool ends_session = false;  // the connection is closed after its answer
};

class RequestForge final {
 public:
  // What the server of the test is set to.
  static constexpr std::size_t kHeaderLimitBytes = 4096;
  static constexpr std::size_t kBodyLimitBytes = 4096;

  explicit RequestForge(unsigned seed) : random_(seed) {}

  [[nodiscard]] ForgedRequest make_valid();
  [[nodiscard]] ForgedRequest make_broken();
  // A few edits somewhere in the bytes: nobody knows what becomes of it.
  void damage(std::string& bytes);
  [[nodiscard]] std::string make_noise();

  [[nodiscard]] std::size_t below(std::size_t limit) { return random_() % limit; }
  [[nodiscard]] bool one_in(std::size_t n) { return below(n) == 0; }

 private:
  // A request in its parts, so that any of them can be broken.
  struct Draft {
    std::string method = "GET";
    std::string target = "/";
    std::string version = "HTTP/1.1";
    std::vector<std::string> headers{};  // whole lines, without their end
    bool is_chunked = false;
    std::string body{};
    std::string framed_body{};
  };

  [[nodiscard]] Draft make_draft(ForgedRequest& request);
  void choose_target(Draft& draft, ForgedRequest& request);
  void dress_headers(Draft& draft);
  void choose_body(Draft& draft, ForgedRequest& request);
  [[nodiscard]] std::string in_chunks(std::string_view body);
  [[nodiscard]] static std::string join(const Draft& draft);
  // Each breaks one thing and says which.
  [[nodiscard]] std::string break_framing(Draft& draft);
  [[nodiscard]] std::string break_chunks(Draft& draft);
  [[nodiscard]] std::string break_headers(Draft& draft);
  [[nodiscard]] std::string break_request_line(Draft& draft);
  [[nodiscard]] std::string pass_a_limit(Draft& draft);
  [[nodiscard]] std::string_view pick(std::span<const std::string_view> from) {
    return from[below(from.size())];
  }
  [[nodiscard]] std::string token(std::size_t max_size);

  std::mt19937 random_;
};

}  // namespace penstock::net
