#include "base/log_escape.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(EscapeTextLine, keeps_a_message_on_one_line) {
  EXPECT_EQ(escape_text_line("a\nerror forged\r"), "a\\nerror forged\\r");
}

TEST(EscapeTextLine, disarms_what_moves_a_terminal) {
  EXPECT_EQ(escape_text_line("\x1b[2Jx\x7f"), "\\x1b[2Jx\\x7f");
}

TEST(EscapeTextLine, leaves_ordinary_text_alone) {
  EXPECT_EQ(escape_text_line("path \"C:\\x\"\t\u20ac"), "path \"C:\\x\"\t\u20ac");
}

TEST(EscapeJsonLine, escapes_quotes_backslashes_and_controls) {
  EXPECT_EQ(escape_json_line("say \"hi\"\\\n\x01"), R"(say \"hi\"\\\u000a\u0001)");
}

TEST(EscapeJsonLine, keeps_well_formed_utf8_of_every_length) {
  const std::string text = "a\u00e9\u20ac\U0001F600\ud7ff\ue000\U0010FFFF";
  EXPECT_EQ(escape_json_line(text), text);
}

TEST(EscapeJsonLine, replaces_each_byte_that_is_not_utf8) {
  EXPECT_EQ(escape_json_line("\x80"), "\\ufffd");                        // stray continuation
  EXPECT_EQ(escape_json_line("\xC0\xAF"), "\\ufffd\\ufffd");             // overlong
  EXPECT_EQ(escape_json_line("\xED\xA0\x80"), "\\ufffd\\ufffd\\ufffd");  // surrogate
  EXPECT_EQ(escape_json_line("\xF4\x90\x80\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd");  // too large
  EXPECT_EQ(escape_json_line("\xE2\x82"), "\\ufffd\\ufffd");                        // cut short
  EXPECT_EQ(escape_json_line("\xE2\x82x"), "\\ufffd\\ufffdx");
}

}  // namespace
}  // namespace penstock
