// The settings of a command: one table that parses, explains and prints them.
//
// Precedence: flag > environment (PENSTOCK_ + upper-snake of the flag) > --config TOML file >
// default. Booleans have a --no- twin. Unknown names are errors that offer the nearest known one.
// Threading: start-up only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace penstock::apps {

// Where a value is kept; it holds the default when it is added.
using SettingTarget =
    std::variant<bool*, std::int64_t*, double*, std::string*, std::vector<std::string>*,
                 std::optional<std::int64_t>*, std::optional<double>*>;

struct SettingRange {
  double min = 0;
  double max = 0;
};

class Settings final {
 public:
  Settings(std::string command, std::string description);
  ~Settings();
  Settings(Settings&&) noexcept;

  void section(std::string title);
  // `flag` without dashes: "http-port"; aliases after it, separated by commas.
  void add(const std::string& flag, SettingTarget target, std::string help);
  // A number within bounds, both included.
  void add(const std::string& flag, SettingTarget target, SettingRange range, std::string help);
  // One of a few words.
  void add(const std::string& flag, std::string* target, const std::vector<std::string>& words,
           std::string help);

  enum class Outcome : std::uint8_t { kRun, kHelp, kPrintConfig };
  // Fills every target. The error text is ready to be shown.
  [[nodiscard]] Result<Outcome> parse(const std::vector<std::string>& arguments);

  [[nodiscard]] std::string help() const;
  // Every setting with its value and, as a comment, where it came from. Valid TOML.
  [[nodiscard]] std::string config_text() const;
  // The same as JSON, for others to read: {"settings":{FLAG:{"value","origin"}}}. Values of flags
  // that end in -secret, -token or -password are masked, and so are passwords within URLs.
  [[nodiscard]] std::string config_json() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::apps
