// What bodies and headers may say, through a whole frontend: every value beyond a limit is a 400
// with its place, none is a 500, and the description of the API speaks the truth.
#include <gtest/gtest.h>

#include "harness.h"
#include "openai/header_table.h"
#include "tests/openai/field_cases.h"

namespace penstock::frontend {
namespace {

using openai::BadValue;
using openai::FieldSpec;
using openai::FieldTable;
using openai::HeaderSpec;
using openai::Kind;
using text::Json;

FakeWorker::Scripter says_x() {
  return [](const rpc::Submit&, std::uint32_t) {
    return FakeWorker::Script{tokens({'x'}), stop_at(kImEnd)};
  };
}

class Fields : public ::testing::Test {
 protected:
  void expect_bad_values_refused(const std::string& path, const FieldTable& table) {
    for (const FieldSpec& field : table.specs()) {
      for (const BadValue& bad : openai::cases_of(field).bad) {
        Json::Object body = openai::least_body(table.specs());
        body.set("model", Json("tiny"));
        body.set(std::string(field.name), bad.value);
        if (!field.needs.empty()) body.set(std::string(field.needs), Json(true));
        const Recorded answer =
            harness.send("POST", path, text::to_json(Json(std::move(body))))->wait_done();
        EXPECT_EQ(error_of(answer), "400 " + std::string(row_of(bad.code).name) + " " +
                                        std::string(field.name) + bad.place)
            << bad.why;
      }
    }
  }

  Recorded chat_with_header(std::string_view name, std::string value) {
    return harness
        .send("POST", "/v1/chat/completions",
              R"({"model":"tiny","messages":[{"role":"user","content":"hi"}]})",
              {{std::string(name), std::move(value)}})
        ->wait_done();
  }

  Json openapi() { return json_of(harness.send("GET", "/openapi.json")->wait_done()); }

