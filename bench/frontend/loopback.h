// TCP over the loopback interface, for benchmarks. Threading: pure functions.
#pragma once

#include <cstdint>
#include <utility>

namespace penstock::frontend {

// A connected blocking socket, the caller's; aborts when nobody listens.
[[nodiscard]] int connect_to(std::uint16_t port);

// Two ends of one connection, the second with TCP_NODELAY as a server's.
[[nodiscard]] std::pair<int, int> loopback_pair();

}  // namespace penstock::frontend
