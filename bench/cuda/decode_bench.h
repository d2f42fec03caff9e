// Whole decode steps of the anchor shapes, random weights, as graphs with the tokens fed back: ms a
// step, and the share of the read limit for the bytes that a step must read (weights once, the
// contexts' KV once).
#pragma once

#include "base/result.h"
#include "bench/cuda/report.h"
#include "device/cuda/stream.h"

namespace penstock::gpu_bench {

// Allocates and frees its own memory, up to 17 GB and the KV pool.
[[nodiscard]] Status bench_decode(const device::cuda::DeviceInfo& info,
                                  const device::cuda::Stream& stream, const Report& report);

}  // namespace penstock::gpu_bench
