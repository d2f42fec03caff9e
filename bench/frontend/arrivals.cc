#include "bench/frontend/arrivals.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "base/check.h"
#include "base/format.h"
#include "bench/frontend/loopback.h"

namespace penstock::frontend {
namespace {

constexpr Duration kGrace = std::chrono::seconds(1);
constexpr Duration kPatience = std::chrono::seconds(60);

struct Request {
  MonotonicTime sent_at{};
  std::string answer;
};

// The value of a header in an answer's head; empty when absent.
std::string_view header_of(std::string_view answer, std::string_view name) {
  const std::size_t at = answer.find(format("\r\n{}: ", name));
  if (at == std::string_view::npos) return {};
  const std::size_t begin = at + name.size() + 4;
  return answer.substr(begin, answer.find("\r\n", begin) - begin);
}

class Arrivals {
 public:
  explicit Arrivals(const ArrivalPlan& plan) : plan_(plan), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    CHECK(epoll_ >= 0);
  }
  ~Arrivals() { ::close(epoll_); }

  ArrivalReport run() {
    const MonotonicTime begin = clock_.now();
    MonotonicTime last_news = begin;
    std::size_t num_sent = 0;
    std::array<epoll_event, 256> events{};
    while (num_sent < plan_.num_requests || !open_.empty()) {
      const MonotonicTime now = clock_.now();
      while (num_sent < plan_.num_requests && now >= due(begin, num_sent)) send(num_sent++);
      const int wait_ms = num_sent < plan_.num_requests
                              ? static_cast<int>(to_ms(due(begin, num_sent) - now))
                              : 1000;
      const int n =
          ::epoll_wait(epoll_, events.data(), events.size(), std::clamp(wait_ms, 0, 1000));
      if (n > 0) last_news = clock_.now();
      CHECK(clock_.now() - last_news < kPatience, "{} requests are never answered", open_.size());
      for (std::size_t i = 0; i < static_cast<std::size_t>(std::max(n, 0)); ++i) {
        take(events[i].data.fd);
      }
    }
    report_.wall_s = to_ms(clock_.now() - begin) * 1e-3;
    return std::move(report_);
  }

 private:
  [[nodiscard]] MonotonicTime due(MonotonicTime begin, std::size_t n) const {
    if (plan_.per_second <= 0) return begin;
    return begin +
           Duration(static_cast<std::int64_t>(static_cast<double>(n) * 1e9 / plan_.per_second));
  }

  void send(std::size_t n) {
    const std::string body = plan_.body(n);
    const std::string text = format(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nX-Penstock-Timeout-Ms: {}\r\nContent-Length: {}\r\n\r\n"
        "{}",
        static_cast<std::int64_t>(to_ms(plan_.timeout)), body.size(), body);
    const MonotonicTime now = clock_.now();
    const int fd = connect_to(plan_.port);
    CHECK(::send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0);
    open_[fd].sent_at = now;
  }

  void take(int fd) {
    Request& request = open_.at(fd);
    const ssize_t got = ::read(fd, buffer_.data(), buffer_.size());
    if (got > 0) {
      request.answer.append(buffer_.data(), static_cast<std::size_t>(got));
      return;
    }
    judge(request);
    ::close(fd);
    open_.erase(fd);
  }

  void judge(const Request& request) {
    const Duration took = clock_.now() - request.sent_at;
    const std::string_view answer = request.answer;
    const int status = answer.size() > 12 ? std::atoi(request.answer.c_str() + 9) : 0;
    const std::string_view retry_after = header_of(answer, "retry-after");
    if (took > plan_.timeout + kGrace) ++report_.num_late;
    const bool is_cut = answer.find(R"("finish_reason":"deadline")") != std::string_view::npos;
    if (status == 200 && (is_cut || took > plan_.timeout)) {
      ++report_.num_cut;
    } else if (status == 200) {
      ++report_.num_good;
      report_.good_ms.push_back(to_ms(took));
    } else if (status == 429 && !retry_after.empty()) {
      ++report_.num_refused;
      if (report_.first_refused.empty()) report_.first_refused = request.answer.substr(0, 900);
      report_.refused_ms.push_back(to_ms(took));
      report_.retry_after_s.push_back(std::atof(std::string(retry_after).c_str()));
    } else if (status == 504) {
      ++report_.num_expired;
    } else {
      ++report_.num_other;
      if (report_.first_other.empty()) report_.first_other = request.answer.substr(0, 600);
    }
  }

  const ArrivalPlan& plan_;
  const int epoll_;
  SystemClock clock_;
  std::unordered_map<int, Request> open_;
  ArrivalReport report_;
  std::array<char, 1 << 16> buffer_{};
};

}  // namespace

ArrivalReport run_arrivals(const ArrivalPlan& plan) {
  return Arrivals(plan).run();
}

}  // namespace penstock::frontend
