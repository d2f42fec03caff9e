#include "bench/net/storm.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstring>
#include <fstream>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include "base/ledger.h"
#include "bench/net/crowd.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/io_pool.h"

namespace penstock::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kPatience = seconds(60);
constexpr Duration kSettleTimeout = seconds(20);
constexpr double kSettledUs = 1000;
constexpr std::size_t kNumKeptClients = 8;
constexpr std::size_t kFreshClientEvery = 16;
// More than a never-reader's and the server's socket buffers hold.
constexpr std::size_t kLargeAnswerBytes = 512UL << 10;

struct StormPorts {
  std::uint16_t server = 0;
  std::uint16_t twin = 0;
};

// The child's ends of its two pipes.
struct ChildPipes {
  int commands;  // reaches its end when the parent wants the child to stop
  int results;

  template <class T>
  void report(const T& value) const {
    if (::write(results, &value, sizeof value) != sizeof value) ::_exit(3);
  }
};

// A forked process. Destroying it tells it to stop and waits for its end.
class Child final {
 public:
  static Result<Child> start(const std::function<void(const ChildPipes&)>& body) {
    int commands[2];
    int results[2];
    if (::pipe2(commands, O_CLOEXEC) != 0 || ::pipe2(results, O_CLOEXEC) != 0) {
      return make_error(ErrorCode::kIo, "a pipe cannot be made: {}", std::strerror(errno));
    }
    const pid_t pid = ::fork();
    if (pid < 0) {
      return make_error(ErrorCode::kIo, "a process cannot be made: {}", std::strerror(errno));
    }
    if (pid == 0) {
      ::close(commands[1]);
      ::close(results[0]);
      body({.commands = commands[0], .results = results[1]});
      ::_exit(0);
    }
    ::close(commands[0]);
    ::close(results[1]);
    return Child(pid, commands[1], results[0]);
  }
  ~Child() { stop(); }
  Child(Child&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)),
        commands_(std::exchange(other.commands_, -1)),
        results_(std::exchange(other.results_, -1)) {}
  Child& operator=(Child&&) = delete;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

  // The child ends when it has reported what it still has to.
  void ask_to_stop() noexcept {
    if (commands_ >= 0) ::close(std::exchange(commands_, -1));
  }

  template <class T>
  Result<T> next_report(Duration timeout = kPatience) {
    pollfd waiting{.fd = results_, .events = POLLIN, .revents = 0};
    const auto ms = std::chrono::ceil<milliseconds>(timeout).count();
    T value{};
    if (::poll(&waiting, 1, static_cast<int>(ms)) != 1) {
      return make_error(ErrorCode::kDeadline, "process {} says nothing for {} ms", pid_, ms);
    }
    if (::read(results_, &value, sizeof value) != sizeof value) {
      return make_error(ErrorCode::kIo, "process {} ended too early", pid_);
    }
    return value;
  }

 private:
  Child(pid_t pid, int commands, int results) noexcept
      : pid_(pid), commands_(commands), results_(results) {}

  void stop() noexcept {
    ask_to_stop();
    if (results_ >= 0) ::close(std::exchange(results_, -1));
    if (pid_ < 0) return;
    for (int waited_ms = 0; ::waitpid(pid_, nullptr, WNOHANG) == 0; waited_ms += 10) {
      if (waited_ms == 10'000) ::kill(pid_, SIGKILL);
      std::this_thread::sleep_for(milliseconds(10));
    }
    pid_ = -1;
  }

  pid_t pid_;
  int commands_;
  int results_;
};

void wait_for_end(int fd) noexcept {
  char byte = 0;
  while (::read(fd, &byte, 1) > 0) {
  }
}

void answer(const std::shared_ptr<HttpExchange>& exchange) {
  const bool is_large = exchange->request().path == "/large";
  exchange->respond({.status = 200, .body = std::string(is_large ? kLargeAnswerBytes : 200, 'x')});
}

