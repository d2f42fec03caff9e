#include "openai/choice_text.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace penstock::openai {

ChoiceText::ChoiceText(const StopStrings& stops, ChoiceTextOptions options)
    : stops_(&stops), options_(options), matcher_(stops, options.include_stop_string) {}

void ChoiceText::count(TokenId id) {
  ++num_tokens_;
  if (options_.keep_token_ids) next_.token_ids.push_back(id);
}

void ChoiceText::push_text(std::string_view text) {
  decoded_bytes_ += text.size();
  decoded_chars_ += static_cast<std::uint64_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  const std::size_t before = next_.text.size();
  if (num_tokens_ <= options_.min_tokens) {
    next_.text.append(text);
  } else {
    matcher_.push(text, next_.text);
  }
  released_bytes_ += next_.text.size() - before;
}

void ChoiceText::push(TokenId id, std::string_view text, bool) {
  count(id);
  push_text(text);
}

void ChoiceText::push(TokenId id, std::string_view text, bool has_pending, TokenLogprob logprob) {
  count(id);
  logprob.text_offset = decoded_chars_;
  push_text(text);
  waiting_.push_back({decoded_bytes_ + (has_pending ? 1 : 0), std::move(logprob)});
}

void ChoiceText::push_stop_token(TokenId id) {
  count(id);
}

void ChoiceText::end(std::string_view rest) {
  push_text(rest);
  if (matcher_.has_matched()) return;
  const std::size_t before = next_.text.size();
  matcher_.flush(next_.text);
  released_bytes_ += next_.text.size() - before;
  // Bytes that only lengthened a run that is U+FFFD already leave no text of their own.
  for (Waiting& waiting : waiting_)
    waiting.release_at = std::min(waiting.release_at, released_bytes_);
}

Delta ChoiceText::take() {
  return next_.text.empty() ? Delta{} : take_last();
}

Delta ChoiceText::take_last() {
  while (!waiting_.empty() && waiting_.front().release_at <= released_bytes_) {
    next_.logprobs.push_back(std::move(waiting_.front().logprob));
    waiting_.pop_front();
  }
  return std::exchange(next_, {});
}

const std::string& ChoiceText::stop_string() const {
  CHECK(matcher_.has_matched());
  return stops_->string(*matcher_.matched());
}

}  // namespace penstock::openai
