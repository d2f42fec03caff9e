#include "bench/net/crowd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::net {
namespace {

constexpr std::string_view kDripStart = "GET /small HTTP/1.1\r\nHost: h\r\nX-Drip: ";
constexpr std::string_view kLargeRequest = "GET /large HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr std::uint64_t kStopTag = ~0ULL;
constexpr int kMaxEvents = 256;

// Each crowd has a source address of its own, so that ports do not run short.
in_addr source_of(CrowdKind kind) noexcept {
  return {.s_addr = htonl((127U << 24) + 2 + static_cast<std::uint32_t>(kind))};
}

int connect_to(const CrowdPlan& plan) noexcept {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  (void)::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (plan.kind == CrowdKind::kNeverReaders) {
    const int bytes = 4096;
    (void)::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr = source_of(plan.kind);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(plan.port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0 &&
      ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) {
    return fd;
  }
  ::close(fd);
  return -1;
}

class Crowd final {
 public:
  Crowd(const CrowdPlan& plan, int stop_fd) : plan_(plan), members_(plan.size) {
    epoll_event event{.events = EPOLLIN | EPOLLHUP, .data = {.u64 = kStopTag}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, stop_fd, &event);
    for (std::size_t i = 0; i < members_.size(); ++i) open(i);
  }
  ~Crowd() {
    for (const Member& member : members_) {
      if (member.fd >= 0) ::close(member.fd);
    }
    ::close(epoll_);
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  void run() {
    next_drip_ = clock_.now();
    for (;;) {
      std::array<epoll_event, kMaxEvents> events;
      const int n = ::epoll_wait(epoll_, events.data(), kMaxEvents, wait_ms());
      for (int i = 0; i < n; ++i) {
        const std::uint64_t tag = events[static_cast<std::size_t>(i)].data.u64;
        if (tag == kStopTag) return;
        take_event(static_cast<std::size_t>(tag));
      }
      if (plan_.kind == CrowdKind::kDrippers) drip_what_is_due();
    }
  }

  [[nodiscard]] const CrowdReport& report() const noexcept { return report_; }

 private:
  struct Member {
    int fd = -1;
    MonotonicTime first_byte{};
  };

  void open(std::size_t index) {
    Member& member = members_[index];
    member.fd = connect_to(plan_);
    if (member.fd < 0) return;  // its next event never comes; num_opened tells
    ++report_.num_opened;
    member.first_byte = clock_.now();
    if (plan_.kind == CrowdKind::kDrippers) send(member, kDripStart);
    if (plan_.kind == CrowdKind::kNeverReaders) send(member, kLargeRequest);
    // A never-reader only wants to know of the end.
    const std::uint32_t interest = plan_.kind == CrowdKind::kNeverReaders ? 0U : EPOLLIN;
    epoll_event event{.events = interest, .data = {.u64 = index}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, member.fd, &event);
  }

  static void send(const Member& member, std::string_view bytes) noexcept {
    (void)::send(member.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  // The server's 408 is read and forgotten; its end of the connection is counted.
  void take_event(std::size_t index) {
    Member& member = members_[index];
    if (plan_.kind != CrowdKind::kNeverReaders) {
      std::array<char, 4096> buffer;
      const ssize_t n = ::recv(member.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (n > 0 || (n < 0 && errno == EAGAIN)) return;
    }
    ++report_.num_closed_by_server;
    report_.slowest_close_ms =
        std::max(report_.slowest_close_ms, to_ms(clock_.now() - member.first_byte));
    ::close(std::exchange(member.fd, -1));
    open(index);
  }

  // Members drip one after the other, evenly over the interval.
  void drip_what_is_due() {
    if (members_.empty()) return;
    for (const MonotonicTime now = clock_.now(); next_drip_ <= now;
         next_drip_ = next_drip_ + plan_.drip_interval / members_.size()) {
      send(members_[next_dripper_], "a");
      next_dripper_ = (next_dripper_ + 1) % members_.size();
    }
  }

  [[nodiscard]] int wait_ms() const {
    if (plan_.kind != CrowdKind::kDrippers) return 1000;
    return std::clamp(static_cast<int>(to_ms(next_drip_ - clock_.now())), 1, 1000);
  }

  const CrowdPlan plan_;
  const SystemClock clock_;
  const int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<Member> members_;
  CrowdReport report_;
  MonotonicTime next_drip_{};
  std::size_t next_dripper_ = 0;
};

}  // namespace

CrowdReport run_crowd(const CrowdPlan& plan, int stop_fd, const std::function<void()>& on_ready) {
  Crowd crowd(plan, stop_fd);
  on_ready();
  crowd.run();
  return crowd.report();
}

}  // namespace penstock::net
