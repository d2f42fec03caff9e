#include "openai/field_rows.h"

namespace penstock::openai {
namespace {

using enum FieldState;

constexpr ValueSpec kTokenId = integer(0, kMaxU32);

// A text, or one token id of the only prompt, or the ids of one of several.
constexpr ValueSpec prompt_item() {
  ValueSpec spec = array_of(kTokenId, 1, SIZE_MAX);
  spec.kinds = Kind::kInteger | Kind::kString | Kind::kArray;
  spec.integer = kTokenId.integer;
  spec.text.size.min = 1;
  return spec;
}
constexpr ValueSpec kPromptItem = prompt_item();

constexpr ValueSpec prompt() {
  ValueSpec spec = either(characters(1, SIZE_MAX), array_of(kPromptItem, 1, SIZE_MAX));
  spec.items_are_alike = true;
  spec.max_compound_items = kMaxPrompts;
  return spec;
}

constexpr FieldSpec kRows[] = {
    required(with_example(
        {"prompt", prompt(), "required", "One text, one list of token ids, or a list of either."},
        R"("hi")")),
    with_example({"max_tokens", integer(0, kMaxU32), "16",
                  "The most tokens to generate per choice; 0 only with echo."},
                 "1"),
    {"echo", boolean(), "false", "The prompt's text precedes each choice's."},
    {"logprobs", integer(0, 20), "none",
     "Log-probabilities of what is generated, and of an echoed prompt, each with so many "
     "alternatives."},
    {"suffix", any_text(), "none", "What follows the text.", kRefused,
     "the model has no fill-in-the-middle tokens; leave it out"},
    {"add_special_tokens", boolean(), "true",
     "A text gets what the tokenizer puts around texts, such as BOS."},
};

}  // namespace

std::span<const FieldSpec> completion_rows() noexcept {
  return kRows;
}

}  // namespace penstock::openai
