#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock {
namespace {

using testing::MatchesRegex;

// What `body` logs to stderr; the logger is left as it is without configuration.
template <class Body>
std::string logged(LogLevel level, LogFormat line_format, const Body& body) {
  configure_log(level, line_format);
  testing::internal::CaptureStderr();
  body();
  std::string text = testing::internal::GetCapturedStderr();
  configure_log(LogLevel::kInfo, LogFormat::kText);
  return text;
}

TEST(Log, text_lines_start_with_time_in_utc_and_level) {
  const std::string line =
      logged(LogLevel::kInfo, LogFormat::kText, [] { log_warning("disk is {} % full", 97); });
  EXPECT_THAT(line, MatchesRegex("[0-9-]+T[0-9:]+\\.[0-9]+Z warning disk is 97 % full\n"));
}

TEST(Log, json_lines_are_one_object_each) {
  const std::string line =
      logged(LogLevel::kInfo, LogFormat::kJson, [] { log_info("a \"quoted\"\nname"); });
  EXPECT_THAT(line, MatchesRegex("\\{\"time\":\"[0-9-]+T[0-9:]+\\.[0-9]+Z\",\"level\":\"info\","
                                 "\"thread\":[0-9]+,"
                                 "\"message\":\"a \\\\\"quoted\\\\\"\\\\u000aname\"\\}\n"));
}

TEST(Log, lines_below_the_level_cost_no_formatting) {
  const std::string text = logged(LogLevel::kWarning, LogFormat::kText, [] {
    EXPECT_FALSE(log_enabled(LogLevel::kInfo));
    log_info("not seen");
    log_debug("not seen");
  });
  EXPECT_EQ(text, "");
}

TEST(Log, percent_signs_and_braces_in_a_message_are_only_text) {
  const std::string line =
      logged(LogLevel::kInfo, LogFormat::kText, [] { log_info("{}", "100% {} %v"); });
  EXPECT_THAT(line, testing::HasSubstr("100% {} %v"));
}

TEST(LogSettings, are_parsed_by_name_and_unknown_ones_say_what_there_is) {
  EXPECT_EQ(parse_log_level("debug").value(), LogLevel::kDebug);
  EXPECT_EQ(parse_log_level("warn").value(), parse_log_level("warning").value());
  EXPECT_EQ(parse_log_format("json").value(), LogFormat::kJson);
  EXPECT_THAT(parse_log_level("loud").error().message(), testing::HasSubstr("'loud'"));
  EXPECT_THAT(parse_log_format("xml").error().message(), testing::HasSubstr("use text or json"));
}

}  // namespace
}  // namespace penstock
