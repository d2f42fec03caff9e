// How many connections the process's file descriptors are enough for.
//
// Threading: start-up; the limit is the process's.
#pragma once

#include <cstddef>

namespace penstock::net {

// Raises the soft limit of open files towards the hard one until `wanted` connections fit beside
// the rest (model files, logs, other peers), and returns how many do. Logs a warning with both
// numbers when these are fewer.
[[nodiscard]] std::size_t ensure_file_limit(std::size_t wanted_connections);

}  // namespace penstock::net
