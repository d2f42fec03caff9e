// A storm at the front door: crowds of hostile and of silent connections, and what ordinary clients
// feel of them.
//
// Server, each crowd and the measuring client are processes of their own, forked from the caller,
// which must not have threads yet. They end with their pipes, so with the caller at the latest.
//
//   drippers       send the first bytes of a request, then one byte at a time, for ever
//   never-readers  ask for an answer larger than any socket buffer and never read
//   idle           connect and are silent
//
// A connection that the server ends is opened anew, so the crowds keep their size.
// Ordinary clients send small requests at a steady rate over a few kept connections, every 16th on
// a new one. Latency counts from the moment a request was due.
//
// A twin of the server stands beside it and gets the same ordinary requests, in turn, and no crowd.
// On one machine the crowds, too, need processor time, as they would not elsewhere, and whatever
// else runs there comes and goes; the twin feels all of that and the storm not at all.
#pragma once

#include <cstddef>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace penstock::net {

struct StormPlan {
  std::size_t num_drippers = 1000;
  std::size_t num_never_readers = 1000;
  std::size_t num_idle = 10'000;
  Duration drip_interval = std::chrono::seconds(1);  // of each dripper
  Duration header_timeout = std::chrono::seconds(10);
  Duration measured = std::chrono::seconds(12);  // each half of a round: calm, then storm
  int num_rounds = 3;
  double requests_per_second = 1000;  // to each of the two servers
};

struct StormLatency {
  std::size_t num_requests = 0;
  std::size_t num_failed = 0;
  double p50_us = 0;
  double p99_us = 0;
  double max_us = 0;
};

// What one crowd saw.
struct CrowdReport {
  std::size_t num_opened = 0;
  std::size_t num_closed_by_server = 0;
  double slowest_close_ms = 0;  // from a connection's first byte to its end
};

// At the same time, one request here, one there.
struct StormPair {
  StormLatency server;
  StormLatency twin;
};

struct StormRound {
  StormPair calm;
  StormPair storm;
  CrowdReport drippers;
  CrowdReport never_readers;
  CrowdReport idle;
};

struct StormReport {
  std::vector<StormRound> rounds;
  double bytes_per_idle_connection = 0;  // of the server's resident memory
  double server_mib_in_storm = 0;        // all of it, at its largest seen

  // Median over the rounds of the server's p99 in the storm divided by its twin's.
  [[nodiscard]] double p99_to_twin() const;
  // ... and divided by its own in the calm before.
  [[nodiscard]] double p99_to_calm() const;
};

// Errors: kResourceExhausted when the process may not open that many files, kIo, kDeadline when a
// process does not answer.
[[nodiscard]] Result<StormReport> run_storm(const StormPlan& plan);

}  // namespace penstock::net
