// What the kernel asks for a token before any of our code runs: a thread that sleeps wakes another
// through an eventfd, which writes one frame to each of its streams. The floor of a streaming
// server on this machine.
//
// Threading: forks; call it while this process has one thread.
#pragma once

#include <cstddef>

#include "base/clock.h"

namespace penstock::frontend {

struct BarePlan {
  std::size_t num_streams = 1;
  std::size_t num_steps = 500;
  Duration step = std::chrono::milliseconds(2);
  std::size_t frame_bytes = 260;  // about what one token costs on the wire
};

// CPU time of the writing thread per frame, in microseconds. The writer runs in a process of its
// own on core `cpu`, the reader here.
[[nodiscard]] double bare_write_us(const BarePlan& plan, int cpu);

}  // namespace penstock::frontend