void run_server(const StormPlan& plan, const ChildPipes& pipes) {
  SystemClock clock;
  Ledger ledger(clock);
  IoPool pool(1);
  HttpServerOptions options;
  options.header_timeout = plan.header_timeout;
  auto server = HttpServer::listen(pool, ledger, options, answer, {});
  if (!server) return;
  pipes.report((*server)->port());
  wait_for_end(pipes.commands);
  (*server)->close_all(kPatience);
  server->reset();
  pool.stop(kPatience);
}

StormLatency summarize(std::vector<double> latencies_us, std::size_t num_failed) {
  StormLatency summary{.num_requests = latencies_us.size(), .num_failed = num_failed};
  if (latencies_us.empty()) return summary;
  std::ranges::sort(latencies_us);
  const auto at = [&](double share) {
    return latencies_us[static_cast<std::size_t>(share *
                                                 static_cast<double>(latencies_us.size() - 1))];
  };
  summary.p50_us = at(0.5);
  summary.p99_us = at(0.99);
  summary.max_us = latencies_us.back();
  return summary;
}

// The ordinary clients of one server.
class Clients final {
 public:
  explicit Clients(std::uint16_t port) : port_(port) {
    for (std::size_t i = 0; i < kNumKeptClients; ++i) kept_.emplace_back("127.0.0.1", port);
  }

  double ask(std::size_t number, MonotonicTime due) {
    HttpClient fresh("127.0.0.1", port_);
    HttpClient& client = number % kFreshClientEvery == 0 ? fresh : kept_[number % kNumKeptClients];
    const auto response = client.send({.target = "/small"}, kPatience);
    if (!response || response->status != 200) ++num_failed_;
    latencies_us_.push_back(to_ms(clock_.now() - due) * 1e3);
    return latencies_us_.back();
  }
  [[nodiscard]] StormLatency summary() const { return summarize(latencies_us_, num_failed_); }

 private:
  const std::uint16_t port_;
  const SystemClock clock_;
  std::vector<HttpClient> kept_;
  std::vector<double> latencies_us_;
  std::size_t num_failed_ = 0;
};

// Until the server has taken in what the crowds' arrival has queued.
void wait_until_settled(std::uint16_t port) {
  const SystemClock clock;
  const MonotonicTime deadline = clock.now() + kSettleTimeout;
  Clients probe(port);
  for (int num_quick = 0; num_quick < 100 && clock.now() < deadline;) {
    num_quick = probe.ask(1, clock.now()) < kSettledUs ? num_quick + 1 : 0;
  }
}

StormPair measure(const StormPlan& plan, const StormPorts& ports) {
  wait_until_settled(ports.server);
  const SystemClock clock;
  Clients server(ports.server);
  Clients twin(ports.twin);
  const auto interval = Duration(std::llround(1e9 / plan.requests_per_second / 2));
  const MonotonicTime start = clock.now();
  for (std::size_t i = 0; interval * i < plan.measured; ++i) {
    const MonotonicTime due = start + interval * i;
    std::this_thread::sleep_for(due - clock.now());
    // In turns of who goes first: the second finds warm caches. Counted from when it can be sent,
    // so that a stall of one does not count against the other.
    const std::size_t number = i / 2;
    const bool server_first = (number + number / kFreshClientEvery) % 2 == 0;
    const bool is_servers = server_first == (i % 2 == 0);
    (is_servers ? server : twin).ask(number, std::max(due, clock.now()));
  }
  return {.server = server.summary(), .twin = twin.summary()};
}

double resident_mib(pid_t pid) {
  std::size_t total = 0;
  std::size_t resident = 0;
  std::ifstream(format("/proc/{}/statm", pid)) >> total >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) * 0x1p-20;
}

// Each crowd is a process, and so is the server, which has all of their other ends.
Status raise_file_limit(const StormPlan& plan) {
  const rlim_t needed = plan.num_drippers + plan.num_never_readers + plan.num_idle + 200;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(needed, limit.rlim_max));
  if (limit.rlim_cur >= needed && ::setrlimit(RLIMIT_NOFILE, &limit) == 0) return {};
  return make_error(
      ErrorCode::kResourceExhausted,
      "the storm needs {} open files and a process may have {}; raise it (ulimit -Hn)", needed,
      limit.rlim_max);
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[values.size() / 2];
}

