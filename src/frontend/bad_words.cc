#include "frontend/bad_words.h"

#include <algorithm>
#include <string_view>

namespace penstock::frontend {
namespace {

using Sequence = std::vector<openai::TokenId>;

Result<Sequence> encode(const tokenizer::Tokenizer& tokenizer, std::string_view text) {
  return tokenizer.encode(text::OriginText(text, text::Origin::kData));
}

// What `word` adds behind `before`; nothing when the two merge at their border.
Result<Sequence> encode_behind(const tokenizer::Tokenizer& tokenizer, std::string_view before,
                               std::string_view word) {
  ASSIGN_OR_RETURN(const Sequence prefix, encode(tokenizer, before));
  ASSIGN_OR_RETURN(Sequence whole, encode(tokenizer, std::string(before).append(word)));
  const bool is_behind =
      whole.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), whole.begin());
  if (!is_behind) return Sequence{};
  whole.erase(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(prefix.size()));
  return whole;
}

Result<std::vector<Sequence>> forms_of(const tokenizer::Tokenizer& tokenizer,
                                       std::string_view word) {
  const std::size_t begin = word.find_first_not_of(' ');
  // Spaces alone are meant as they are written.
  if (begin == std::string_view::npos) {
    ASSIGN_OR_RETURN(Sequence spaces, encode(tokenizer, word));
    return std::vector<Sequence>{std::move(spaces)};
  }
  word.remove_prefix(begin);
  // Some tokenizers put a space before every text; behind a line break they do not.
  const bool adds_space = tokenizer.strip_leading_spaces() > 0;
  ASSIGN_OR_RETURN(Sequence spaced,
                   encode(tokenizer, std::string(adds_space ? "" : " ").append(word)));
  ASSIGN_OR_RETURN(Sequence plain, encode_behind(tokenizer, adds_space ? "\n" : "", word));
  return std::vector<Sequence>{std::move(spaced), std::move(plain)};
}

}  // namespace

openai::ApiResult<std::vector<Sequence>> bad_sequences(std::span<const std::string> words,
                                                       const tokenizer::Tokenizer& tokenizer,
                                                       std::uint32_t vocab_size) {
  std::vector<Sequence> sequences;
  for (std::size_t i = 0; i < words.size(); ++i) {
    auto forms = forms_of(tokenizer, words[i]);
    if (!forms) {
      const std::string path = format("bad_words[{}]", i);
      return openai::make_api_error(openai::ApiErrorCode::kInvalidValue, path,
                                    "{} cannot be tokenized: {}", path, forms.error().message());
    }
    for (Sequence& form : *forms) sequences.push_back(std::move(form));
  }
  std::erase_if(sequences, [vocab_size](const Sequence& sequence) {
    return sequence.empty() || std::ranges::any_of(sequence, [vocab_size](openai::TokenId id) {
             return id >= vocab_size;
           });
  });
  std::ranges::sort(sequences);
  const auto repeated = std::ranges::unique(sequences);
  sequences.erase(repeated.begin(), repeated.end());
  return sequences;
}

}  // namespace penstock::frontend
