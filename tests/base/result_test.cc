#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace penstock {
namespace {

Result<int> parse_digit(char c) {
  if (c < '0' || c > '9') return make_error(ErrorCode::kInvalid, "'{}' is no digit", c);
  return c - '0';
}

Status require_even(int value) {
  if (value % 2 != 0) return make_error(ErrorCode::kUnsupported, "{} is odd", value);
  return {};
}

template <int Low, int High>
Status require_between(int value) {
  if (value < Low || value > High) return make_error(ErrorCode::kInvalid, "{} is outside", value);
  return {};
}

Result<int> sum_of_even_digits(std::string_view text) {
  int sum = 0;
  for (const char c : text) {
    ASSIGN_OR_RETURN(const int digit, parse_digit(c));
    RETURN_IF_ERROR(require_even(digit));
    RETURN_IF_ERROR(require_between<0, 6>(digit));
    sum += digit;
  }
  return sum;
}

TEST(Result, values_pass_through_the_macros) {
  EXPECT_EQ(sum_of_even_digits("2460").value(), 12);
}

TEST(Result, the_first_error_leaves_the_function) {
  const auto bad_digit = sum_of_even_digits("2x3");
  ASSERT_FALSE(bad_digit);
  EXPECT_EQ(bad_digit.error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(bad_digit.error().message(), "'x' is no digit");
  EXPECT_EQ(sum_of_even_digits("23").error().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(sum_of_even_digits("28").error().message(), "8 is outside");
}

Result<std::unique_ptr<int>> boxed(int value) {
  return std::make_unique<int>(value);
}

Result<int> unboxed(int value) {
  ASSIGN_OR_RETURN(const std::unique_ptr<int> box, boxed(value));
  return *box;
}

TEST(Result, carries_values_that_only_move) {
  EXPECT_EQ(unboxed(5).value(), 5);
}

TEST(Error, shows_the_way_it_came) {
  const Error error =
      Error(ErrorCode::kIo, "no space left").with_context("writing b").with_context("saving a");
  EXPECT_EQ(error.message(), "saving a: writing b: no space left");
  EXPECT_EQ(error.code(), ErrorCode::kIo);
}

TEST(ErrorCode, has_a_text_for_each) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    EXPECT_NE(to_string(static_cast<ErrorCode>(code)), "unknown");
  }
}

}  // namespace
}  // namespace penstock
