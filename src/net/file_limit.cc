#include "net/file_limit.h"

#include <sys/resource.h>

#include <algorithm>

#include "base/log.h"

namespace penstock::net {
namespace {

// For everything that is no client's connection.
constexpr rlim_t kReservedFiles = 256;

}  // namespace

std::size_t ensure_file_limit(std::size_t wanted_connections) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted_connections;
  const rlim_t needed = wanted_connections + kReservedFiles;
  if (limit.rlim_cur < needed) {
    const rlimit raised{.rlim_cur = std::min(needed, limit.rlim_max), .rlim_max = limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  if (limit.rlim_cur >= needed) return wanted_connections;
  const std::size_t affordable = limit.rlim_cur > 2 * kReservedFiles
                                     ? limit.rlim_cur - kReservedFiles
                                     : std::max<rlim_t>(limit.rlim_cur / 2, 1);
  log_warning(
      "{} connections are wanted and {} can be open at once: the process may open {} files; raise "
      "it (ulimit -n {}, or LimitNOFILE= of the service) or lower max-connections",
      wanted_connections, affordable, limit.rlim_cur, needed);
  return affordable;
}

}  // namespace penstock::net
