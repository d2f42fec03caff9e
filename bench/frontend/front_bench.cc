// What the front of a server costs: CPU time of its threads per request and per streamed token,
// with an engine that makes tokens up in no time or at a stated pace.
//
//   build/release/front_bench build/release/penstock MODEL [RUNS]
//
// The server has core 0, the client core 1. The engine's own thread is counted apart: what is left
// is what a frontend beside workers would spend. Prints the median of RUNS (5) with least and most,
// and for paced streams what the kernel alone asks for each token in the same run.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/format.h"
#include "bench/frontend/bare_writes.h"
#include "bench/frontend/served_process.h"
#include "bench/frontend/stream_client.h"

namespace penstock::frontend {
namespace {

constexpr Duration kStep = std::chrono::milliseconds(2);

struct Item {
  std::string_view name;
  std::vector<std::string> flags;
  std::size_t num_streams;
  std::size_t num_requests;
  std::size_t num_prompt_words;
  std::size_t max_tokens;
  bool is_per_token;
  bool is_paced;  // a step of kStep
  std::string_view goal;
};

struct Figures {
  double front_us = 0;   // all threads but the engine's, per request or token
  double engine_us = 0;  // the engine's
  double first_byte_p50_us = 0;
  double first_byte_p99_us = 0;
  double gap_p99_us = 0;
  double tokens_per_read = 0;
  double peak_mb = 0;
};

// About one token per word, different for each request.
std::string body_of(const Item& item, std::size_t n) {
  constexpr std::string_view kWords[] = {"river", "stone", "light", "paper", "train", "cloud",
                                         "music", "green", "table", "horse", "water", "night"};
  std::string text;
  for (std::size_t i = 0; i < item.num_prompt_words; ++i) {
    text += kWords[(n * 7 + i * (1 + n % 11)) % std::size(kWords)];
    text += ' ';
  }
  return format(R"({{"model":"m","stream":true,"max_tokens":{},"ignore_eos":true,"temperature":0,)"
                R"("messages":[{{"role":"user","content":"{}"}}]}})",
                item.max_tokens, text);
}

Figures measure(const Item& item, const std::string& binary, const std::string& model) {
  std::vector<std::string> arguments = {binary,
                                        "serve",
                                        "--model",
                                        model,
                                        "--served-model-name",
                                        "m",
                                        "--http-port",
                                        "0",
                                        "--admin-port",
                                        "-1",
                                        "--engine",
                                        "mock",
                                        "--io-threads",
                                        "1",
                                        "--tokenizer-threads",
                                        "1",
                                        "--log-level",
                                        "error",
                                        "--kv-blocks",
                                        "65536"};
  arguments.insert(arguments.end(), item.flags.begin(), item.flags.end());
  const ServedProcess server(arguments, 0);
  const auto load = [&](std::size_t num_requests) {
    return run_load({.port = server.port(),
                     .num_streams = item.num_streams,
                     .num_requests = num_requests,
                     .body = [&](std::size_t n) { return body_of(item, n); }});
  };
  (void)load(std::max<std::size_t>(item.num_requests / 10, item.num_streams));
  const ThreadTimes before = server.thread_times();
  const LoadReport report = load(item.num_requests);
  ThreadTimes spent = server.thread_times();
  if (report.num_answered != item.num_requests) {
    std::fprintf(stderr, "front_bench: %zu of %zu requests failed\n", report.num_failed,
                 item.num_requests);
    std::exit(1);
  }
  double engine_ns = 0;
  double front_ns = 0;
  for (auto& [name, ns] : spent) {
    if (const auto at = before.find(name); at != before.end()) ns -= at->second;
    (name == "engine" ? engine_ns : front_ns) += static_cast<double>(ns);
    if (std::getenv("FRONT_BENCH_THREADS") != nullptr) {
      std::printf("    %-12s %8.1f ms\n", name.c_str(), static_cast<double>(ns) * 1e-6);
    }
  }
  const double num_tokens = static_cast<double>(item.num_requests * item.max_tokens);
  const double units = item.is_per_token ? num_tokens : static_cast<double>(item.num_requests);
  return {.front_us = front_ns * 1e-3 / units,
          .engine_us = engine_ns * 1e-3 / units,
          .first_byte_p50_us = quantile(report.first_byte_us, 0.5),
          .first_byte_p99_us = quantile(report.first_byte_us, 0.99),
          .gap_p99_us = quantile(report.gap_us, 0.99),
          .tokens_per_read = num_tokens / static_cast<double>(report.num_reads),
          .peak_mb = static_cast<double>(server.peak_bytes()) * 1e-6};
}

void report(const Item& item, const std::string& binary, const std::string& model, int num_runs) {
  std::vector<Figures> runs;
  for (int i = 0; i < num_runs; ++i) runs.push_back(measure(item, binary, model));
  std::ranges::sort(runs, {}, &Figures::front_us);
  const Figures& middle = runs[runs.size() / 2];
  std::printf("%-18s front %7.2f us (%.2f to %.2f), engine %7.2f us per %s; goal %s\n",
              std::string(item.name).c_str(), middle.front_us, runs.front().front_us,
              runs.back().front_us, middle.engine_us, item.is_per_token ? "token" : "request",
              std::string(item.goal).c_str());
  std::printf(
      "%-18s first byte p50 %.0f us, p99 %.0f us; gap p99 %.0f us; %.2f tokens per read; "
      "peak %.0f MB\n",
      "", middle.first_byte_p50_us, middle.first_byte_p99_us, middle.gap_p99_us,
      middle.tokens_per_read, middle.peak_mb);
  if (item.is_paced) {
    std::vector<double> bare;
    for (int i = 0; i < num_runs; ++i) {
      bare.push_back(bare_write_us({.num_streams = item.num_streams, .step = kStep}, 0));
    }
    std::ranges::sort(bare);
    std::printf("%-18s a bare wake and write: %.2f us (%.2f to %.2f) per token\n", "",
                bare[bare.size() / 2], bare.front(), bare.back());
  }
  std::fflush(stdout);
}

int run(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: front_bench PENSTOCK MODEL [RUNS]\n");
    return 2;
  }
  const int num_runs = argc > 3 ? std::atoi(argv[3]) : 5;
  pin_to(1);
  const std::vector<std::string> instantly = {"--mock-speedup", "0"};
  const std::vector<std::string> paced = {"--mock-step-us", "2000", "--mock-token-us", "0"};
  const Item items[] = {
      {"request", instantly, 64, 6400, 40, 16, false, false, "200 us (60 % of 334)"},
      {"token in bursts", instantly, 64, 640, 40, 512, true, false, "5.4 us (60 % of 9)"},
      {"token, 64 streams", paced, 64, 128, 40, 512, true, true, "13.8 us (60 % of 23)"},
      {"token, 1 stream", paced, 1, 3, 40, 512, true, true, "13.8 us (60 % of 23)"},
  };
  for (const Item& item : items) report(item, argv[1], argv[2], num_runs);
  return 0;
}

}  // namespace
}  // namespace penstock::frontend

int main(int argc, char** argv) {
  return penstock::frontend::run(argc, argv);
}
