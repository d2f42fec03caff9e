#include "tokenizer/encode_pass.h"

#include <algorithm>

#include "tokenizer/least_tokens.h"

namespace penstock::tokenizer {
namespace {

// Calls `between` for what lies between matches and `on_token` for each match, in order, until one
// of them returns false or an error. Begins at `from`.
template <class Between, class OnToken>
Result<bool> walk(OriginView text, std::size_t from, const AddedTokenMatcher& tokens,
                  Between between, OnToken on_token) {
  std::size_t at = from;
  for (const AddedTokenMatcher::Match& match : tokens.find_all(text, from)) {
    if (at < match.begin) {
      ASSIGN_OR_RETURN(const bool go_on, between(text.sub(at, match.begin)));
      if (!go_on) return false;
    }
    if (!on_token(match)) return false;
    at = match.end;
  }
  if (at == text.size()) return true;
  return between(text.sub(at, text.size()));
}

}  // namespace

std::unexpected<Error> too_many_tokens(std::size_t max_tokens) {
  return make_error(ErrorCode::kResourceExhausted, "the text has more than {} tokens", max_tokens);
}

Result<CutEncoding> EncodePass::run(const text::OriginText& text, EncodedPrefix prefix) {
  constexpr std::size_t kBytesPerToken = 4;  // of ordinary prose
  const std::size_t num_left = text.bytes().size() - prefix.num_bytes;
  ids_ = std::move(prefix.token_ids);
  ids_.reserve(ids_.size() + std::min(num_left / kBytesPerToken, max_tokens_) + 8);
  const auto on_token = [this](const AddedTokenMatcher::Match& match) {
    if (!take_token(match.id)) return false;
    if (match.ends_clean) cuts_.push_back({match.end, ids_.size()});
    return true;
  };
  ASSIGN_OR_RETURN(const bool fits,
                   walk(
                       OriginView(text), prefix.num_bytes, tokenizer_.raw_tokens,
                       [this](OriginView part) { return take_raw(part); }, on_token));
  if (!fits || ids_.size() > max_tokens_) return too_many_tokens(max_tokens_);
  return CutEncoding{std::move(ids_), std::move(cuts_)};
}

Result<bool> EncodePass::take_raw(OriginView part) {
  const auto normalized = tokenizer_.normalizer.normalize(part);
  return take_normalized(normalized ? OriginView(*normalized) : part, part.starts_whole());
}

Result<bool> EncodePass::take_normalized(OriginView part, bool is_first) {
  return walk(
      part, 0, tokenizer_.normalized_tokens,
      [&](OriginView piece) {
        const bool begins = is_first && piece.text().data() == part.text().data();
        return tokenizer_.pre_tokenizer.split(piece.text(), begins, *this);
      },
      [this](const AddedTokenMatcher::Match& match) { return take_token(match.id); });
}

bool EncodePass::take_token(TokenId id) {
  ids_.push_back(id);
  return ids_.size() <= max_tokens_;
}

bool EncodePass::on_word(std::string_view word) {
  const auto id = tokenizer_.index->find(word);
  if (id && tokenizer_.is_whole_word[*id]) return take_token(*id);
  if (is_hopeless(word)) return false;
  tokenizer_.bpe.encode(word, ids_);
  return ids_.size() <= max_tokens_;
}

bool EncodePass::is_hopeless(std::string_view word) const {
  constexpr std::size_t kWorthCounting = 64 * 1024;  // merging takes many times as long
  if (word.size() < kWorthCounting) return false;
  return ids_.size() + least_tokens(word, *tokenizer_.pieces, tokenizer_.bpe) > max_tokens_;
}

}  // namespace penstock::tokenizer
