// From a chat request to the text the model is prompted with.
//
// The request's messages are fixed up for the template (http-api, section 14), rendered with the
// template's own literals and the special tokens' texts as trusted and all else as data, and, to
// continue a final message, cut right behind its content. Threading: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chat_template/chat_template.h"
#include "openai/errors.h"
#include "openai/request.h"
#include "text/json.h"
#include "text/origin_text.h"
#include "tokenizer/tokenizer.h"

namespace penstock::frontend {

struct RenderedPrompt {
  text::OriginText text;
  std::vector<std::string> ignored_fields;  // template fields that this template does not read
};

struct RenderContext {
  const chat_template::ChatTemplate& chat_template;
  const tokenizer::Tokenizer& tokenizer;
  std::int64_t now_unix_us = 0;
  // Text that occurs in no request: marks where the final message's content ends.
  std::string_view sentinel;
};

[[nodiscard]] openai::ApiResult<RenderedPrompt> render_chat(openai::ChatRequest request,
                                                            const RenderContext& context);

// What the fix-ups depend on of a template.
struct TemplateTraits {
  bool iterates_content_parts = false;
  bool knows_developer = false;
};
[[nodiscard]] text::Json::Array fix_messages(text::Json::Array messages, TemplateTraits traits);

// The text parts of a message's content joined by newlines; the content itself when it is text.
[[nodiscard]] std::string joined_content(const text::Json& content);

// The text before the last occurrence of `sentinel`; empty when there is none.
[[nodiscard]] text::OriginText cut_before(const text::OriginText& text, std::string_view sentinel);

}  // namespace penstock::frontend
