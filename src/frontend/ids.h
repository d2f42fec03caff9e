// Request ids, and the random bits a request draws. Threading: any thread, without a lock.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "base/clock.h"

namespace penstock::frontend {

class IdSource final {
 public:
  // Seeds itself from the system's entropy, once.
  explicit IdSource(const Clock& clock);

  // UUID version 7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then random bits.
  [[nodiscard]] std::string make_request_id();
  // For a request that names no seed.
  [[nodiscard]] std::uint64_t draw_seed();

 private:
  [[nodiscard]] std::array<std::uint32_t, 4> draw() noexcept;

  const Clock& clock_;
  std::array<std::uint32_t, 2> key_{};
  std::atomic<std::uint64_t> counter_{0};
};

}  // namespace penstock::frontend
