#include "text/json.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>

namespace penstock::text {
namespace {

Json parsed(std::string_view text) {
  auto value = parse_json(text);
  EXPECT_TRUE(value) << value.error().message();
  return value.value_or(Json());
}

std::string error_of(std::string_view text, JsonLimits limits = {}) {
  const auto value = parse_json(text, limits);
  if (value) return "accepted";
  EXPECT_EQ(value.error().code(), ErrorCode::kInvalid);
  return value.error().message();
}

TEST(Json, reads_every_kind_of_value) {
  const Json value = parsed(R"( {"a":[null,true,false,-7,2.5,"x\u00e9\n\ud83d\ude00"],"b":{}} )");
  const Json::Array& a = value.find("a")->as_array();
  EXPECT_TRUE(a[0].is_null());
  EXPECT_TRUE(a[1].as_bool());
  EXPECT_FALSE(a[2].as_bool());
  EXPECT_EQ(a[3].as_int(), -7);
  EXPECT_EQ(a[4].as_double(), 2.5);
  EXPECT_EQ(a[5].as_string(), "xé\n😀");
  EXPECT_TRUE(value.find("b")->as_object().empty());
  EXPECT_EQ(value.find("c"), nullptr);
  EXPECT_EQ(a[0].find("a"), nullptr);
}

TEST(Json, keeps_integers_exactly_and_tells_their_type) {
  EXPECT_EQ(parsed("9007199254740993").as_int(), 9007199254740993);
  EXPECT_EQ(parsed("-9223372036854775808").as_int(), std::numeric_limits<std::int64_t>::min());
  EXPECT_TRUE(parsed("18446744073709551615").is_uint64());
  EXPECT_EQ(parsed("18446744073709551615").as_uint64(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(parsed("7").as_uint64(), 7U);
  EXPECT_TRUE(parsed("18446744073709551616").is_double());
  EXPECT_TRUE(parsed("1.0").is_double());
  EXPECT_TRUE(parsed("1e2").is_double());
}

TEST(Json, reads_the_double_nearest_to_what_is_written) {
  std::mt19937_64 rng(11);
  for (int i = 0; i < 50'000; ++i) {
    const double value = std::bit_cast<double>(rng());
    if (!std::isfinite(value)) continue;
    char text[40];
    std::snprintf(text, sizeof text, "%.17g", value);
    ASSERT_EQ(parsed(text).as_double(), value) << text;
    ASSERT_EQ(parsed(to_json(Json(value))), Json(value)) << text;
  }
  EXPECT_EQ(parsed("0.7").as_double(), 0.7);
  EXPECT_EQ(parsed("[1e-400]").as_array()[0].as_double(), 0.0);
  EXPECT_EQ(parsed("4.9406564584124654e-324").as_double(), 4.9406564584124654e-324);
}

TEST(Json, refuses_a_number_too_large_for_a_double) {
  EXPECT_EQ(error_of("[1e400]"), "invalid JSON at line 1, column 7: the number 1e400 is too large");
  EXPECT_NE(error_of("-" + std::string(500, '9')).find("999... is too large"), std::string::npos);
}

TEST(Json, refuses_what_rfc_8259_does_not_allow) {
  for (const std::string_view text : {"",
                                      " ",
                                      "nul",
                                      "01",
                                      "1.",
                                      ".5",
                                      "+1",
                                      "-",
                                      "1e",
                                      "[1,]",
                                      "[,1]",
                                      "[1",
                                      "{",
                                      "{\"a\"}",
                                      "{a:1}",
                                      "{\"a\":1,}",
                                      "'a'",
                                      "\"a",
                                      "\"\n\"",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "\"\\ud800\"",
                                      "\"\\udc00\"",
                                      "1 2",
                                      "[1]x",
                                      "NaN",
                                      "Infinity",
                                      "/**/1",
                                      "\xEF\xBB\xBF{}",
                                      "true false",
                                      "\"\\ud800\\u0041\"",
                                      "[1 2]",
                                      "{\"a\" 1}"}) {
    EXPECT_NE(error_of(text), "accepted") << text;
  }
}

TEST(Json, errors_name_line_and_column) {
  EXPECT_EQ(error_of("{\n  \"a\": 1,\n  \"b\": x\n}"),
            "invalid JSON at line 3, column 8: syntax error");
  EXPECT_EQ(error_of("{\"a\":\"\xC3\x28\"}"), "invalid JSON: byte 6 is not valid UTF-8");
}

TEST(Json, refuses_a_member_name_written_twice) {
  EXPECT_EQ(error_of(R"({"a":1,"a":2})"),
            "invalid JSON at line 1, column 13: the member name 'a' appears twice in one object");
  std::string many = "{";
  for (int i = 0; i < 50; ++i) many += "\"m" + std::to_string(i % 49) + "\":1,";
  many.back() = '}';
  EXPECT_NE(error_of(many).find("'m0' appears twice"), std::string::npos);
  EXPECT_EQ(error_of(R"([{"a":1},{"a":{"a":2}}])"), "accepted");
}

TEST(Json, nesting_is_bounded) {
  const auto nested = [](std::size_t depth, std::string_view open, std::string_view close) {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i) text += open;
    text += "1";
    for (std::size_t i = 0; i < depth; ++i) text += close;
    return text;
  };
  EXPECT_EQ(error_of(nested(128, "[", "]")), "accepted");
  EXPECT_EQ(error_of(nested(129, "[", "]")),
            "invalid JSON: nested deeper than 128 levels at line 1, column 129");
  EXPECT_NE(error_of(nested(200'000, "[", "]")).find("nested deeper than 128"), std::string::npos);
  EXPECT_NE(error_of(nested(200'000, "{\"a\":", "}")).find("nested deeper than 128"),
            std::string::npos);
  EXPECT_NE(error_of(std::string(200'000, '[')).find("nested deeper than 128"), std::string::npos);
  EXPECT_EQ(error_of(nested(1000, "[{\"a\":", "}]"), {.max_depth = 2000}), "accepted");
}

TEST(Json, objects_keep_the_written_order_and_find_every_member) {
  for (const int count : {3, 16, 17, 1000}) {
    std::string text = "{";
    for (int i = 0; i < count; ++i) {
      text += "\"k" + std::to_string(i * 7919 % count) + "\":" + std::to_string(i) + ",";
    }
    text.back() = '}';
    const Json value = parsed(text);
    EXPECT_EQ(to_json(value), text);
    for (int i = 0; i < count; ++i) {
      ASSERT_EQ(value.find("k" + std::to_string(i * 7919 % count))->as_int(), i);
    }
    EXPECT_EQ(value.find("absent"), nullptr);
  }
}

TEST(Json, members_are_set_replaced_and_erased) {
  Json::Object object{{"a", 1}, {"b", 2}};
  for (int i = 0; i < 40; ++i) object.set("m" + std::to_string(i), i);
  object.set("b", "two");
  EXPECT_EQ(object.size(), 42U);
  EXPECT_EQ(object.find("b")->as_string(), "two");
  EXPECT_EQ(object.begin()[1].first, "b");
  EXPECT_TRUE(object.erase("a"));
  EXPECT_FALSE(object.erase("a"));
  for (int i = 0; i < 40; ++i) {
    ASSERT_EQ(object.find("m" + std::to_string(i))->as_int(), i);
    ASSERT_TRUE(object.erase("m" + std::to_string(i)));
  }
  EXPECT_EQ(object.size(), 1U);
}

TEST(Json, equality_looks_at_values_not_at_order_or_spelling) {
  EXPECT_EQ(parsed(R"({"a":1,"b":[2.0]})"), parsed(R"({"b":[2],"a":1.0})"));
  EXPECT_NE(parsed(R"({"a":1})"), parsed(R"({"a":1,"b":null})"));
  EXPECT_NE(parsed("[1,2]"), parsed("[2,1]"));
  EXPECT_NE(parsed("0"), parsed("false"));
}

TEST(Json, writes_compactly_with_control_characters_escaped) {
  const Json value(Json::Object{{"t", "\"\\/\b\f\n\r\t\x01\x7F é😀"},
                                {"n", -5},
                                {"u", ~std::uint64_t{0}},
                                {"d", 0.1},
                                {"z", nullptr},
                                {"l", Json::Array{true, Json::Array{}}}});
  EXPECT_EQ(
      to_json(value),
      "{\"t\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\x7F é😀\",\"n\":-5,\"u\":18446744073709551615,"
      "\"d\":0.1,\"z\":null,\"l\":[true,[]]}");
  EXPECT_EQ(parsed(to_json(value)), value);
}

TEST(Json, numbers_that_json_lacks_become_null) {
  EXPECT_EQ(to_json(Json(std::numeric_limits<double>::quiet_NaN())), "null");
  EXPECT_EQ(to_json(Json(-std::numeric_limits<double>::infinity())), "null");
}

TEST(Json, minus_zero_keeps_its_sign) {
  EXPECT_EQ(to_json(Json(-0.0)), "-0.0");
  EXPECT_TRUE(std::signbit(parsed("-0.0").as_double()));
}

TEST(Json, type_names_are_for_messages) {
  const Json value = parsed(R"([null,true,1,18446744073709551615,1.5,"",[],{}])");
  std::string names;
  for (const Json& each : value.as_array()) names.append(each.type_name()).append(" ");
  EXPECT_EQ(names, "null boolean integer integer number string array object ");
}

TEST(JsonDeathTest, asking_for_another_type_is_a_bug) {
  EXPECT_DEATH((void)Json(1).as_string(), "is_string");
  EXPECT_DEATH((void)Json(-1).as_uint64(), "as_int");
  EXPECT_DEATH((void)Json("1").as_double(), "is_double");
}

TEST(JsonParse, an_array_of_too_many_items_is_not_read_to_its_end) {
  EXPECT_TRUE(parse_json("[[1,2],[3,4]]", {.max_items = 2}));
  const auto over =
      parse_json(R"({"a":[1,"2",[3]], what comes here is not looked at)", {.max_items = 2});
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(over.error().message(), "an array of more than 2 items");
}

TEST(JsonObject, erase_if_keeps_the_others_findable) {
  Json::Object object;
  for (int i = 0; i < 100; ++i) object.set(std::to_string(i), Json(i));
  object.erase_if([](const Json::Member& member) { return member.second.as_int() % 2 == 0; });
  EXPECT_EQ(object.size(), 50u);
  EXPECT_EQ(object.find("40"), nullptr);
  ASSERT_NE(object.find("41"), nullptr);
  EXPECT_EQ(object.find("41")->as_int(), 41);
}

}  // namespace
}  // namespace penstock::text
