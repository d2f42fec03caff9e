// What a server does with more than it can: a mock engine at a stated pace, 2,000 requests at once,
// and then twice its capacity for a while.
//
//   build/release/overload_bench build/release/penstock MODEL [SECONDS]
//
// Capacity is measured in the same run, in a closed loop that keeps every place of the engine busy.
// Fails when a request gets neither a whole answer nor an honest refusal, when one is answered long
// after its deadline, or when goodput (whole answers in time) falls below 90 % of capacity.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/format.h"
#include "bench/frontend/arrivals.h"
#include "bench/frontend/served_process.h"
#include "bench/frontend/stream_client.h"

namespace penstock::frontend {
namespace {

constexpr std::size_t kPlaces = 64;
constexpr std::size_t kOutputTokens = 32;
constexpr double kLeastGoodput = 0.9;

std::string body_of(std::size_t n, bool stream) {
  return format(
      R"({{"model":"m","stream":{},"max_tokens":{},"ignore_eos":true,"temperature":0,)"
      R"("messages":[{{"role":"user","content":"request {} of many that come at once"}}]}})",
      stream, kOutputTokens, n);
}

bool report(const char* name, const ArrivalReport& got, const ServedProcess& server) {
  std::printf(
      "%-12s %zu good, %zu refused, %zu cut by their deadline, %zu expired, %zu other, "
      "%zu late; good p50 %.0f ms, p99 %.0f ms; refused in p50 %.1f ms, p99 %.1f ms, "
      "Retry-After %.0f to %.0f s; %.0f MB resident, peak %.0f MB\n",
      name, got.num_good, got.num_refused, got.num_cut, got.num_expired, got.num_other,
      got.num_late, quantile(got.good_ms, 0.5), quantile(got.good_ms, 0.99),
      quantile(got.refused_ms, 0.5), quantile(got.refused_ms, 0.99), quantile(got.retry_after_s, 0),
      quantile(got.retry_after_s, 1), static_cast<double>(server.resident_bytes()) * 1e-6,
      static_cast<double>(server.peak_bytes()) * 1e-6);
  std::printf("    the first refusal: %s\n",
              got.first_refused.substr(got.first_refused.find('{') + 1).c_str());
  if (got.num_other > 0) std::printf("    the first other answer: %s\n", got.first_other.c_str());
  std::fflush(stdout);
  return got.num_other == 0 && got.num_late == 0;
}

int run(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: overload_bench PENSTOCK MODEL [SECONDS]\n");
    return 2;
  }
  const double seconds = argc > 3 ? std::atof(argv[3]) : 300;
  pin_to(1);
  const ServedProcess server({argv[1],
                              "serve",
                              "--model",
                              argv[2],
                              "--served-model-name",
                              "m",
                              "--http-port",
                              "0",
                              "--admin-port",
                              "-1",
                              "--engine",
                              "mock",
                              "--mock-step-us",
                              "10000",
                              "--mock-token-us",
                              "0",
                              "--max-num-seqs",
                              std::to_string(kPlaces),
                              "--io-threads",
                              "1",
                              "--log-level",
                              "error"},
                             0);
  const auto closed_loop = [&](std::size_t num_requests) {
    return run_load({.port = server.port(),
                     .num_streams = kPlaces + kPlaces / 4,
                     .num_requests = num_requests,
                     .body = [](std::size_t n) { return body_of(n, true); }});
  };
  (void)closed_loop(500);
  const LoadReport full = closed_loop(4000);
  const double capacity = static_cast<double>(full.num_answered) / full.wall_s;
  std::printf("capacity     %.1f requests/s\n", capacity);

  const auto plain_body = [](std::size_t n) { return body_of(n, false); };
  const ArrivalReport burst = run_arrivals({.port = server.port(),
                                            .num_requests = 2000,
                                            .timeout = std::chrono::seconds(5),
                                            .body = plain_body});
  bool is_good = report("2,000 at once", burst, server);

  const auto num_requests = static_cast<std::size_t>(2 * capacity * seconds);
  const ArrivalReport twice = run_arrivals({.port = server.port(),
                                            .num_requests = num_requests,
                                            .per_second = 2 * capacity,
                                            .timeout = std::chrono::seconds(5),
                                            .body = plain_body});
  is_good &= report("twice as many", twice, server);
  const double goodput = static_cast<double>(twice.num_good) / twice.wall_s;
  std::printf("goodput      %.1f requests/s, %.3f of capacity over %.0f s; goal %.2f\n", goodput,
              goodput / capacity, twice.wall_s, kLeastGoodput);
  is_good &= goodput >= kLeastGoodput * capacity;
  return is_good ? 0 : 1;
}

}  // namespace
}  // namespace penstock::frontend

int main(int argc, char** argv) {
  return penstock::frontend::run(argc, argv);
}
