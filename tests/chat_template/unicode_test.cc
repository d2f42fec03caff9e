// Characters and case against Python, on every code point.
#include "chat_template/values/unicode.h"

#include <functional>

#include "base/hash.h"
#include "chat_template/values/case.h"
#include "tests/chat_template/golden.h"
#include "text/utf8.h"

namespace penstock::chat_template {
namespace {

class ChatTemplateUnicode : public ::testing::Test {
 protected:
  static void for_each_character(const std::function<void(char32_t)>& visit) {
    for (char32_t c = 0; c < 0x110000; ++c) {
      if (c < 0xD800 || c > 0xDFFF) visit(c);
    }
  }
  std::string golden(std::string_view name) { return golden_.find(name)->as_string(); }

  text::Json golden_ = read_golden("unicode.json");
};

TEST_F(ChatTemplateUnicode, classes_are_those_of_python) {
  const auto digest = [](bool (*predicate)(char32_t) noexcept) {
    std::string bits;
    for_each_character([&](char32_t c) { bits.push_back(predicate(c) ? '1' : '0'); });
    return to_hex(sha256(bits));
  };
  EXPECT_EQ(digest(unicode::is_alpha), golden("isalpha"));
  EXPECT_EQ(digest(unicode::is_decimal), golden("isdecimal"));
  EXPECT_EQ(digest(unicode::is_digit), golden("isdigit"));
  EXPECT_EQ(digest(unicode::is_numeric), golden("isnumeric"));
  EXPECT_EQ(digest(unicode::is_space), golden("isspace"));
  EXPECT_EQ(digest(unicode::is_upper), golden("isupper"));
  EXPECT_EQ(digest(unicode::is_lower), golden("islower"));
  EXPECT_EQ(digest(unicode::is_printable), golden("isprintable"));
  EXPECT_EQ(digest(unicode::is_alnum), golden("isalnum"));
}

TEST_F(ChatTemplateUnicode, case_mappings_are_those_of_python) {
  const auto digest = [](unicode::Mapped (*map)(char32_t) noexcept) {
    std::string text;
    for_each_character([&](char32_t c) {
      const unicode::Mapped mapped = map(c);
      for (const char32_t to : mapped.view()) text::append_utf8(text, to);
      text.push_back('\n');
    });
    return to_hex(sha256(text));
  };
  EXPECT_EQ(digest(unicode::to_upper), golden("upper"));
  EXPECT_EQ(digest(unicode::to_lower), golden("lower"));
  EXPECT_EQ(digest(unicode::to_title), golden("title"));
  EXPECT_EQ(digest(unicode::to_folded), golden("casefold"));
}

TEST_F(ChatTemplateUnicode, sigma_takes_its_final_form_where_python_gives_it) {
  Runtime runtime({.max_steps = 100'000'000, .max_heap_bytes = 1 << 30, .now_unix_us = 0});
  std::string text;
  for_each_character([&](char32_t c) {
    std::string word = "A";
    text::append_utf8(word, c);
    word += "Σ";
    text::append_utf8(word, c);
    word += "B";
    const Str* source = borrow_str(runtime.heap(), word, Origin::kData);
    const Result<const Str*> lower = change_case(runtime, *source, CaseChange::kLower);
    ASSERT_TRUE(lower.has_value());
    text += (*lower)->view();
  });
  EXPECT_EQ(to_hex(sha256(text)), golden("final_sigma"));
}

TEST_F(ChatTemplateUnicode, stepping_back_undoes_stepping_forward_even_through_broken_bytes) {
  const std::string_view bytes = "a\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x99\x82\xFF\xE4\xBDz\x80";
  std::vector<std::size_t> forward;
  for (std::size_t at = 0; at < bytes.size(); at += unicode::char_at(bytes, at).num_bytes) {
    forward.push_back(at);
  }
  std::vector<std::size_t> backward;
  for (std::size_t end = bytes.size(); end > 0; end = backward.back()) {
    backward.push_back(unicode::char_before(bytes, end));
  }
  std::ranges::reverse(backward);
  EXPECT_EQ(forward, backward);
}

}  // namespace
}  // namespace penstock::chat_template
