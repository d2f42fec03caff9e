#include "openai/header_table.h"

#include "openai/field_rows.h"

namespace penstock::openai {
namespace {

using enum FieldState;

constexpr std::int64_t kMinI32 = -2147483648;
constexpr std::int64_t kMaxI32 = 2147483647;

constexpr HeaderSpec kRequestRows[] = {
    {"x-request-id", "", text_of({.size = {1, 128}, .form = TextForm::kName}),
     "A correlation id: echoed and logged; need not be unique."},
    {"x-penstock-timeout-ms", "", integer(0, INT64_MAX),
     "The time budget from now; the earlier of this and the deadline wins."},
    {"x-penstock-deadline-ms", "", integer(INT64_MIN, INT64_MAX),
     "The deadline in Unix milliseconds; one that is past is 504 at once."},
    {"x-penstock-priority", "x-dynamo-request-priority", integer(kMinI32, kMaxI32),
     "As agent_hints.priority, and wins over it."},
    {"x-penstock-strict-priority", "x-dynamo-request-strict-priority", integer(0, kMaxU32),
     "As agent_hints.strict_priority, and wins over it."},
    {"x-penstock-session-id", "x-dynamo-session-id", characters(1, 128),
     "As session_id, and wins over it; with one worker there is nothing to choose."},
    {"x-penstock-worker-id", "x-dynamo-worker-instance-id", integer(0, INT64_MAX),
     "Pins the worker; needs a key that may."},
    {"x-penstock-dp-rank", "x-dynamo-dp-rank", integer(0, kMaxU32),
     "Pins the rank; needs a key that may."},
    {"x-penstock-prefill-worker-id", "x-dynamo-prefill-instance-id", integer(0, INT64_MAX),
     "Pins the prefill worker.", kNotBuilt},
    {"x-penstock-prefill-dp-rank", "x-dynamo-prefill-dp-rank", integer(0, kMaxU32),
     "Pins the prefill worker's rank.", kNotBuilt},
    {"traceparent", "", any_text(), "W3C trace context."},
};

constexpr HeaderSpec kResponseRows[] = {
    {"x-request-id", "", any_text(), "The correlation id: the client's, else the request's own."},
    {"x-penstock-request-id", "", any_text(), "The request's own id, minted here."},
    {"x-penstock-ignored", "", any_text(), "Fields of the request that changed nothing."},
    {"retry-after", "", integer(1, kMaxU32), "Seconds to wait; of 429 and some 503."},
};

}  // namespace

std::span<const HeaderSpec> request_headers() noexcept {
  return kRequestRows;
}

std::span<const HeaderSpec> response_headers() noexcept {
  return kResponseRows;
}

}  // namespace penstock::openai
