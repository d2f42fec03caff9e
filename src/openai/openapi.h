// The description of the public API (OpenAPI 3.1), from the tables that validate requests.
//
// What a request may say comes from the field and header tables, what an error may be from the
// error table; answers, which nothing validates, are described in openapi_answers.cc.
// Threading: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "openai/field_table.h"
#include "text/json.h"

namespace penstock::openai {

// Where the routes are.
struct ApiPaths {
  std::string chat = "/v1/chat/completions";
  std::string completions = "/v1/completions";
  std::string models = "/v1/models";
  std::string live = "/live";
  std::string ready = "/ready";
  std::string health = "/health";
  std::string metrics = "/metrics";
};

struct ApiDescription {
  const FieldTable& chat;
  const FieldTable& completions;
  ApiPaths paths{};
  std::string_view version;
};

[[nodiscard]] text::Json openapi(const ApiDescription& api);

// JSON Schema (2020-12) of one value. Null is taken where an absent member is.
[[nodiscard]] text::Json value_schema(const ValueSpec& spec);
// Of a request's body.
[[nodiscard]] text::Json request_schema(const FieldTable& table);
// Schemas of answers by name: ChatCompletion, ChatCompletionChunk, Completion, Usage, ...
[[nodiscard]] text::Json::Object answer_schemas();

}  // namespace penstock::openai
