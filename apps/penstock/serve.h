// `penstock serve`: frontend and engine in one process, joined by the in-process channel.
#pragma once

#include <string>
#include <vector>

namespace penstock::apps {

// Runs until a stop signal. The exit code: 0 done, 2 flags, 4 start failed.
[[nodiscard]] int serve(const std::vector<std::string>& arguments);

}  // namespace penstock::apps
