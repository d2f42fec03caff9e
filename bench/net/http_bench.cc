// What HTTP itself costs: CPU time of the server's io thread per request and per streamed chunk,
// beside the cost of the bare system call in the same run.
//
//   build/release/net_http_bench --benchmark_repetitions=5 --benchmark_report_aggregates_only
//
// `server_us` is the io thread's CPU time per item; the client runs on threads of its own.
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <latch>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/ledger.h"
#include "net/blocking_stream.h"
#include "net/http_server.h"
#include "net/io_pool.h"

namespace penstock::net {
namespace {

constexpr Duration kPatience = std::chrono::seconds(30);
constexpr std::string_view kGet =
    "GET /v1/models HTTP/1.1\r\nHost: localhost:8000\r\nAccept: application/json\r\n"
    "Accept-Encoding: identity\r\nAuthorization: Bearer sk-0123456789\r\nUser-Agent: bench\r\n\r\n";
// About what one token costs on the wire.
const std::string kEvent =
    R"(data: {"id":"chatcmpl-0123456789abcdef","object":"chat.completion.chunk","created":1700000000,)"
    R"("model":"m","choices":[{"index":0,"delta":{"content":" token"},"finish_reason":null}]})"
    "\n\n";

MonotonicTime deadline() {
  return SystemClock().now() + kPatience;
}

void send_bytes(BlockingStream& stream, std::string_view bytes) {
  if (!stream.write_all(bytes, deadline())) std::abort();
}

double thread_cpu_us() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) * 1e-3;
}

struct Bench {
  explicit Bench(HttpHandler handler) {
    server = std::move(*HttpServer::listen(pool, ledger, {}, std::move(handler), {}));
  }
  ~Bench() {
    server.reset();
    pool.stop(kPatience);
  }

  double server_cpu_us() {
    double us = 0;
    std::latch done(1);
    pool.post(0, [&] {
      us = thread_cpu_us();
      done.count_down();
    });
    done.wait();
    return us;
  }
  [[nodiscard]] BlockingStream connect() const {
    return std::move(*BlockingStream::connect("127.0.0.1", server->port(), deadline()));
  }

  SystemClock clock;
  Ledger ledger{clock};
  IoPool pool{1};
  std::unique_ptr<HttpServer> server;
};

// Reads exactly `num_bytes`.
void read_bytes(BlockingStream& stream, std::size_t num_bytes) {
  std::array<char, 65536> buffer;
  while (num_bytes > 0) {
    const auto n =
        stream.read_some(std::span(buffer).first(std::min(num_bytes, buffer.size())), deadline());
    if (!n || *n == 0) std::abort();
    num_bytes -= *n;
  }
}

std::size_t answer_size(Bench& bench) {
  BlockingStream stream = bench.connect();
  send_bytes(stream, kGet);
  std::array<char, 65536> buffer;
  return *stream.read_some(buffer, deadline());
}

// range(0) requests are sent before the answers are read.
void request_answered(benchmark::State& state) {
  Bench bench([](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->respond({.status = 200,
                       .headers = {{"content-type", "application/json"}},
                       .body = R"({"object":"list","data":[]})"});
  });
  const auto depth = static_cast<std::size_t>(state.range(0));
  const std::size_t size = answer_size(bench);
  BlockingStream stream = bench.connect();
  std::string requests;
  for (std::size_t i = 0; i < depth; ++i) requests += kGet;
  const double before = bench.server_cpu_us();
  for (auto _ : state) {
    send_bytes(stream, requests);
    read_bytes(stream, size * depth);
  }
  const auto num_requests = static_cast<double>(state.iterations()) * static_cast<double>(depth);
  state.counters["server_us"] = (bench.server_cpu_us() - before) / num_requests;
  state.counters["requests"] = benchmark::Counter(num_requests, benchmark::Counter::kIsRate);
}
BENCHMARK(request_answered)->Arg(1)->Arg(16)->UseRealTime()->MinTime(0.5);

// Reads whatever comes on many sockets, on a thread of its own.
class Drain {
 public:
  explicit Drain(std::vector<BlockingStream>& streams)
      : thread_([this, &streams] {
          std::vector<pollfd> fds;
          for (const BlockingStream& s : streams) {
            fds.push_back({.fd = s.fd(), .events = POLLIN, .revents = 0});
          }
          std::array<char, 65536> buffer;
          while (!stop_) {
            (void)::poll(fds.data(), fds.size(), 10);
            for (const pollfd& fd : fds) {
              if (fd.revents != 0) (void)::recv(fd.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
            }
          }
        }) {}
  ~Drain() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

constexpr std::size_t kNumStreams = 32;

// Every iteration is one engine step: a batch of range(0) chunks for each of 32 streams.
void streamed_chunk(benchmark::State& state) {
  std::mutex mutex;
  std::vector<std::shared_ptr<HttpExchange>> exchanges;
  Bench bench([&](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->start_stream(200, {{"content-type", "text/event-stream"}});
    const std::lock_guard lock(mutex);
    exchanges.push_back(exchange);
  });
  std::vector<BlockingStream> streams;
  for (std::size_t i = 0; i < kNumStreams; ++i) {
    streams.push_back(bench.connect());
    send_bytes(streams.back(), kGet);
  }
  for (bool all_there = false; !all_there;) {
    const std::lock_guard lock(mutex);
    all_there = exchanges.size() == kNumStreams;
  }
  double server_us = 0;
  {
    const Drain drain(streams);
    const double before = bench.server_cpu_us();
    for (auto _ : state) {
      std::latch done(1);
      bench.pool.post(0, [&] {
        for (const auto& exchange : exchanges) {
          for (std::int64_t i = 0; i < state.range(0); ++i) exchange->write(kEvent);
        }
        done.count_down();
      });
      done.wait();
    }
    server_us = bench.server_cpu_us() - before;
  }
  const double num_chunks = static_cast<double>(state.iterations() * state.range(0)) * kNumStreams;
  state.counters["server_us"] = server_us / num_chunks;
  std::latch done(1);
  bench.pool.post(0, [&] {
    for (const auto& exchange : exchanges) exchange->abort();
    done.count_down();
  });
  done.wait();
}
BENCHMARK(streamed_chunk)->Arg(1)->Arg(16)->UseRealTime()->MinTime(0.5);

// The limit: the same bytes to the same number of sockets by bare send(), reader and all.
void bare_send(benchmark::State& state) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  (void)::listen(listener, 128);
  (void)::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  const std::uint16_t port = ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port);
  std::vector<BlockingStream> streams;
  std::vector<int> senders;
  for (std::size_t i = 0; i < kNumStreams; ++i) {
    streams.push_back(std::move(*BlockingStream::connect("127.0.0.1", port, deadline())));
    senders.push_back(::accept(listener, nullptr, nullptr));
  }
  double sender_us = 0;
  {
    const Drain drain(streams);
    const double before = thread_cpu_us();
    for (auto _ : state) {
      for (const int fd : senders) {
        (void)::send(fd, kEvent.data(), kEvent.size(), MSG_NOSIGNAL);
      }
    }
    sender_us = thread_cpu_us() - before;
  }
  state.counters["server_us"] = sender_us / (static_cast<double>(state.iterations()) * kNumStreams);
  for (const int fd : senders) ::close(fd);
  ::close(listener);
}
BENCHMARK(bare_send)->UseRealTime()->MinTime(0.5);

}  // namespace
}  // namespace penstock::net

BENCHMARK_MAIN();
