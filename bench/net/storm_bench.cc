// What ordinary clients feel of 1,000 connections that drip headers, 1,000 that never read and
// 10,000 that are idle (bench/net/storm.h), against the same minute without them.
//
//   build/release/net_storm_bench [rounds [drippers never-readers idle]]
//
// About 30 s a round, 5 rounds by default; 0 leaves a crowd out, to see which one hurts.
//
// Ends with 1 when the p99 of ordinary clients grows by 10 % or more (median of the rounds), a
// request fails, or a dripper lives longer than the header timeout and a second.
#include <sched.h>

#include <cstdio>
#include <cstdlib>

#include "bench/net/storm.h"

using penstock::net::StormLatency;
using penstock::net::StormPlan;
using penstock::net::StormRound;

namespace {

void print_latency(const StormLatency& latency) {
  std::printf("  %7.0f %7.0f %7.0f", latency.p50_us, latency.p99_us, latency.max_us);
}

void print_round(int number, const StormRound& round) {
  std::printf("%5d", number);
  for (const StormLatency* latency :
       {&round.calm.server, &round.calm.twin, &round.storm.server, &round.storm.twin}) {
    print_latency(*latency);
  }
  std::printf("  %6zu %7.0f\n", round.drippers.num_closed_by_server,
              round.drippers.slowest_close_ms);
}

// What the crowds were meant to be and were.
bool has_failed(const StormPlan& plan, const StormRound& round) {
  const double limit_ms = penstock::to_ms(plan.header_timeout) + 1000;
  return round.calm.server.num_failed + round.storm.server.num_failed > 0 ||
         round.drippers.num_opened < plan.num_drippers ||
         round.never_readers.num_opened < plan.num_never_readers ||
         round.idle.num_opened < plan.num_idle || round.drippers.slowest_close_ms > limit_ms;
}

// Before all else that runs here, where root may say so: what is measured is the server, not the
// machine's other work. Inherited by the processes of the storm.
bool take_precedence() {
  const sched_param first{.sched_priority = 1};
  return ::sched_setscheduler(0, SCHED_FIFO, &first) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  StormPlan plan;
  plan.num_rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  if (argc > 4) {
    plan.num_drippers = std::strtoul(argv[2], nullptr, 10);
    plan.num_never_readers = std::strtoul(argv[3], nullptr, 10);
    plan.num_idle = std::strtoul(argv[4], nullptr, 10);
  }
  const bool has_precedence = take_precedence();
  const auto report = penstock::net::run_storm(plan);
  if (!report) {
    std::fprintf(stderr, "net_storm_bench: %s\n", report.error().message().c_str());
    return 1;
  }
  std::printf(
      "%zu drippers, %zu never-readers, %zu idle; ordinary clients: %.0f requests/s; %s priority\n"
      "        calm, us: server           twin                    storm: server            twin"
      "                      drippers closed\n"
      "round      p50     p99     max      p50     p99     max      p50     p99     max      p50"
      "     p99     max   number at, ms\n",
      plan.num_drippers, plan.num_never_readers, plan.num_idle, plan.requests_per_second,
      has_precedence ? "real-time" : "ordinary");
  bool failed = false;
  int number = 0;
  for (const StormRound& round : report->rounds) {
    print_round(++number, round);
    failed = failed || has_failed(plan, round);
  }
  const double ratio = report->p99_to_twin();
  std::printf(
      "p99 in the storm: %.3f of the twin's (goal: below 1.10), %.3f of its own in the calm\n",
      ratio, report->p99_to_calm());
  std::printf("server memory: %.0f bytes per idle connection, %.0f MiB in the storm\n",
              report->bytes_per_idle_connection, report->server_mib_in_storm);
  if (failed) std::printf("FAILED: a crowd or a request did not end as it should\n");
  return failed || ratio >= 1.10 ? 1 : 0;
}
