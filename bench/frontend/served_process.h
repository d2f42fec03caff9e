// A `penstock serve` of its own, pinned to a core, and what its threads cost.
//
// Threading: one owner. Ownership: the process ends with the object.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace penstock::frontend {

// CPU time by thread name ("net-io-0"), in nanoseconds since the threads began.
using ThreadTimes = std::map<std::string, std::uint64_t>;

class ServedProcess final {
 public:
  // Runs `arguments` on core `cpu` and waits for the ready line; aborts with a sentence when none
  // comes in time.
  ServedProcess(const std::vector<std::string>& arguments, int cpu);
  ~ServedProcess();  // SIGTERM, and SIGKILL if that does not help
  ServedProcess(const ServedProcess&) = delete;
  ServedProcess& operator=(const ServedProcess&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] ThreadTimes thread_times() const;
  [[nodiscard]] std::uint64_t resident_bytes() const;
  [[nodiscard]] std::uint64_t peak_bytes() const;

 private:
  [[nodiscard]] std::uint64_t status_kib(const std::string& member) const;

  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

// Keeps this process on one core.
void pin_to(int cpu);

}  // namespace penstock::frontend
