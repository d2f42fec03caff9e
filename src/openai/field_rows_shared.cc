#include <array>

#include "openai/field_rows.h"

namespace penstock::openai {
namespace {

using enum FieldState;

constexpr std::int64_t kMaxI32 = 2147483647;

constexpr ValueSpec kTokenId = integer(0, kMaxU32);
constexpr ValueSpec kShortText = text_bytes(1, 256);
constexpr ValueSpec kAnyText = any_text();
constexpr ValueSpec kBias = number(-100, 100);
constexpr ValueSpec kMetadataText = characters(0, 512);

constexpr std::string_view kServiceTiers[] = {"auto", "default"};
constexpr std::string_view kFormats[] = {"text"};
constexpr std::string_view kFormatsToCome[] = {"json_object", "json_schema"};

constexpr ObjectSpec kLogitBias = {
    .others = OtherMembers::kEach, .key = {.form = TextForm::kTokenId}, .each = &kBias};
constexpr ObjectSpec kMetadata = {
    .others = OtherMembers::kEach, .key = {.size = {1, 64}}, .each = &kMetadataText};

constexpr FieldSpec kStreamOptionRows[] = {
    {"include_usage", boolean(), "false",
     "One more chunk before the end has the usage of the whole request."},
    {"continuous_usage_stats", boolean(), "false", "Each chunk has the usage so far."},
};
constexpr ObjectSpec kStreamOptions = {.fields = kStreamOptionRows};

constexpr FieldSpec kResponseFormatRows[] = {
    required({"type", text_of({.values = kFormats, .not_built = kFormatsToCome}), "required",
              "The form of the text: free."}),
};
constexpr ObjectSpec kResponseFormat = {.fields = kResponseFormatRows,
                                        .others = OtherMembers::kKept};

constexpr FieldSpec kRows[] = {
    required({"model", characters(1, 256), "required",
              "The model's name or alias, as /v1/models lists it."}),
    {"max_tokens", integer(1, kMaxU32), "rest of the context",
     "The most tokens to generate per choice; with the prompt at most the context."},
    {"min_tokens", integer(0, kMaxU32), "0",
     "EOS is masked and stop rules sleep until this many tokens."},
    {"n", integer(1, 16), "1", "How many choices to generate; the prompt is computed once."},
    {"temperature", number(0, 2), "card, else 1", "How much chance has a say; 0 is greedy."},
    {"top_p", number_above(0, 1), "card, else 1",
     "Keeps the likeliest tokens that together have this probability."},
    {"top_k", integer(-1, kMaxI32), "card, else all",
     "Keeps this many of the likeliest tokens; -1 and 0 keep all."},
    {"min_p", number(0, 1), "0",
     "Drops tokens less likely than this share of the likeliest token's probability."},
    {"frequency_penalty", number(-2, 2), "0",
     "Taken off a token's logit for each time it was generated."},
    {"presence_penalty", number(-2, 2), "0", "Taken off a token's logit once it was generated."},
    {"repetition_penalty", number_above(0, 2), "card, else 1",
     "Divides the logits of tokens that prompt or output have; above 1 discourages them."},
    {"seed", integer(INT64_MIN, INT64_MAX), "drawn per request",
     "The same request with the same seed gets the same tokens."},
    with_example({"logit_bias", object(kLogitBias, 1024), "none",
                  "Added to the logits of the tokens whose ids are the names."},
                 R"({"5":-1.5})"),
    {"allowed_token_ids", array_of(kTokenId, 1, 1024), "none", "All tokens but these are masked."},
    {"bad_words", array_of(kShortText, 0, 128), "none",
     "Texts (in UTF-8 bytes) that are never produced as their token sequence."},
    {"stop", either(kShortText, array_of(kShortText, 0, 16)), "none",
     "Texts (in UTF-8 bytes) that end a choice; none of their bytes is sent."},
    {"stop_token_ids", array_of(kTokenId, 0, 64), "none",
     "Tokens that end a choice and leave no text."},
    {"include_stop_str_in_output", boolean(), "false", "The stop string itself is sent too."},
    {"ignore_eos", boolean(), "false",
     "EOS does not end a choice; stop and stop_token_ids still do."},
    {"prompt_logprobs", integer(0, 20), "none",
     "Log-probabilities of the prompt's tokens, each with so many alternatives; the whole prompt "
     "is "
     "computed, and the answer cannot be streamed."},
    {"return_token_ids", boolean(), "false",
     "Choices have token_ids, and the prompt's are given once."},
    {"return_tokens_as_token_ids", boolean(), "false", "Tokens in logprobs read token_id:N."},
    {"skip_special_tokens", boolean(), "true", "Special tokens leave no text."},
    {"stream", boolean(), "false", "The answer comes as server-sent events."},
    beside(
        {"stream_options", object(kStreamOptions), "none", "What a stream says besides its text."},
        "stream"),
    {"response_format", object(kResponseFormat), R"({"type":"text"})",
     "The form of the text; structured output is not built yet in this version."},
    {"cache_salt", text_of({.size = {1, 128}, .form = TextForm::kName}), "none",
     "Only requests with the same salt share cached prompts."},
    {"user", characters(0, 256), "none", "Who is behind the request; for the operator's log."},
    {"safety_identifier", characters(0, 256), "none",
     "Who is behind the request; for the operator's log."},
    with_example({"metadata", object(kMetadata, 16), "none", "Notes for the operator's log."},
                 R"({"job":"nightly"})"),
    {"prompt_cache_key", characters(0, 256), "none", "The session id when none is given."},
    {"service_tier", one_of(kServiceTiers), R"("auto")", "Answered as default."},
    {"store", boolean(), "false", "Taken and answered with false: nothing is stored."},
    {"penstock", object(kExtensionObject), "none", "What this server offers beyond the API."},
    {"nvext", object(kExtensionObject), "none", "Another name of penstock; send one of them."},
    {"best_of", integer(1, kMaxU32), "n", "Taken when it equals n."},
    {"guided_json", ValueSpec{}, "none", "A schema that the text obeys.", kNotBuilt},
    {"guided_regex", any_text(), "none", "A regular expression that the text matches.", kNotBuilt},
    {"guided_choice", array_of(kAnyText, 1, 1024), "none", "The texts to choose from.", kNotBuilt},
    {"guided_grammar", any_text(), "none", "A grammar (EBNF) that the text follows.", kNotBuilt},
    {"guided_whitespace_pattern", any_text(), "none", "Whitespace within guided JSON.", kNotBuilt},
    {"guided_decoding_backend", any_text(), "none", "Who guides.", kNotBuilt},
    {"structured_outputs", any_object(), "none", "The guided fields as one object.", kNotBuilt},
    {"max_thinking_tokens", integer(0, kMaxU32), "none", "The most tokens of reasoning.",
     kNotBuilt},
    {"use_beam_search", ValueSpec{}, "none", "Beam search.", kRefused, "use n with temperature"},
    {"length_penalty", ValueSpec{}, "none", "Beam search's preference.", kRefused,
     "it belongs to beam search; leave it out"},
    {"priority", ValueSpec{}, "none", "Its direction differs between servers.", kRefused,
     "its direction differs between servers; use the header x-penstock-priority"},
};

}  // namespace

std::span<const FieldSpec> shared_rows() noexcept {
  return kRows;
}

}  // namespace penstock::openai