  Harness harness{says_x()};
};

TEST_F(Fields, every_value_of_chat_beyond_its_limits_is_a_400_at_its_place) {
  expect_bad_values_refused("/v1/chat/completions", FieldTable::chat({}));
}

TEST_F(Fields, every_value_of_completions_beyond_its_limits_is_a_400_at_its_place) {
  expect_bad_values_refused("/v1/completions", FieldTable::completions({}));
}

TEST_F(Fields, headers_keep_to_their_table) {
  for (const HeaderSpec& header : openai::request_headers()) {
    for (const std::string_view name : {header.name, header.alias}) {
      if (name.empty()) continue;
      const auto refused = [&](std::string value, std::string_view code) {
        EXPECT_EQ(error_of(chat_with_header(name, std::move(value))),
                  "400 " + std::string(code) + " " + std::string(name));
      };
      if (header.state == openai::FieldState::kNotBuilt) {
        refused("1", "unsupported_parameter");
      } else if (has_kind(header.value.kinds, Kind::kInteger)) {
        refused("soon", "invalid_value");
        refused("1.5", "invalid_value");
        refused("", "invalid_value");
        refused("99999999999999999999", "invalid_value");
        const bool is_pin = header.name.ends_with("-worker-id") || header.name.ends_with("-rank");
        if (is_pin) continue;  // what exists decides: access/tenants_test.cc
        EXPECT_NE(chat_with_header(name, std::to_string(header.value.integer.max)).status, 400);
        EXPECT_NE(chat_with_header(name, std::to_string(header.value.integer.min)).status, 400);
      } else if (header.value.text.size.max < 1000) {
        refused(std::string(header.value.text.size.max + 1, 'x'), "invalid_value");
        refused("", "invalid_value");
        if (header.value.text.form == openai::TextForm::kName) refused("a b", "invalid_value");
        EXPECT_EQ(chat_with_header(name, std::string(header.value.text.size.max, 'x')).status, 200);
      }
    }
  }
}

TEST_F(Fields, a_header_wins_over_the_extension_object) {
  const std::string body =
      R"({"model":"tiny","prompt":"a","penstock":{"agent_hints":)"
      R"({"priority":-3,"strict_priority":4,"osl":10,"speculative_prefill":false}}})";
  EXPECT_EQ(harness.send("POST", "/v1/completions", body)->wait_done().status, 200);
  EXPECT_EQ(harness.send("POST", "/v1/completions", body, {{"x-penstock-priority", "9"}})
                ->wait_done()
                .status,
            200);
  const auto submits = harness.worker().submits();
  ASSERT_EQ(submits.size(), 2u);
  EXPECT_EQ(submits[0].priority, -3);
  EXPECT_EQ(submits[0].strict_priority, 4u);
  EXPECT_EQ(submits[1].priority, 9);
  EXPECT_EQ(submits[1].strict_priority, 4u) << "where the header says nothing, the body does";
}

TEST_F(Fields, pins_of_the_body_name_this_worker_or_none) {
  const auto with = [&](const std::string& members, net::HttpHeaders headers = {}) {
    const Recorded answer =
        harness
            .send("POST", "/v1/completions",
                  R"({"model":"tiny","prompt":"a","penstock":{)" + members + "}}",
                  std::move(headers))
            ->wait_done();
    return answer.status == 200 ? "200" : error_of(answer);
  };
  EXPECT_EQ(with(R"("backend_instance_id":1,"decode_worker_id":1,"dp_rank":0)"), "200");
  EXPECT_EQ(with(R"("backend_instance_id":7)"), "400 invalid_value penstock.backend_instance_id");
  EXPECT_EQ(with(R"("backend_instance_id":1,"decode_worker_id":7)"),
            "400 invalid_value penstock.decode_worker_id");
  EXPECT_EQ(with(R"("dp_rank":1)"), "400 invalid_value penstock.dp_rank");
  EXPECT_EQ(with(R"("decode_worker_id":7)", {{"x-penstock-worker-id", "1"}}), "200")
      << "the header wins";
}

TEST_F(Fields, unlisted_fields_are_named_and_change_nothing) {
  const Recorded answer =
      harness.complete(R"(,"made_up":1,"other":{"deep":[]},"gone":null)")->wait_done();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("x-penstock-ignored"), "made_up,other");
}

TEST(StrictFields, unlisted_fields_are_refused_when_told_so) {
  FrontendOptions options;
  options.unknown_fields = openai::UnknownFields::kReject;
  Harness harness(says_x(), std::move(options));
  EXPECT_EQ(error_of(harness.complete(R"(,"made_up":1)")->wait_done()),
            "400 unknown_parameter made_up");
  EXPECT_EQ(error_of(harness.chat(R"(,"made_up":1)")->wait_done()),
            "400 unknown_parameter made_up");
  EXPECT_EQ(harness.chat(R"(,"made_up":null)")->wait_done().status, 200);
}

TEST_F(Fields, a_request_s_template_needs_the_operator_s_leave) {
  EXPECT_EQ(error_of(harness.chat(R"(,"chat_template":"x")")->wait_done()),
            "400 unsupported_parameter chat_template");
}

class RequestTemplate : public ::testing::Test {
 protected:
  RequestTemplate() : harness(says_x(), options()) {}
  static FrontendOptions options() {
    FrontendOptions options;
    options.allow_request_template = true;
    return options;
  }
  std::string error_with(const std::string& source) {
    return error_of(harness.chat(",\"chat_template\":" + text::to_json(Json(source)))->wait_done());
  }
  Harness harness;
};

TEST_F(RequestTemplate, takes_the_place_of_the_model_s) {
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(harness.chat(R"(,"chat_template":"<|im_start|>{{ messages[0].content }}!")")
                  ->wait_done()
                  .status,
              200);
    auto expected = ids_of("hi!");
    expected.insert(expected.begin(), kImStart);
    EXPECT_EQ(harness.worker().submits().back().token_ids, expected)
        << "its literals are trusted, the message is data";
  }
}