class Storm final {
 public:
  Storm(const StormPlan& plan, StormReport& report) : plan_(plan), report_(report) {}

  Status run() {
    ASSIGN_OR_RETURN(Child server,
                     Child::start([this](const ChildPipes& p) { run_server(plan_, p); }));
    ASSIGN_OR_RETURN(ports_.server, server.next_report<std::uint16_t>());
    ASSIGN_OR_RETURN(Child twin,
                     Child::start([this](const ChildPipes& p) { run_server(plan_, p); }));
    ASSIGN_OR_RETURN(ports_.twin, twin.next_report<std::uint16_t>());
    for (int i = 0; i < plan_.num_rounds; ++i) RETURN_IF_ERROR(run_round(server.pid()));
    return {};
  }

 private:
  Status run_round(pid_t server) {
    StormRound round;
    ASSIGN_OR_RETURN(round.calm, measure_once());
    const double before_mib = resident_mib(server);
    ASSIGN_OR_RETURN(Child idle, open_crowd(CrowdKind::kIdle, plan_.num_idle));
    const double with_idle_mib = resident_mib(server);
    ASSIGN_OR_RETURN(Child never_readers,
                     open_crowd(CrowdKind::kNeverReaders, plan_.num_never_readers));
    ASSIGN_OR_RETURN(Child drippers, open_crowd(CrowdKind::kDrippers, plan_.num_drippers));
    ASSIGN_OR_RETURN(round.storm, measure_once());
    report_.server_mib_in_storm = std::max(report_.server_mib_in_storm, resident_mib(server));
    ASSIGN_OR_RETURN(round.drippers, close_crowd(drippers));
    ASSIGN_OR_RETURN(round.never_readers, close_crowd(never_readers));
    ASSIGN_OR_RETURN(round.idle, close_crowd(idle));
    // Later rounds find the memory of the first one's connections.
    if (report_.rounds.empty() && plan_.num_idle > 0) {
      report_.bytes_per_idle_connection =
          (with_idle_mib - before_mib) * 0x1p20 / static_cast<double>(plan_.num_idle);
    }
    report_.rounds.push_back(round);
    return {};
  }

  Result<StormPair> measure_once() {
    ASSIGN_OR_RETURN(Child client, Child::start([this](const ChildPipes& pipes) {
                       pipes.report(measure(plan_, ports_));
                     }));
    return client.next_report<StormPair>(plan_.measured + kPatience);
  }

  Result<Child> open_crowd(CrowdKind kind, std::size_t size) {
    const CrowdPlan crowd{
        .kind = kind, .size = size, .port = ports_.server, .drip_interval = plan_.drip_interval};
    ASSIGN_OR_RETURN(Child child, Child::start([&crowd](const ChildPipes& pipes) {
                       const CrowdReport seen =
                           run_crowd(crowd, pipes.commands, [&pipes] { pipes.report('r'); });
                       pipes.report(seen);
                     }));
    ASSIGN_OR_RETURN(const char ready, child.next_report<char>());
    (void)ready;
    return child;
  }

  static Result<CrowdReport> close_crowd(Child& crowd) {
    crowd.ask_to_stop();
    return crowd.next_report<CrowdReport>();
  }

  const StormPlan& plan_;
  StormReport& report_;
  StormPorts ports_;
};

}  // namespace

double StormReport::p99_to_twin() const {
  std::vector<double> ratios;
  for (const StormRound& r : rounds) ratios.push_back(r.storm.server.p99_us / r.storm.twin.p99_us);
  return median(std::move(ratios));
}

double StormReport::p99_to_calm() const {
  std::vector<double> ratios;
  for (const StormRound& r : rounds) ratios.push_back(r.storm.server.p99_us / r.calm.server.p99_us);
  return median(std::move(ratios));
}

Result<StormReport> run_storm(const StormPlan& plan) {
  RETURN_IF_ERROR(raise_file_limit(plan));
  StormReport report;
  RETURN_IF_ERROR(Storm(plan, report).run());
  return report;
}

}  // namespace penstock::net
