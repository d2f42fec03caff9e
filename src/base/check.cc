#include "base/check.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "base/log.h"

namespace penstock {
namespace {

std::atomic<unsigned long> num_bugs{0};

}  // namespace

unsigned long bug_count() noexcept {
  return num_bugs.load(std::memory_order_relaxed);
}

namespace internal {

void check_failed(const char* file, int line, const char* condition,
                  const std::string& detail) noexcept {
  // Straight to stderr: the logger may be what failed.
  std::fprintf(stderr, "penstock: bug at %s:%d: CHECK(%s) failed%s%s\n", file, line, condition,
               detail.empty() ? "" : ": ", detail.c_str());
  std::fflush(stderr);
  std::abort();
}

void bug_found(const char* file, int line, const std::string& detail) noexcept {
  num_bugs.fetch_add(1, std::memory_order_relaxed);
  log_error("bug at {}:{}: {}", file, line, detail);
#ifndef NDEBUG
  std::abort();
#endif
}

}  // namespace internal
}  // namespace penstock
