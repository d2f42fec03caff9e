#include "engine/request.h"

namespace penstock::engine {

std::string_view to_string(FinishReason reason) noexcept {
  constexpr std::string_view kNames[] = {"none",      "stop",    "length",      "deadline",
                                         "cancelled", "invalid", "kv_capacity", "overloaded",
                                         "draining",  "internal"};
  return kNames[static_cast<std::size_t>(reason)];
}

}  // namespace penstock::engine
