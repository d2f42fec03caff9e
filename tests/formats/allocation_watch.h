// Remembers the largest single allocation through operator new of the whole executable.
//
// Linking allocation_watch.cc replaces operator new. Threading: any thread.
#pragma once

#include <cstddef>

namespace penstock::formats::testing {

void forget_allocations() noexcept;
[[nodiscard]] std::size_t largest_allocation() noexcept;

}  // namespace penstock::formats::testing
