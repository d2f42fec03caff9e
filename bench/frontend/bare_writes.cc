#include "bench/frontend/bare_writes.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "bench/frontend/loopback.h"
#include "bench/frontend/served_process.h"

namespace penstock::frontend {
namespace {

double thread_cpu_us() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) * 1e-3;
}

// The child: writes until all steps are done; returns its CPU time per frame.
double write_frames(const BarePlan& plan, const std::vector<int>& streams) {
  const int signal = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  CHECK(signal >= 0 && epoll >= 0);
  epoll_event event{.events = EPOLLIN, .data = {.fd = signal}};
  CHECK(::epoll_ctl(epoll, EPOLL_CTL_ADD, signal, &event) == 0);
  std::thread engine([&] {
    for (std::size_t i = 0; i < plan.num_steps; ++i) {
      std::this_thread::sleep_for(plan.step);
      (void)::eventfd_write(signal, 1);
    }
  });
  const std::string frame(plan.frame_bytes, 'x');
  const double begin = thread_cpu_us();
  std::size_t num_steps = 0;
  while (num_steps < plan.num_steps) {
    CHECK(::epoll_wait(epoll, &event, 1, 10'000) == 1);
    eventfd_t count = 0;
    (void)::eventfd_read(signal, &count);
    num_steps += count;
    for (const int fd : streams) {
      CHECK(::send(fd, frame.data(), frame.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(frame.size()));
    }
  }
  const double spent = thread_cpu_us() - begin;
  engine.join();
  return spent / static_cast<double>(plan.num_steps * plan.num_streams);
}

void read_all(const std::vector<int>& streams) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  CHECK(epoll >= 0);
  for (const int fd : streams) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    CHECK(::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
  }
  std::array<epoll_event, 256> events{};
  std::array<char, 1 << 16> buffer{};
  for (std::size_t num_open = streams.size(); num_open > 0;) {
    const int n = ::epoll_wait(epoll, events.data(), events.size(), 10'000);
    CHECK(n > 0);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      const int fd = events[i].data.fd;
      if (::read(fd, buffer.data(), buffer.size()) > 0) continue;
      CHECK(::epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nullptr) == 0);
      --num_open;
    }
  }
  ::close(epoll);
}

}  // namespace

double bare_write_us(const BarePlan& plan, int cpu) {
  std::vector<int> ours;
  std::vector<int> theirs;
  for (std::size_t i = 0; i < plan.num_streams; ++i) {
    const auto [reader, writer] = loopback_pair();
    ours.push_back(reader);
    theirs.push_back(writer);
  }
  std::array<int, 2> result{};
  CHECK(::pipe2(result.data(), O_CLOEXEC) == 0);
  const pid_t pid = ::fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    for (const int fd : ours) ::close(fd);
    pin_to(cpu);
    const double us = write_frames(plan, theirs);
    const ssize_t put = ::write(result[1], &us, sizeof us);
    ::_exit(put == sizeof us ? 0 : 1);
  }
  ::close(result[1]);
  for (const int fd : theirs) ::close(fd);
  read_all(ours);
  double us = 0;
  CHECK(::read(result[0], &us, sizeof us) == sizeof us);
  ::close(result[0]);
  for (const int fd : ours) ::close(fd);
  ::waitpid(pid, nullptr, 0);
  return us;
}

}  // namespace penstock::frontend
