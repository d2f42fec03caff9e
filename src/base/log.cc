#include "base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "base/log_escape.h"

namespace penstock {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::kTrace:
      return spdlog::level::trace;
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

constexpr const char* kTextPattern = "%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v";
// The message is escaped before it reaches the pattern, so every line is one JSON object.
constexpr const char* kJsonPattern =
    R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","thread":%t,"message":"%v"})";

// The one process-wide logger. A singleton by design: a line may be logged from anywhere, tests
// and crash paths included, and no decision depends on it. Never destroyed, because threads and
// destructors of statics may still log while the process exits.
struct Sink {
  std::shared_ptr<spdlog::logger> logger = make();
  LogFormat line_format = LogFormat::kText;

  static std::shared_ptr<spdlog::logger> make() {
    auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
    auto logger = std::make_shared<spdlog::logger>("penstock", std::move(sink));
    logger->set_formatter(
        std::make_unique<spdlog::pattern_formatter>(kTextPattern, spdlog::pattern_time_type::utc));
    logger->flush_on(spdlog::level::info);
    return logger;
  }
};

Sink& sink() {
  static Sink& instance = *new Sink;
  return instance;
}

}  // namespace

Result<LogLevel> parse_log_level(std::string_view name) {
  if (name == "trace") return LogLevel::kTrace;
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warning" || name == "warn") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return make_error(ErrorCode::kInvalid,
                    "log level '{}' is unknown; use trace, debug, info, warning or error", name);
}

Result<LogFormat> parse_log_format(std::string_view name) {
  if (name == "text") return LogFormat::kText;
  if (name == "json") return LogFormat::kJson;
  return make_error(ErrorCode::kInvalid, "log format '{}' is unknown; use text or json", name);
}

void configure_log(LogLevel level, LogFormat line_format) {
  Sink& s = sink();
  s.line_format = line_format;
  s.logger->set_level(to_spdlog(level));
  s.logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      line_format == LogFormat::kJson ? kJsonPattern : kTextPattern,
      spdlog::pattern_time_type::utc));
}

bool log_enabled(LogLevel level) noexcept {
  return sink().logger->should_log(to_spdlog(level));
}

void log_line(LogLevel level, std::string_view text) noexcept {
  const Sink& s = sink();
  const std::string line =
      s.line_format == LogFormat::kJson ? escape_json_line(text) : escape_text_line(text);
  s.logger->log(to_spdlog(level), spdlog::string_view_t(line));
}

}  // namespace penstock
