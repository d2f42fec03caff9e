#include "tokenizer/added_tokens.h"

#include <algorithm>
#include <cstring>

#include "text/unicode.h"
#include "text/utf8.h"

namespace penstock::tokenizer {
namespace {

// Where the character before `at`, which is over 0, begins.
std::size_t before(std::string_view text, std::size_t at) noexcept {
  do {
    --at;
  } while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return at;
}

bool touches_word(std::string_view text, std::size_t begin, std::size_t end) noexcept {
  if (begin > 0 && text::is_word(text::decode_utf8(text, before(text, begin)).code_point)) {
    return true;
  }
  return end < text.size() && text::is_word(text::decode_utf8(text, end).code_point);
}

std::size_t skip_spaces(std::string_view text, std::size_t at) noexcept {
  while (at < text.size()) {
    const text::DecodedChar c = text::decode_utf8(text, at);
    if (!text::is_whitespace(c.code_point)) break;
    at += c.num_bytes;
  }
  return at;
}

std::size_t skip_spaces_back(std::string_view text, std::size_t at, std::size_t stop) noexcept {
  while (at > stop) {
    const std::size_t begin = before(text, at);
    if (!text::is_whitespace(text::decode_utf8(text, begin).code_point)) break;
    at = begin;
  }
  return at;
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::erase_if(tokens_, [](const AddedToken& token) { return token.content.empty(); });
  std::ranges::stable_sort(tokens_, {}, &AddedToken::content);
  const auto same = std::ranges::unique(tokens_, {}, &AddedToken::content);
  tokens_.erase(same.begin(), same.end());
  for (const AddedToken& token : tokens_) {
    first_bytes_.set(static_cast<unsigned char>(token.content.front()));
  }
  if (first_bytes_.count() == 1) only_first_byte_ = tokens_.front().content.front();
  is_clean_ = find_clean();
}

// Visits each token that `rest` begins with, shortest first.
template <class Visit>
void AddedTokenMatcher::for_each_beginning(std::string_view rest, Visit visit) const {
  // The tokens that begin with rest[0, depth), narrowed byte by byte.
  auto low = tokens_.begin();
  auto high = tokens_.end();
  for (std::size_t depth = 0; low != high; ++depth) {
    if (high - low == 1) {
      if (rest.starts_with(low->content)) visit(*low);
      break;
    }
    if (low->content.size() == depth) {
      visit(*low);
      ++low;
    }
    if (depth == rest.size()) break;
    const auto byte = static_cast<unsigned char>(rest[depth]);
    const auto byte_at_depth = [depth](const AddedToken& token) {
      return static_cast<unsigned char>(token.content[depth]);
    };
    const auto range = std::ranges::equal_range(low, high, byte, {}, byte_at_depth);
    low = range.begin();
    high = range.end();
  }
}

std::vector<bool> AddedTokenMatcher::find_clean() const {
  std::vector<bool> is_clean;
  for (const AddedToken& token : tokens_) {
    const std::size_t last = before(token.content, token.content.size());
    const char32_t end = text::decode_utf8(token.content, last).code_point;
    is_clean.push_back(token.special && !token.single_word && !token.rstrip &&
                       !text::is_whitespace(end) && !text::is_word(end));
  }
  for (const AddedToken& outer : tokens_) {
    const std::string_view content = outer.content;
    for (std::size_t at = 0; at < content.size(); ++at) {
      for_each_beginning(content.substr(at), [&](const AddedToken& inner) {
        if (at + inner.content.size() < content.size()) is_clean[index_of(inner)] = false;
      });
    }
  }
  return is_clean;
}

const AddedToken* AddedTokenMatcher::find(std::string_view content) const noexcept {
  const auto at = std::ranges::lower_bound(tokens_, content, {}, &AddedToken::content);
  return at != tokens_.end() && at->content == content ? &*at : nullptr;
}

std::size_t AddedTokenMatcher::next_candidate(std::string_view text,
                                              std::size_t at) const noexcept {
  if (only_first_byte_) return std::min(text.find(*only_first_byte_, at), text.size());
  while (at < text.size() && !first_bytes_.test(static_cast<unsigned char>(text[at]))) ++at;
  return at;
}

const AddedToken* AddedTokenMatcher::longest_at(OriginView text, std::size_t at) const noexcept {
  const AddedToken* longest = nullptr;
  for_each_beginning(text.text().substr(at), [&](const AddedToken& token) {
    if (!token.special || text.is_trusted(at, at + token.content.size())) longest = &token;
  });
  return longest;
}

std::vector<AddedTokenMatcher::Match> AddedTokenMatcher::find_all(OriginView view,
                                                                  std::size_t from) const {
  std::vector<Match> matches;
  if (tokens_.empty()) return matches;
  const std::string_view text = view.text();
  std::size_t taken = from;  // the end of the last match, with what rstrip took
  for (std::size_t at = next_candidate(text, from); at < text.size();
       at = next_candidate(text, at)) {
    const AddedToken* token = longest_at(view, at);
    if (token == nullptr) {
      ++at;
      continue;
    }
    Match match{at, at + token->content.size(), token->id};
    at = match.end;
    if (token->single_word && touches_word(text, match.begin, match.end)) continue;
    if (token->lstrip) match.begin = skip_spaces_back(text, match.begin, taken);
    if (token->rstrip) match.end = skip_spaces(text, match.end);
    // A token of whitespace may lie in what the last one took.
    match.begin = std::max(match.begin, taken);
    match.end = std::max(match.end, match.begin);
    match.ends_clean = is_clean_[index_of(*token)];
    matches.push_back(match);
    taken = match.end;
  }
  return matches;
}

}  // namespace penstock::tokenizer
