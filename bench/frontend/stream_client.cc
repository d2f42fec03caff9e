#include "bench/frontend/stream_client.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "base/check.h"
#include "base/format.h"
#include "bench/frontend/loopback.h"

namespace penstock::frontend {
namespace {

constexpr int kPatienceMs = 60'000;
constexpr std::string_view kDone = "data: [DONE]\n\n";
constexpr std::string_view kEnd = "\r\n0\r\n\r\n";

double us_between(MonotonicTime from, MonotonicTime to) {
  return static_cast<double>((to - from).count()) * 1e-3;
}

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos;
       at = text.find(what, at + what.size())) {
    ++n;
  }
  return n;
}

// One connection, which sends its requests one after the other.
struct Stream {
  int fd = -1;
  bool is_busy = false;
  MonotonicTime sent_at{};
  MonotonicTime last_read{};
  bool has_bytes = false;
  bool is_done = false;
  std::string tail;  // of what was read, so that no marker is missed between two reads
};

class Load {
 public:
  explicit Load(const LoadPlan& plan) : plan_(plan), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    CHECK(epoll_ >= 0);
  }
  ~Load() { ::close(epoll_); }

  LoadReport run() {
    const MonotonicTime begin = clock_.now();
    streams_.resize(std::min(plan_.num_streams, plan_.num_requests));
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      streams_[i].fd = connect_to(plan_.port);
      epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
      CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, streams_[i].fd, &event) == 0);
      send_next(streams_[i]);
    }
    std::array<epoll_event, 256> events{};
    while (num_busy_ > 0) {
      const int n = ::epoll_wait(epoll_, events.data(), events.size(), kPatienceMs);
      CHECK(n > 0, "nothing came for a minute");
      for (int i = 0; i < n; ++i) take(streams_[events[static_cast<std::size_t>(i)].data.u64]);
    }
    for (const Stream& stream : streams_) ::close(stream.fd);
    report_.wall_s = us_between(begin, clock_.now()) * 1e-6;
    return std::move(report_);
  }

 private:
  void send_next(Stream& stream) {
    if (next_ == plan_.num_requests) return;
    const std::string body = plan_.body(next_++);
    const std::string request = format(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
        "application/json\r\nContent-Length: {}\r\n\r\n{}",
        body.size(), body);
    CHECK(::send(stream.fd, request.data(), request.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(request.size()));
    stream.is_busy = true;
    stream.has_bytes = stream.is_done = false;
    stream.tail.clear();
    stream.sent_at = stream.last_read = clock_.now();
    ++num_busy_;
  }

  void take(Stream& stream) {
    const ssize_t got = ::read(stream.fd, buffer_.data(), buffer_.size());
    CHECK(got > 0, "the server closed a stream");
    const MonotonicTime now = clock_.now();
    (stream.has_bytes ? report_.gap_us : report_.first_byte_us)
        .push_back(us_between(stream.last_read, now));
    stream.has_bytes = true;
    stream.last_read = now;
    ++report_.num_reads;
    const std::size_t seen = stream.tail.size();
    stream.tail.append(buffer_.data(), static_cast<std::size_t>(got));
    const std::string_view text = stream.tail;
    const std::size_t before = seen < 6 ? 0 : seen - 5;
    report_.num_frames += count(text.substr(before), "data: ");
    stream.is_done |= text.find(kDone) != std::string_view::npos;
    const bool is_over = text.ends_with(kEnd) ||
                         (!stream.is_done && text.find("\r\n\r\n{") != std::string_view::npos);
    if (text.size() > 64 && !is_over) stream.tail.erase(0, stream.tail.size() - 64);
    if (!is_over) return;
    (stream.is_done ? report_.num_answered : report_.num_failed) += 1;
    stream.is_busy = false;
    --num_busy_;
    send_next(stream);
  }

  const LoadPlan& plan_;
  const int epoll_;
  SystemClock clock_;
  std::vector<Stream> streams_;
  std::size_t next_ = 0;
  std::size_t num_busy_ = 0;
  LoadReport report_;
  std::array<char, 1 << 16> buffer_{};
};

}  // namespace

LoadReport run_load(const LoadPlan& plan) {
  return Load(plan).run();
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(at));
  return values[at];
}

}  // namespace penstock::frontend
