// Bugs: CHECK ends the process, BUG survives in release.
//
//   CHECK(block.ref_count > 0, "kv invariant 2: freeing block {} twice", id);
//
// For bugs of ours only. User, network and file input gets a Result (base/result.h).
#pragma once

#include <string>

#include "base/format.h"

namespace penstock::internal {

[[noreturn]] void check_failed(const char* file, int line, const char* condition,
                               const std::string& detail) noexcept;
void bug_found(const char* file, int line, const std::string& detail) noexcept;
inline std::string check_detail() {
  return {};
}
template <class... Args>
std::string check_detail(format_string<Args...> text, Args&&... args) {
  return format(text, std::forward<Args>(args)...);
}

}  // namespace penstock::internal

// Always on. The optional text is formatted only on failure.
#define CHECK(condition, ...)                                                              \
  do {                                                                                     \
    if (!(condition)) [[unlikely]]                                                         \
      ::penstock::internal::check_failed(__FILE__, __LINE__, #condition,                   \
                                         ::penstock::internal::check_detail(__VA_ARGS__)); \
  } while (false)

// A bug that one request can pay for alone: logged and counted in release, abort in debug builds.
#define BUG(...)                                      \
  ::penstock::internal::bug_found(__FILE__, __LINE__, \
                                  ::penstock::internal::check_detail(__VA_ARGS__))

namespace penstock {
// How often BUG was reached in this process.
[[nodiscard]] unsigned long bug_count() noexcept;
}  // namespace penstock
