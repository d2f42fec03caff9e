#include "openai/response_writer.h"

#include "base/check.h"
#include "openai/json_out.h"

namespace penstock::openai {
namespace {

// {"index":...,"logprobs":...,"token_ids":...: what is the choice's own, and open for more.
void append_choice_begin(std::string& out, const AnswerHead& head, const AnswerOptions& options,
                         const WholeChoice& choice, std::size_t index) {
  out += R"({"index":)";
  append_integer(out, index);
  if (head.api == Api::kChat) {
    out += R"(,"message":{"role":"assistant","content":)";
    text::append_json_string(out, choice.text);
    out += R"(,"refusal":null})";
  } else {
    out += R"(,"text":)";
    text::append_json_string(out, choice.text);
  }
  out += R"(,"logprobs":)";
  append_logprobs(out, head.api, options, choice.logprobs, choice.first_offset);
  if (!options.token_ids) return;
  out += R"(,"token_ids":)";
  append_integers(out, choice.token_ids);
}

void append_choice_end(std::string& out, const AnswerOptions& options, const ChoiceEnd& end) {
  out += R"(,"finish_reason":")";
  out += to_string(end.reason);
  out += '"';
  if (options.stop_reason) append_stop_reason(out, end.stop);
  out += '}';
}

void append_ids_of(std::string& out, const AnswerOptions& options, const WholePrompt& prompt) {
  if (!options.token_ids) return;
  out += R"(,"prompt_token_ids":)";
  append_integers(out, prompt.token_ids);
}

void append_logprobs_of(std::string& out, const AnswerOptions& options, const WholePrompt& prompt) {
  if (!options.prompt_logprobs) return;
  out += R"(,"prompt_logprobs":)";
  if (prompt.logprobs) {
    append_prompt_logprobs(out, *prompt.logprobs);
  } else {
    out += "null";
  }
}

}  // namespace

std::string response_body(const AnswerHead& head, const AnswerOptions& options,
                          const WholeAnswerParts& parts, const Usage& usage) {
  CHECK(!parts.prompts.empty() && parts.choices.size() % parts.prompts.size() == 0);
  const bool is_chat = head.api == Api::kChat;
  const std::size_t per_prompt = parts.choices.size() / parts.prompts.size();
  std::string out = "{";
  append_head(out, head, is_chat ? "chat.completion" : "text_completion");
  out += R"(,"choices":[)";
  for (std::size_t index = 0; index < parts.choices.size(); ++index) {
    if (index > 0) out += ',';
    append_choice_begin(out, head, options, parts.choices[index], index);
    if (!is_chat) {
      const WholePrompt& prompt = parts.prompts[index / per_prompt];
      if (index % per_prompt == 0) append_ids_of(out, options, prompt);
      append_logprobs_of(out, options, prompt);
    }
    append_choice_end(out, options, parts.choices[index].end);
  }
  out += R"(],"usage":)";
  append_usage(out, usage);
  if (is_chat) {
    append_ids_of(out, options, parts.prompts.front());
    append_logprobs_of(out, options, parts.prompts.front());
  }
  out += '}';
  return out;
}

}  // namespace penstock::openai