TEST_F(RequestTemplate, is_compiled_and_rendered_within_bounds) {
  EXPECT_EQ(error_with("{% for x in %}"), "400 invalid_value chat_template");
  EXPECT_EQ(error_with(""), "400 invalid_value chat_template");
  EXPECT_EQ(error_with(std::string(64 * 1024 + 1, 'x')), "400 invalid_value chat_template");
  for (const std::string_view opening : {"(", "[", "not ", "-", "{'a':", "x|f(", "x.y[", "~"}) {
    std::string deep = "{{ ";
    while (deep.size() + opening.size() < 60'000) deep += opening;
    EXPECT_TRUE(error_with(deep + " }}").starts_with("400 invalid_value")) << opening;
  }
  std::string nested;
  while (nested.size() < 60'000) nested += "{% if a %}";
  EXPECT_EQ(error_with(nested), "400 invalid_value chat_template");
  EXPECT_EQ(error_with("{% for i in range(100000000) %}{{ i }}{% endfor %}"),
            "400 invalid_value messages");
}

// A body from a schema: what is required, in its plainest form.
Json body_of(const Json& root, const Json& schema) {
  if (const Json* ref = schema.find("$ref")) {
    const std::string name = ref->as_string().substr(std::string("#/components/schemas/").size());
    return body_of(root, *root.find("components")->find("schemas")->find(name));
  }
  if (const Json* examples = schema.find("examples")) return examples->as_array().front();
  if (const Json* values = schema.find("enum")) return values->as_array().front();
  if (const Json* forms = schema.find("anyOf")) return body_of(root, forms->as_array().front());
  const Json* type = schema.find("type");
  const std::string kind =
      type->is_array() ? type->as_array().front().as_string() : type->as_string();
  if (kind == "string") {
    const Json* least = schema.find("minLength");
    return Json(std::string(least == nullptr ? 1 : least->as_uint64(), 'x'));
  }
  if (kind == "boolean") return Json(false);
  if (kind == "integer" || kind == "number") return *schema.find("maximum");
  if (kind == "array") {
    const Json* least = schema.find("minItems");
    const Json* item = schema.find("items");
    return Json(Json::Array(least == nullptr ? 0 : least->as_uint64(),
                            item == nullptr ? Json(0) : body_of(root, *item)));
  }
  Json::Object object;
  if (const Json* required = schema.find("required")) {
    for (const Json& name : required->as_array()) {
      const Json* member = schema.find("properties")->find(name.as_string());
      object.set(name.as_string(), body_of(root, *member));
    }
  }
  return Json(std::move(object));
}

TEST_F(Fields, a_request_made_from_the_description_is_taken_by_each_route) {
  const Json root = openapi();
  std::size_t num_routes = 0;
  for (const auto& [path, methods] : root.find("paths")->as_object()) {
    for (const auto& [method, operation] : methods.as_object()) {
      std::string body;
      std::string where = path;
      if (const Json* request = operation.find("requestBody")) {
        Json made =
            body_of(root, *request->find("content")->find("application/json")->find("schema"));
        made.as_object().set("model", Json("tiny"));
        body = text::to_json(made);
      }
      if (const auto at = where.find("{model}"); at != std::string::npos) {
        where.replace(at, 7, "tiny");
      }
      const Recorded answer =
          harness.send(method == "get" ? "GET" : "POST", where, body)->wait_done();
      EXPECT_EQ(answer.status, 200) << method << " " << path << " " << body << answer.body;
      EXPECT_NE(operation.find("responses")->find("200"), nullptr);
      ++num_routes;
    }
  }
  EXPECT_EQ(num_routes, 9u);
}

// Each offered field of the description, alone beside the required ones, with its first good value.
TEST_F(Fields, every_offered_field_s_example_is_taken) {
  const Json root = openapi();
  for (const auto& [path, name] : {std::pair("/v1/chat/completions", "ChatCompletionRequest"),
                                   std::pair("/v1/completions", "CompletionRequest")}) {
    const Json& schema = *root.find("components")->find("schemas")->find(name);
    for (const auto& [field, member] : schema.find("properties")->as_object()) {
      if (member.find("deprecated") != nullptr) continue;
      Json body = body_of(root, schema);
      // Bounds of the table, not of this small model.
      const Json* most = member.find("maximum");
      const bool is_count = most != nullptr && most->as_double() > 100'000;
      body.as_object().set(field, is_count ? Json(1) : body_of(root, member));
      body.as_object().set("model", Json("tiny"));
      if (field == "top_logprobs") body.as_object().set("logprobs", Json(true));
      if (field == "stream_options") body.as_object().set("stream", Json(true));
      const std::string text = text::to_json(body);
      const Recorded answer = harness.send("POST", path, text)->wait_done();
      // These name ids and lengths that only a model can judge.
      const bool is_models = field == "allowed_token_ids" || field == "stop_token_ids";
      EXPECT_TRUE(answer.status == 200 || is_models) << text << answer.body;
    }
  }
}

TEST(MovedRoutes, are_described_where_they_are) {
  FrontendOptions options;
  options.routes = RouteTable::moved({"chat=/x/chat", "models=/x/models"}).value();
  Harness harness(says_x(), std::move(options));
  const Json paths = *json_of(harness.send("GET", "/openapi.json")->wait_done()).find("paths");
  EXPECT_NE(paths.find("/x/chat"), nullptr);
  EXPECT_NE(paths.find("/x/models/{model}"), nullptr);
  EXPECT_EQ(paths.find("/v1/chat/completions"), nullptr);
}

TEST_F(Fields, the_description_is_for_everyone_and_names_each_error) {
  EXPECT_EQ(harness.send("HEAD", "/openapi.json")->wait_done().status, 200);
  const Json root = openapi();
  EXPECT_EQ(root.find("openapi")->as_string(), "3.1.0");
  const Json& answers =
      *root.find("paths")->find("/v1/completions")->find("post")->find("responses");
  for (std::size_t i = 0; i < openai::kNumApiErrorCodes; ++i) {
    const auto& row = openai::row_of(static_cast<openai::ApiErrorCode>(i));
    if (row.code == openai::ApiErrorCode::kClientClosedRequest) continue;
    const Json* answer = answers.find(std::to_string(row.status));
    ASSERT_NE(answer, nullptr) << row.name;
    EXPECT_TRUE(answer->find("description")->as_string().contains(row.name)) << row.name;
  }
}

}  // namespace
}  // namespace penstock::frontend
