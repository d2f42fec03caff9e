#include "openai/field_rows.h"

namespace penstock::openai {
namespace {

using enum FieldState;

constexpr std::int64_t kMinI32 = -2147483648;
constexpr std::int64_t kMaxI32 = 2147483647;

constexpr ValueSpec kTokenId = integer(0, kMaxU32);

constexpr std::string_view kAnnotations[] = {"request_id", "formatted_prompt", "token_ids"};
constexpr std::string_view kAnnotationsToCome[] = {"query_instance_id"};
constexpr ValueSpec kAnnotation =
    text_of({.values = kAnnotations, .not_built = kAnnotationsToCome});

constexpr std::string_view kExtraFields[] = {"stop_reason", "token_ids"};
constexpr std::string_view kExtraFieldsToCome[] = {"worker_id", "timing", "why"};
constexpr ValueSpec kExtraField =
    text_of({.values = kExtraFields, .not_built = kExtraFieldsToCome});

constexpr FieldSpec kAgentHintRows[] = {
    {"priority", integer(kMinI32, kMaxI32), "0", "Higher is sooner; the header wins over it."},
    {"strict_priority", integer(0, kMaxU32), "0",
     "Higher bands go first, whatever priority says; the header wins over it."},
    {"osl", integer(0, kMaxU32), "none",
     "How many output tokens are expected; a hint for routing."},
    {"speculative_prefill", boolean(), "false", "Prefill before it is needed.", kOffOnly},
};
constexpr ObjectSpec kAgentHints = {.fields = kAgentHintRows};

constexpr FieldSpec kRows[] = {
    {"greed_sampling", boolean(), "false", "Sets temperature to 0."},
    {"max_thinking_tokens", integer(0, kMaxU32), "none", "As the top-level field.", kNotBuilt},
    {"cache_salt", text_of({.size = {1, 128}, .form = TextForm::kName}), "none",
     "As the top-level field."},
    {"use_raw_prompt", boolean(), "false",
     "Chat: the last user message is the prompt, without a template."},
    {"token_data", array_of(kTokenId, 1, SIZE_MAX), "none",
     "Chat: the prompt as tokens, in place of template and tokenizer."},
    {"annotations", array_of(kAnnotation, 0, 16), "none",
     "Events before a stream's first chunk; needs stream."},
    {"extra_fields", array_of(kExtraField, 0, 16), "none", "What choices say besides the API's."},
    {"backend_instance_id", integer(0, INT64_MAX), "none",
     "Pins the worker; needs a key that may, and the header wins over it."},
    {"decode_worker_id", integer(0, INT64_MAX), "none", "Another name of backend_instance_id."},
    {"prefill_worker_id", integer(0, INT64_MAX), "none", "Pins the prefill worker.", kNotBuilt},
    {"dp_rank", integer(0, kMaxU32), "none", "Pins the worker's rank; needs a key that may."},
    {"prefill_dp_rank", integer(0, kMaxU32), "none", "Pins the prefill worker's rank.", kNotBuilt},
    {"agent_hints", object(kAgentHints), "none", "What the caller knows of the request."},
    {"router_config_override", any_object(), "none", "Routing of this request only.", kNotBuilt},
    {"session_id", characters(1, 128), "none",
     "Requests of one session go to one worker where there are several; the header wins over it."},
    {"agent_context", any_object(), "none", "Copied to the trace.", kNotBuilt},
};

}  // namespace

constexpr ObjectSpec kExtensionObject = {.fields = kRows};

}  // namespace penstock::openai
