#include "openai/field_rows.h"

namespace penstock::openai {
namespace {

using enum FieldState;

constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant", "tool"};
constexpr std::string_view kPartTypes[] = {"text", "refusal"};
constexpr std::string_view kToolChoices[] = {"none", "auto", "required"};
constexpr std::string_view kEfforts[] = {"none", "minimal", "low", "medium", "high"};
constexpr std::string_view kModalities[] = {"text"};

constexpr FieldSpec kPartRows[] = {
    required({"type", text_of({.values = kPartTypes, .error = ApiErrorCode::kUnsupportedContent}),
              "required", "What the part is; a refusal is the assistant's."}),
    with_example({"text", any_text(), "none", "The text of a part of type text."}, R"("hi")"),
    {"refusal", any_text(), "none", "The text of a part of type refusal."},
};
constexpr ObjectSpec kPartObject = {.fields = kPartRows, .others = OtherMembers::kKept};
constexpr ValueSpec kPart = object(kPartObject);

constexpr FieldSpec kMessageRows[] = {
    required({"role", one_of(kRoles), "required", "Who speaks; tool needs tool_call_id."}),
    required(with_example({"content", either(any_text(), array_of(kPart, 1, kMaxMessages)),
                           "required", "What is said: text, or parts of text."},
                          R"("hi")")),
    {"name", any_text(), "none", "Who speaks, more closely; the template decides what it is for."},
    {"tool_call_id", any_text(), "none", "Which call a message of the role tool answers."},
    {"reasoning_content", any_text(), "none",
     "What the assistant thought; the template decides what it is for."},
    {"refusal", any_text(), "none", "The assistant's refusal; the template decides."},
    {"tool_calls", any_array(), "none", "The assistant's calls.", kOffOnly},
};
constexpr ObjectSpec kMessageObject = {.fields = kMessageRows, .others = OtherMembers::kKept};
constexpr ValueSpec kMessage = object(kMessageObject);
constexpr ValueSpec kTool = any_object();
constexpr ValueSpec kModality =
    text_of({.values = kModalities, .error = ApiErrorCode::kUnsupportedParameter});

constexpr ValueSpec variables() {
  ValueSpec spec = any_object();
  spec.members.max = 1024;
  return spec;
}
constexpr ValueSpec kVariables = variables();

constexpr ValueSpec tool_choice() {
  ValueSpec spec = one_of(kToolChoices);
  spec.kinds = Kind::kString | Kind::kObject;
  return spec;
}

constexpr FieldSpec kRows[] = {
    required(with_example(
        {"messages", array_of(kMessage, 1, kMaxMessages), "required", "The conversation so far."},
        R"([{"role":"user","content":"hi"}])")),
    {"max_completion_tokens", integer(1, kMaxU32), "rest of the context",
     "Another name of max_tokens; both must be equal."},
    {"logprobs", boolean(), "false", "Log-probabilities of what is generated."},
    beside({"top_logprobs", integer(0, 20), "0",
            "How many of the likeliest tokens logprobs list at each place."},
           "logprobs"),
    {"tools", array_of(kTool, 0, 128), "none", "What the model may call.", kOffOnly},
    with_example({"tool_choice", tool_choice(), "none without tools",
                  "Which tools; without tools only none is taken."},
                 R"("none")"),
    {"parallel_tool_calls", boolean(), "true", "Several calls at once; there are no tools yet."},
    {"reasoning_effort", one_of(kEfforts), "the template's",
     "Template variable; none also sets enable_thinking to false.", kTemplate},
    {"documents", any_array(), "none", "Template variable.", kTemplate},
    {"verbosity", any_text(), "none", "Template variable.", kTemplate},
    {"chat_template_kwargs", kVariables, "{}", "More template variables, over all others."},
    {"chat_template_args", kVariables, "{}", "Another name of chat_template_kwargs."},
    with_example({"chat_template", text_bytes(1, kMaxTemplateBytes), "the model's",
                  "A template in place of the model's, in UTF-8 bytes."},
                 R"("{{ messages[0].content }}")"),
    {"add_generation_prompt", boolean(), "true", "The prompt ends where the assistant begins."},
    with_example({"continue_final_message", boolean(), "false",
                  "The last message, which is the assistant's, is continued."},
                 "false"),
    {"modalities", array_of(kModality, 1, 1), R"(["text"])", "Forms of output: text."},
    {"functions", ValueSpec{}, "none", "An older form of tools.", kRefused, "use tools"},
    {"function_call", ValueSpec{}, "none", "An older form of tool_choice.", kRefused,
     "use tool_choice"},
    {"audio", ValueSpec{}, "none", "Audio output.", kRefused, "only text is served; leave it out"},
    {"prediction", ValueSpec{}, "none", "Predicted output.", kRefused, "leave it out"},
    {"web_search_options", ValueSpec{}, "none", "A built-in tool.", kRefused, "leave it out"},
};

}  // namespace

std::span<const FieldSpec> chat_rows() noexcept {
  return kRows;
}

}  // namespace penstock::openai
