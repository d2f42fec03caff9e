#include "frontend/echo.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "text/utf8.h"

namespace penstock::frontend {

Echo make_echo(std::string text) {
  Echo echo;
  echo.num_characters = num_characters(text);
  echo.text = std::move(text);
  return echo;
}

// A token begins behind the last character that the tokens before it complete. Where tokens spell
// more than the text (a normalizer changed it), none begins beyond its end.
Echo make_echo_with_tokens(std::string text, std::span<const openai::TokenId> prompt,
                           const tokenizer::Tokenizer& tokenizer, bool skip_special_tokens) {
  Echo echo = make_echo(std::move(text));
  if (prompt.empty()) return echo;
  echo.first.id = prompt.front();
  echo.first.has_logprob = false;
  if (prompt.front() < tokenizer.vocab_size()) {
    echo.first.bytes = std::string(tokenizer.token_bytes(prompt.front()));
  }
  const std::string_view shown = echo.text;
  std::size_t spaces_to_drop = tokenizer.strip_leading_spaces();
  std::size_t at = 0;       // bytes
  std::size_t counted = 0;  // bytes whose characters are in `characters`
  std::uint64_t characters = 0;
  for (const openai::TokenId id : prompt) {
    const std::string_view before = shown.substr(counted, at - counted);
    const std::size_t whole = before.size() - text::incomplete_utf8_tail(before);
    characters += num_characters(before.substr(0, whole));
    counted += whole;
    echo.offsets.push_back(characters);
    const bool has_text =
        id < tokenizer.vocab_size() && !(skip_special_tokens && tokenizer.is_special(id));
    std::string_view bytes = has_text ? tokenizer.token_bytes(id) : std::string_view();
    while (spaces_to_drop > 0 && bytes.starts_with(' ')) {
      bytes.remove_prefix(1);
      --spaces_to_drop;
    }
    if (!bytes.empty()) spaces_to_drop = 0;
    at = std::min(shown.size(), at + bytes.size());
  }
  return echo;
}

std::vector<openai::TokenLogprob> echo_logprobs(const Echo& echo,
                                                std::span<const openai::TokenLogprob> rest,
                                                std::size_t num_top) {
  CHECK(rest.size() + 1 == echo.offsets.size());
  std::vector<openai::TokenLogprob> tokens;
  tokens.reserve(echo.offsets.size());
  tokens.push_back(echo.first);
  for (const openai::TokenLogprob& entry : rest) {
    openai::TokenLogprob& token = tokens.emplace_back(entry);
    if (token.top.size() > num_top) token.top.resize(num_top);
    token.text_offset = echo.offsets[tokens.size() - 1];
  }
  return tokens;
}

std::uint64_t num_characters(std::string_view text) noexcept {
  return static_cast<std::uint64_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace penstock::frontend
