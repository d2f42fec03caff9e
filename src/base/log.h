// Logging: lines to stderr, as text or JSON.
//
// log_info("loaded {} tensors in {} ms", n, ms);
//
// Threading: any thread. Never log secrets, prompts or generated text at info or above.
#pragma once

#include <string_view>

#include "base/format.h"
#include "base/result.h"

namespace penstock {

enum class LogLevel : unsigned char { kTrace, kDebug, kInfo, kWarning, kError };
enum class LogFormat : unsigned char { kText, kJson };

[[nodiscard]] Result<LogLevel> parse_log_level(std::string_view name);
[[nodiscard]] Result<LogFormat> parse_log_format(std::string_view name);

// Call once at start; without it lines are text at info.
void configure_log(LogLevel level, LogFormat format);
[[nodiscard]] bool log_enabled(LogLevel level) noexcept;
void log_line(LogLevel level, std::string_view text) noexcept;

template <class... Args>
void log_at(LogLevel level, format_string<Args...> text, Args&&... args) {
  if (log_enabled(level)) log_line(level, format(text, std::forward<Args>(args)...));
}
template <class... Args>
void log_debug(format_string<Args...> text, Args&&... args) {
  log_at(LogLevel::kDebug, text, std::forward<Args>(args)...);
}
template <class... Args>
void log_info(format_string<Args...> text, Args&&... args) {
  log_at(LogLevel::kInfo, text, std::forward<Args>(args)...);
}
template <class... Args>
void log_warning(format_string<Args...> text, Args&&... args) {
  log_at(LogLevel::kWarning, text, std::forward<Args>(args)...);
}
template <class... Args>
void log_error(format_string<Args...> text, Args&&... args) {
  log_at(LogLevel::kError, text, std::forward<Args>(args)...);
}

}  // namespace penstock
