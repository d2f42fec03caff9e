// Every row of every table, at every depth: what its limits take is taken, one step beyond each
// limit, every wrong type and null are refused, each with the path of the value at fault.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "field_cases.h"
#include "openai/field_table.h"
#include "request_case.h"

namespace penstock::openai {
namespace {

using text::Json;

// What a field's good values need beside them, by rules of two fields.
const std::map<std::string, std::string, std::less<>>& companions() {
  static const std::map<std::string, std::string, std::less<>> map = {
      {"min_tokens", R"({"max_tokens":4294967295})"},
      {"penstock", R"({"stream":true})"},
      {"nvext", R"({"stream":true})"},
  };
  return map;
}

Json body_with(const std::vector<FieldSpec>& specs, const FieldSpec& field, const Json& value) {
  Json::Object body = least_body(specs);
  body.set(std::string(field.name), value);
  if (!field.needs.empty()) body.set(std::string(field.needs), Json(true));
  if (const auto more = companions().find(field.name); more != companions().end()) {
    const Json others = text::parse_json(more->second).value();
    for (const auto& [name, other] : others.as_object()) body.set(name, other);
  }
  return Json(std::move(body));
}

std::string shown(const Json& value) {
  return clipped(text::to_json(value), 200);
}

// "invalid_value at messages[1].role", or "ok".
template <class T>
std::string verdict(const ApiResult<T>& result) {
  if (result) return "ok";
  return std::string(row_of(result.error().code).name) + " at " +
         result.error().param.value_or("null");
}

template <class Parse>
std::size_t expect_bad_values_refused(const FieldTable& table, Parse&& parse) {
  std::size_t num_bad = 0;
  for (const FieldSpec& field : table.specs()) {
    for (const BadValue& bad : cases_of(field).bad) {
      const Json body = body_with(table.specs(), field, bad.value);
      EXPECT_EQ(verdict(parse(body)),
                std::string(row_of(bad.code).name) + " at " + std::string(field.name) + bad.place)
          << field.name << " is " << bad.why << ": " << shown(bad.value);
      ++num_bad;
    }
  }
  return num_bad;
}

std::size_t expect_good_values_taken(const FieldTable& table) {
  std::size_t num_good = 0;
  for (const FieldSpec& field : table.specs()) {
    for (const Json& good : cases_of(field).good) {
      const Json body = body_with(table.specs(), field, good);
      EXPECT_EQ(verdict(check_fields(body, table, UnknownFields::kReject)), "ok")
          << field.name << " = " << shown(good);
      ++num_good;
    }
  }
  return num_good;
}

FieldTable chat_table() {
  return FieldTable::chat({.max_n = 16, .allow_request_template = true});
}

TEST(GeneratedFields, chat_takes_every_value_within_the_limits) {
  EXPECT_GT(expect_good_values_taken(chat_table()), 200u);
}

TEST(GeneratedFields, completions_take_every_value_within_the_limits) {
  EXPECT_GT(expect_good_values_taken(FieldTable::completions({})), 150u);
}

TEST(GeneratedFields, chat_refuses_every_value_beyond_them_by_its_path) {
  const FieldTable table = chat_table();
  EXPECT_GT(expect_bad_values_refused(table,
                                      [&](const Json& body) {
                                        return parse_chat_request(body, table,
                                                                  UnknownFields::kIgnore);
                                      }),
            500u);
}

TEST(GeneratedFields, completions_refuse_every_value_beyond_them_by_its_path) {
  const FieldTable table = FieldTable::completions({});
  EXPECT_GT(expect_bad_values_refused(table,
                                      [&](const Json& body) {
                                        return parse_completion_request(body, table,
                                                                        UnknownFields::kIgnore);
                                      }),
            400u);
}

// The rules of two fields are kept apart here: what the table takes, the parser does too.
TEST(GeneratedFields, good_values_at_the_top_are_good_requests) {
  const std::set<std::string_view> by_two_rules = {
      "best_of", "continue_final_message", "tool_choice", "messages", "penstock", "nvext"};
  const FieldTable table = chat_table();
  for (const FieldSpec& field : table.specs()) {
    if (by_two_rules.contains(field.name)) continue;
    for (const Json& good : cases_of(field).good) {
      const Json body = body_with(table.specs(), field, good);
      EXPECT_EQ(verdict(parse_chat_request(body, table, UnknownFields::kReject)), "ok")
          << field.name << " = " << shown(good);
    }
  }
}

template <class Parse>
void expect_null_equals_absent(const FieldTable& table, Parse&& parse) {
  for (const FieldSpec& field : table.specs()) {
    Json::Object body = least_body(table.specs());
    body.set(std::string(field.name), Json());
    const std::string expected =
        field.is_required ? "missing_parameter at " + std::string(field.name) : "ok";
    EXPECT_EQ(verdict(parse(Json(std::move(body)))), expected) << field.name;
  }
}

TEST(GeneratedFields, null_equals_absent) {
  expect_null_equals_absent(chat_table(), [](const Json& body) {
    return parse_chat_request(body, chat_table(), UnknownFields::kReject);
  });
  expect_null_equals_absent(FieldTable::completions({}), [](const Json& body) {
    return parse_completion_request(body, FieldTable::completions({}), UnknownFields::kReject);
  });
}

TEST(GeneratedFields, every_row_says_what_it_is_for) {
  for (const FieldTable& table : {chat_table(), FieldTable::completions({})}) {
    for (const FieldSpec& field : table.specs()) {
      EXPECT_TRUE(field.meaning.ends_with('.')) << field.name;
      EXPECT_FALSE(field.default_text.empty()) << field.name;
      EXPECT_EQ(field.state == FieldState::kRefused, !field.note.empty()) << field.name;
    }
  }
}

}  // namespace
}  // namespace penstock::openai
