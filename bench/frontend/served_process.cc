#include "bench/frontend/served_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>

#include "base/check.h"
#include "base/clock.h"
#include "base/format.h"

namespace penstock::frontend {
namespace {

constexpr Duration kStartTimeout = std::chrono::seconds(60);
constexpr Duration kStopTimeout = std::chrono::seconds(20);

[[noreturn]] void run_child(const std::vector<std::string>& arguments, int cpu, int out) {
  pin_to(cpu);
  ::dup2(out, STDOUT_FILENO);
  const int log = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  ::dup2(log, STDERR_FILENO);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

// The port in "penstock ready http=HOST:PORT ...", read from `fd`.
std::uint16_t read_port(int fd) {
  const SystemClock clock;
  const MonotonicTime deadline = clock.now() + kStartTimeout;
  std::string line;
  while (line.find('\n') == std::string::npos) {
    CHECK(clock.now() < deadline, "the server is not ready in time");
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 100) <= 0) continue;
    std::array<char, 256> buffer{};
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    CHECK(got > 0, "the server ended before it was ready; run it by hand to see why");
    line.append(buffer.data(), static_cast<std::size_t>(got));
  }
  const std::size_t host = line.find("http=");
  CHECK(host != std::string::npos);
  const std::size_t colon = line.find(':', host);
  return static_cast<std::uint16_t>(std::atoi(line.c_str() + colon + 1));
}

}  // namespace

void pin_to(int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  CHECK(::sched_setaffinity(0, sizeof cpus, &cpus) == 0);
}

ServedProcess::ServedProcess(const std::vector<std::string>& arguments, int cpu) {
  std::array<int, 2> pipe{};
  CHECK(::pipe2(pipe.data(), O_CLOEXEC) == 0);
  pid_ = ::fork();
  CHECK(pid_ >= 0);
  if (pid_ == 0) run_child(arguments, cpu, pipe[1]);
  ::close(pipe[1]);
  port_ = read_port(pipe[0]);
  ::close(pipe[0]);
}

ServedProcess::~ServedProcess() {
  ::kill(pid_, SIGINT);
  const SystemClock clock;
  const MonotonicTime deadline = clock.now() + kStopTimeout;
  while (::waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (clock.now() > deadline) ::kill(pid_, SIGKILL);
    ::usleep(10'000);
  }
}

ThreadTimes ServedProcess::thread_times() const {
  ThreadTimes times;
  for (const auto& task : std::filesystem::directory_iterator(format("/proc/{}/task", pid_))) {
    std::ifstream name_file(task.path() / "comm");
    std::ifstream time_file(task.path() / "schedstat");
    std::string name;
    std::uint64_t ns = 0;
    if (std::getline(name_file, name) && time_file >> ns) times[name] += ns;
  }
  return times;
}

std::uint64_t ServedProcess::status_kib(const std::string& member) const {
  std::ifstream file(format("/proc/{}/status", pid_));
  for (std::string name; file >> name;) {
    std::uint64_t kib = 0;
    if (name == member && file >> kib) return kib;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return 0;
}

std::uint64_t ServedProcess::resident_bytes() const {
  return status_kib("VmRSS:") << 10;
}

std::uint64_t ServedProcess::peak_bytes() const {
  return status_kib("VmHWM:") << 10;
}

}  // namespace penstock::frontend
