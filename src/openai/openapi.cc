#include "openai/openapi.h"

#include <map>
#include <set>

#include "openai/errors.h"
#include "openai/header_table.h"

namespace penstock::openai {
namespace {

using text::Json;

Json ref(std::string_view schema) {
  return Json(Json::Object{{"$ref", Json(format("#/components/schemas/{}", schema))}});
}

Json content(std::string_view media, Json schema) {
  return Json(
      Json::Object{{std::string(media), Json(Json::Object{{"schema", std::move(schema)}})}});
}

Json answer(std::string_view description, Json body) {
  return Json(Json::Object{{"description", Json(description)}, {"content", std::move(body)}});
}

Json header_object(const HeaderSpec& header) {
  std::string text(header.meaning);
  if (header.state == FieldState::kNotBuilt) text += " Not built yet in this version: 400.";
  return Json(
      Json::Object{{"description", Json(std::move(text))}, {"schema", value_schema(header.value)}});
}

Json response_header_objects() {
  Json::Object headers;
  for (const HeaderSpec& header : response_headers()) {
    headers.set(std::string(header.name), header_object(header));
  }
  return Json(std::move(headers));
}

Json parameter(std::string_view name, std::string_view in, Json described) {
  described.as_object().set("name", Json(name));
  described.as_object().set("in", Json(in));
  if (in == "path") described.as_object().set("required", Json(true));
  return described;
}

Json header_parameters() {
  Json::Array parameters;
  for (const HeaderSpec& header : request_headers()) {
    for (const std::string_view name : {header.name, header.alias}) {
      if (!name.empty()) parameters.push_back(parameter(name, "header", header_object(header)));
    }
  }
  return Json(std::move(parameters));
}

// By status, the codes that it may carry.
Json::Object error_answers() {
  std::map<int, std::string> codes;
  for (std::size_t i = 0; i < kNumApiErrorCodes; ++i) {
    const ApiErrorRow& row = row_of(static_cast<ApiErrorCode>(i));
    if (row.code == ApiErrorCode::kClientClosedRequest) continue;
    std::string& list = codes[row.status];
    if (!list.empty()) list += ", ";
    list += row.name;
  }
  Json::Object answers;
  for (const auto& [status, list] : codes) {
    answers.set(format("{}", status),
                Json(Json::Object{{"description", Json(format("Codes: {}.", list))},
                                  {"headers", response_header_objects()},
                                  {"content", content("application/json", ref("Error"))}}));
  }
  return answers;
}

Json error_schema() {
  Json::Array types;
  Json::Array codes;
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < kNumApiErrorCodes; ++i) {
    const ApiErrorRow& row = row_of(static_cast<ApiErrorCode>(i));
    if (seen.insert(row.type).second) types.emplace_back(row.type);
    codes.emplace_back(row.name);
  }
  const auto one_of_these = [](Json::Array values) {
    return Json(Json::Object{{"type", Json("string")}, {"enum", Json(std::move(values))}});
  };
  const Json text(Json::Object{{"type", Json("string")}});
  const Json place(Json::Object{
      {"type", Json(Json::Array{Json("string"), Json("null")})},
      {"description", Json("The path of the field at fault, a header's name, or what refused.")}});
  const Json error(Json::Object{
      {"type", Json("object")},
      {"properties", Json(Json::Object{{"message", text},
                                       {"type", one_of_these(std::move(types))},
                                       {"param", place},
                                       {"code", one_of_these(std::move(codes))}})},
      {"required", Json(Json::Array{Json("message"), Json("type"), Json("param"), Json("code")})}});
  return Json(Json::Object{{"type", Json("object")},
                           {"properties", Json(Json::Object{{"error", error}})},
                           {"required", Json(Json::Array{Json("error")})}});
}

struct Generating {
  std::string_view operation;
  std::string_view summary;
  std::string_view request;
  std::string_view whole;
  std::string_view chunk;
};

Json generate_path(const Generating& names) {
  Json::Object answers;
  Json::Object body = content("application/json", ref(names.whole)).as_object();
  body.set("text/event-stream",
           Json(Json::Object{
               {"schema", ref(names.chunk)},
               {"x-stream", Json("With stream: each event's data is one such chunk; [DONE] ends a "
                                 "good stream, an event named error with an Error any other.")}}));
  answers.set("200", Json(Json::Object{{"description", Json("The answer, or a stream of it.")},
                                       {"headers", response_header_objects()},
                                       {"content", Json(std::move(body))}}));
  for (const auto& [status, one] : error_answers()) answers.set(status, one);
  return Json(Json::Object{
      {"post", Json(Json::Object{
                   {"operationId", Json(names.operation)},
                   {"summary", Json(names.summary)},
                   {"parameters", header_parameters()},
                   {"requestBody", Json(Json::Object{{"required", Json(true)},
                                                     {"content", content("application/json",
                                                                         ref(names.request))}})},
                   {"responses", Json(std::move(answers))}})}});
}

struct Getting {
  std::string_view operation;
  std::string_view summary;
  std::string_view media = "application/json";
  Json schema;
  Json::Array parameters{};
  std::vector<std::pair<std::string_view, Json>> others{};  // status and answer
  bool needs_key = true;
};

Json get_path(Getting get) {
  Json::Object answers{{"200", answer("The answer.", content(get.media, std::move(get.schema)))}};
  for (auto& [status, other] : get.others) answers.set(std::string(status), std::move(other));
  Json::Object operation{{"operationId", Json(get.operation)},
                         {"summary", Json(get.summary)},
                         {"responses", Json(std::move(answers))}};
  if (!get.parameters.empty()) operation.set("parameters", Json(std::move(get.parameters)));
  if (!get.needs_key) operation.set("security", Json(Json::Array{}));
  return Json(Json::Object{{"get", Json(std::move(operation))}});
}

Json text_schema() {
  return Json(Json::Object{{"type", Json("string")}});
}

Json text_parameter(std::string_view name, std::string_view in, std::string_view meaning) {
  return parameter(name, in,
                   Json(Json::Object{{"description", Json(meaning)}, {"schema", text_schema()}}));
}

void add_service_paths(Json::Object& paths, const ApiPaths& at) {
  const auto status_answer = [](std::string_view meaning, std::string_view schema) {
    return answer(meaning, content("application/json", ref(schema)));
  };
  paths.set(at.models, get_path({.operation = "listModels",
                                 .summary = "The models that are served now.",
                                 .schema = ref("ModelList")}));
  paths.set(at.models + "/{model}",
            get_path({.operation = "getModel",
                      .summary = "One model, by name or alias.",
                      .schema = ref("Model"),
                      .parameters = {text_parameter("model", "path", "Its name or alias.")},
                      .others = {{"404", status_answer("There is none.", "Error")}}}));
  paths.set(at.live, get_path({.operation = "live",
                               .summary = "Whether the process makes progress.",
                               .schema = ref("Status"),
                               .others = {{"503", status_answer("It does not.", "Status")}},
                               .needs_key = false}));
  paths.set(at.ready,
            get_path({.operation = "ready",
                      .summary = "Whether new requests are taken.",
                      .schema = ref("Status"),
                      .parameters = {text_parameter("model", "query", "Of this model only.")},
                      .others = {{"503", status_answer("They are not.", "Status")}},
                      .needs_key = false}));
  paths.set(at.health, get_path({.operation = "health",
                                 .summary = "What is ready, in more words.",
                                 .schema = ref("Health"),
                                 .others = {{"503", status_answer("Not ready.", "Health")}},
                                 .needs_key = false}));
  paths.set(at.metrics, get_path({.operation = "metrics",
                                  .summary = "Metrics in Prometheus' text form.",
                                  .media = "text/plain",
                                  .schema = text_schema(),
                                  .needs_key = false}));
  paths.set("/openapi.json", get_path({.operation = "openapi",
                                       .summary = "This description.",
                                       .schema = Json(Json::Object{{"type", Json("object")}}),
                                       .needs_key = false}));
}

Json security_schemes() {
  return Json(Json::Object{
      {"bearer", Json(Json::Object{{"type", Json("http")}, {"scheme", Json("bearer")}})},
      {"apiKey",
       Json(Json::Object{
           {"type", Json("apiKey")}, {"name", Json("x-api-key")}, {"in", Json("header")}})}});
}

// A key in either place, or none where the server asks for none.
Json security() {
  const auto needs = [](std::string_view scheme) {
    return Json(Json::Object{{std::string(scheme), Json(Json::Array{})}});
  };
  return Json(Json::Array{needs("bearer"), needs("apiKey"), Json(Json::Object{})});
}

}  // namespace

