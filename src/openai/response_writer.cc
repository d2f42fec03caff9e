#include "openai/response_writer.h"

#include "openai/json_out.h"

namespace penstock::openai {
namespace {

void append_choice(std::string& out, const AnswerHead& head, const AnswerOptions& options,
                   const WholeChoice& choice, std::uint32_t index) {
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
  if (options.token_ids) {
    out += R"(,"token_ids":)";
    append_integers(out, choice.token_ids);
  }
  if (!choice.prompt_token_ids.empty()) {
    out += R"(,"prompt_token_ids":)";
    append_integers(out, choice.prompt_token_ids);
  }
  out += R"(,"finish_reason":")";
  out += to_string(choice.end.reason);
  out += '"';
  if (options.stop_reason) append_stop_reason(out, choice.end.stop);
  out += '}';
}

}  // namespace

std::string response_body(const AnswerHead& head, const AnswerOptions& options,
                          std::span<const WholeChoice> choices, const Usage& usage,
                          std::span<const TokenId> prompt_token_ids) {
  std::string out = "{";
  append_head(out, head, head.api == Api::kChat ? "chat.completion" : "text_completion");
  out += R"(,"choices":[)";
  for (std::uint32_t index = 0; index < choices.size(); ++index) {
    if (index > 0) out += ',';
    append_choice(out, head, options, choices[index], index);
  }
  out += R"(],"usage":)";
  append_usage(out, usage);
  if (!prompt_token_ids.empty()) {
    out += R"(,"prompt_token_ids":)";
    append_integers(out, prompt_token_ids);
  }
  out += '}';
  return out;
}

}  // namespace penstock::openai
