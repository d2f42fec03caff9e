#include "frontend/prompt_builder.h"

#include <optional>
#include <utility>

namespace penstock::frontend {
namespace {

using openai::ApiErrorCode;
using openai::ApiResult;
using openai::make_api_error;
using text::Json;

// The part of a message's content that a template shows last gets the sentinel behind it.
void append_to_content(Json& message, std::string_view sentinel) {
  Json* content = message.as_object().find("content");
  if (content->is_string()) {
    *content = Json(content->as_string() + std::string(sentinel));
    return;
  }
  Json::Object& part = content->as_array().back().as_object();
  const std::string member = part.find("text") != nullptr ? "text" : "refusal";
  part.set(member, Json(part.find(member)->as_string() + std::string(sentinel)));
}

Json::Object trusted_strings(const tokenizer::Tokenizer& tokenizer) {
  const tokenizer::SpecialTokens& tokens = tokenizer.special_tokens();
  const std::pair<std::string_view, std::optional<tokenizer::TokenId>> named[] = {
      {"bos_token", tokens.bos},
      {"eos_token", tokens.eos},
      {"unk_token", tokens.unk},
      {"pad_token", tokens.pad}};
  Json::Object strings;
  for (const auto& [name, id] : named) {
    if (id) strings.set(std::string(name), Json(tokenizer.token_bytes(*id)));
  }
  return strings;
}

void add_template_fields(const openai::ChatRequest& request,
                         const chat_template::ChatTemplate& chat_template, Json::Object& data,
                         std::vector<std::string>& ignored) {
  for (const auto& [name, value] : request.template_fields) {
    bool is_read = chat_template.reads_variable(name);
    if (is_read) data.set(name, value);
    // `none` also switches thinking off where the template knows only that.
    if (name == "reasoning_effort" && value == Json("none") &&
        chat_template.reads_variable("enable_thinking")) {
      data.set("enable_thinking", Json(false));
      is_read = true;
    }
    if (!is_read) ignored.push_back(name);
  }
}

}  // namespace

std::string joined_content(const Json& content) {
  if (content.is_string()) return content.as_string();
  std::string joined;
  for (bool first = true; const Json& part : content.as_array()) {
    if (!std::exchange(first, false)) joined += '\n';
    const Json* text = part.find("text");
    joined += (text != nullptr ? text : part.find("refusal"))->as_string();
  }
  return joined;
}

Json::Array fix_messages(Json::Array messages, TemplateTraits traits) {
  for (Json& message : messages) {
    Json::Object& object = message.as_object();
    Json* content = object.find("content");
    if (!traits.iterates_content_parts && content->is_array()) {
      *content = Json(joined_content(*content));
    }
    if (!traits.knows_developer && *object.find("role") == Json("developer")) {
      object.set("role", Json("system"));
    }
  }
  return messages;
}

text::OriginText cut_before(const text::OriginText& text, std::string_view sentinel) {
  const std::size_t end = text.bytes().rfind(sentinel);
  text::OriginText cut;
  if (end == std::string::npos) return cut;
  const std::string_view bytes = text.bytes();
  for (const auto& span : text.spans()) {
    if (span.begin >= end) break;
    cut.append(bytes.substr(span.begin, std::min(span.end, end) - span.begin), span.origin);
  }
  return cut;
}

ApiResult<RenderedPrompt> render_chat(openai::ChatRequest request, const RenderContext& context) {
  const chat_template::ChatTemplate& chat_template = context.chat_template;
  RenderedPrompt prompt;
  Json::Array messages =
      fix_messages(std::move(request.messages),
                   {.iterates_content_parts = chat_template.iterates_content_parts(),
                    .knows_developer = chat_template.has_literal("developer")});
  if (request.continue_final_message) append_to_content(messages.back(), context.sentinel);

  chat_template::RenderInput input;
  input.now_unix_us = context.now_unix_us;
  input.trusted_strings = trusted_strings(context.tokenizer);
  input.data.set("messages", Json(std::move(messages)));
  input.data.set("add_generation_prompt", Json(request.add_generation_prompt));
  input.data.set("continue_final_message", Json(request.continue_final_message));
  add_template_fields(request, chat_template, input.data, prompt.ignored_fields);
  for (const auto& [name, value] : request.template_kwargs) {
    input.data.set(name, value);
    input.trusted_strings.erase(name);  // what a client says is data
  }

  auto rendered = chat_template.render(input);
  if (!rendered) {
    return make_api_error(ApiErrorCode::kInvalidValue, "messages",
                          "the chat template refused the messages: {}",
                          openai::clipped(rendered.error().message(), 1024));
  }
  prompt.text = std::move(*rendered);
  if (request.continue_final_message) {
    prompt.text = cut_before(prompt.text, context.sentinel);
    if (prompt.text.empty()) {
      return make_api_error(ApiErrorCode::kInvalidValue, "continue_final_message",
                            "the chat template does not show the final message as it is, so it "
                            "cannot be continued");
    }
  }
  return prompt;
}

}  // namespace penstock::frontend
