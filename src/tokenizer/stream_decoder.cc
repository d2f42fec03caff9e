#include "tokenizer/stream_decoder.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "text/utf8.h"

namespace penstock::tokenizer {

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, std::span<const TokenId> prompt_tail,
                             bool skip_special_tokens)
    : tokenizer_(&tokenizer),
      skip_special_tokens_(skip_special_tokens),
      spaces_to_drop_(tokenizer.strip_leading_spaces()) {
  for (const TokenId id : prompt_tail) (void)text_of(id);
}

std::string_view StreamDecoder::text_of(TokenId id) {
  CHECK(id < tokenizer_->vocab_size(), "token {} of a vocabulary of {}", id,
        tokenizer_->vocab_size());
  if (skip_special_tokens_ && tokenizer_->is_special(id)) return {};
  std::string_view text = tokenizer_->token_bytes(id);
  if (spaces_to_drop_ == 0) return text;
  const std::size_t spaces = std::min(text.find_first_not_of(' '), text.size());
  const auto dropped = std::min(spaces_to_drop_, static_cast<std::uint32_t>(spaces));
  text.remove_prefix(dropped);
  spaces_to_drop_ = text.empty() ? spaces_to_drop_ - dropped : 0;
  return text;
}

std::string StreamDecoder::push(TokenId id) {
  pending_ += text_of(id);
  const std::size_t complete = pending_.size() - text::incomplete_utf8_tail(pending_);
  std::string out;
  text::append_replacing_invalid(out, std::string_view(pending_).substr(0, complete),
                                 in_ill_formed_run_);
  pending_.erase(0, complete);
  return out;
}

std::string StreamDecoder::finish() {
  std::string out;
  text::append_replacing_invalid(out, std::exchange(pending_, {}), in_ill_formed_run_);
  return out;
}

}  // namespace penstock::tokenizer
