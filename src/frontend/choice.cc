#include "frontend/choice.h"

#include <algorithm>

#include "frontend/token_names.h"

namespace penstock::frontend {
namespace {

// More than any rule of a decoder looks back.
constexpr std::size_t kTailTokens = 8;

std::span<const openai::TokenId> tail_of(std::span<const openai::TokenId> prompt) {
  return prompt.last(std::min(prompt.size(), kTailTokens));
}

}  // namespace

Choice::Choice(const tokenizer::Tokenizer& tokenizer, const openai::StopStrings& stops,
               const openai::GenerationRequest& request, std::span<const openai::TokenId> prompt)
    : tokenizer_(tokenizer),
      decoder_(tokenizer, tail_of(prompt), request.output.skip_special_tokens),
      text_(stops, {.include_stop_string = request.stop.include_string_in_output,
                    .min_tokens = request.stop.min_tokens,
                    .keep_token_ids = request.output.token_ids}),
      num_top_(request.output.logprobs.value_or(0)),
      wants_logprobs_(request.output.logprobs.has_value()) {}

Choice::Taken Choice::take_tokens(const rpc::Output& output) {
  const std::uint32_t known = text_.num_tokens();
  if (output.position > known) return {.num_tokens = 0, .has_gap = true};
  const bool ends_at_stop_token = output.finish.kind == rpc::FinishKind::kStop &&
                                  output.finish.stop_token_id && !output.token_ids.empty() &&
                                  output.token_ids.back() == *output.finish.stop_token_id;
  for (std::size_t i = known - output.position; i < output.token_ids.size(); ++i) {
    if (ends_at_stop_token && i + 1 == output.token_ids.size()) {
      text_.push_stop_token(output.token_ids[i]);
      break;
    }
    push(output.token_ids[i], i < output.logprobs.size() ? &output.logprobs[i] : nullptr);
    if (text_.has_stopped()) break;
  }
  return {.num_tokens = text_.num_tokens() - known, .has_gap = false};
}

void Choice::push(openai::TokenId id, const rpc::TokenLogprobs* logprobs) {
  // A model may have more rows than its tokenizer has tokens; such an id has no text.
  const bool has_text = id < tokenizer_.vocab_size();
  const std::string text = has_text ? decoder_.push(id) : std::string();
  if (wants_logprobs_ && logprobs != nullptr) {
    text_.push(id, text, decoder_.has_pending(),
               name_logprobs(tokenizer_, id, *logprobs, num_top_));
  } else {
    text_.push(id, text, decoder_.has_pending());
  }
}

openai::Delta Choice::end() {
  has_ended_ = true;
  if (!text_.has_stopped()) text_.end(decoder_.finish());
  return text_.take_last();
}

}  // namespace penstock::frontend