Json openapi(const ApiDescription& api) {
  Json::Object paths;
  paths.set(api.paths.chat, generate_path({.operation = "createChatCompletion",
                                           .summary = "Continue a conversation.",
                                           .request = "ChatCompletionRequest",
                                           .whole = "ChatCompletion",
                                           .chunk = "ChatCompletionChunk"}));
  paths.set(api.paths.completions, generate_path({.operation = "createCompletion",
                                                  .summary = "Continue a text.",
                                                  .request = "CompletionRequest",
                                                  .whole = "Completion",
                                                  .chunk = "Completion"}));
  add_service_paths(paths, api.paths);
  Json::Object schemas{{"ChatCompletionRequest", request_schema(api.chat)},
                       {"CompletionRequest", request_schema(api.completions)},
                       {"Error", error_schema()}};
  for (auto& [name, schema] : answer_schemas()) schemas.set(name, schema);
  return Json(Json::Object{
      {"openapi", Json("3.1.0")},
      {"info", Json(Json::Object{
                   {"title", Json("Penstock")},
                   {"version", Json(api.version)},
                   {"description", Json("Chat and text completions. A JSON null equals an absent "
                                        "field; a field that is not listed is ignored and named in "
                                        "x-penstock-ignored, or refused.")}})},
      {"servers", Json(Json::Array{Json(Json::Object{{"url", Json("/")}})})},
      {"security", security()},
      {"paths", Json(std::move(paths))},
      {"components", Json(Json::Object{{"schemas", Json(std::move(schemas))},
                                       {"securitySchemes", security_schemes()}})}});
}

}  // namespace penstock::openai
