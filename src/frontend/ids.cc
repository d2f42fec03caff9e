#include "frontend/ids.h"

#include <random>

#include "base/format.h"
#include "base/philox.h"

namespace penstock::frontend {

IdSource::IdSource(const Clock& clock) : clock_(clock) {
  std::random_device entropy;
  key_ = {entropy(), entropy()};
}

std::array<std::uint32_t, 4> IdSource::draw() noexcept {
  const std::uint64_t n = counter_.fetch_add(1, std::memory_order_relaxed);
  return philox4x32({static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(n >> 32), 0, 0},
                    key_);
}

std::string IdSource::make_request_id() {
  const auto ms = static_cast<std::uint64_t>(clock_.unix_us()) / 1000;
  const auto bits = draw();
  return format("{:08x}-{:04x}-7{:03x}-{:04x}-{:04x}{:08x}", (ms >> 16) & 0xFFFFFFFF, ms & 0xFFFF,
                bits[0] & 0xFFF, 0x8000 | (bits[1] & 0x3FFF), bits[2] & 0xFFFF, bits[3]);
}

std::uint64_t IdSource::draw_seed() {
  const auto bits = draw();
  return (std::uint64_t{bits[0]} << 32) | bits[1];
}

}  // namespace penstock::frontend
