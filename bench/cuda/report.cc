#include "bench/cuda/report.h"

#include "base/format.h"

namespace penstock::gpu_bench {

void Report::header() const {
  std::printf("%s\n",
              format("{:<10} {:<14} {:<22} {:>5} {:>9} {:>17} {:>8} {:>7} {:>7}", "kernel", "model",
                     "shape", "batch", "median us", "min..max us", "GB/s", "of read", "of floor")
                  .c_str());
}

void Report::row(const Row& row) const {
  const double gb_per_s = row.num_bytes / row.timing.median_us * 1e-3;
  const double of_read = gb_per_s / limits_.read_gb_per_s;
  const double floor_us =
      (row.num_bytes / limits_.read_gb_per_s * 1e-3) + (row.num_kernels * limits_.launch_us);
  const double of_floor = floor_us / row.timing.median_us;
  std::printf(
      "%s\n",
      format("{:<10} {:<14} {:<22} {:>5} {:>9.2f} {:>8.2f}..{:<7.2f} {:>8.0f} {:>6.1f}% "
             "{:>6.1f}%",
             row.kernel, row.model, row.shape, row.batch, row.timing.median_us, row.timing.min_us,
             row.timing.max_us, gb_per_s, of_read * 100.0, of_floor * 100.0)
          .c_str());
  std::fflush(stdout);
  if (json_ == nullptr) return;
  std::fprintf(
      json_, "%s\n",
      format(R"({{"kernel":"{}","model":"{}","shape":"{}","batch":{},"bytes":{:.0f},)"
             R"("us":{:.3f},"us_min":{:.3f},"us_max":{:.3f},"gb_per_s":{:.1f},)"
             R"("share_of_read":{:.4f},"share_of_floor":{:.4f}}})",
             row.kernel, row.model, row.shape, row.batch, row.num_bytes, row.timing.median_us,
             row.timing.min_us, row.timing.max_us, gb_per_s, of_read, of_floor)
          .c_str());
}

}  // namespace penstock::gpu_bench
