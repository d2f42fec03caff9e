#include "tokenizer/tokenizer.h"

#include <algorithm>

#include "base/check.h"
#include "formats/gguf.h"
#include "text/json.h"
#include "text/utf8.h"
#include "tokenizer/encode_pass.h"
#include "tokenizer/read_definition.h"
#include "tokenizer/tokenizer_impl.h"

namespace penstock::tokenizer {

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Result<Tokenizer> Tokenizer::from_json(std::string_view tokenizer_json,
                                       std::string_view tokenizer_config_json) {
  auto tokenizer = text::parse_json(tokenizer_json);
  if (!tokenizer) {
    return std::unexpected(std::move(tokenizer).error().with_context("tokenizer.json"));
  }
  text::Json config{text::Json::Object()};
  if (!tokenizer_config_json.empty()) {
    auto parsed = text::parse_json(tokenizer_config_json);
    if (!parsed) {
      return std::unexpected(std::move(parsed).error().with_context("tokenizer_config.json"));
    }
    config = std::move(*parsed);
  }
  ASSIGN_OR_RETURN(const Definition definition, read_definition(*tokenizer, config));
  ASSIGN_OR_RETURN(auto impl, Impl::create(definition));
  return Tokenizer(std::move(impl));
}

Result<Tokenizer> Tokenizer::from_gguf(const formats::GgufFile& file) {
  ASSIGN_OR_RETURN(const Definition definition, read_definition(file));
  ASSIGN_OR_RETURN(auto impl, Impl::create(definition));
  return Tokenizer(std::move(impl));
}

Result<std::vector<TokenId>> Tokenizer::encode(const text::OriginText& text,
                                               EncodeOptions options) const {
  ASSIGN_OR_RETURN(CutEncoding encoded, encode_on(text, {}, options.max_tokens));
  std::vector<TokenId> ids = std::move(encoded.token_ids);
  if (options.add_special_tokens) {
    const std::vector<TokenId>& prefix = impl_->prefix;
    const bool has_prefix =
        ids.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), ids.begin());
    if (!has_prefix) ids.insert(ids.begin(), prefix.begin(), prefix.end());
    ids.insert(ids.end(), impl_->suffix.begin(), impl_->suffix.end());
    if (ids.size() > options.max_tokens) return too_many_tokens(options.max_tokens);
  }
  return ids;
}

Result<CutEncoding> Tokenizer::encode_on(const text::OriginText& text, EncodedPrefix prefix,
                                         std::size_t max_tokens) const {
  const std::string_view bytes = text.bytes();
  CHECK(prefix.num_bytes <= bytes.size(), "a prefix of {} bytes of {}", prefix.num_bytes,
        bytes.size());
  if (impl_->bound.exceeds(bytes, max_tokens)) return too_many_tokens(max_tokens);
  const std::size_t bad = text::find_invalid_utf8(bytes.substr(prefix.num_bytes));
  if (bad != std::string_view::npos) {
    return make_error(ErrorCode::kInvalid, "the text is not valid UTF-8 at byte {}",
                      prefix.num_bytes + bad);
  }
  return EncodePass(*impl_, max_tokens).run(text, std::move(prefix));
}

std::vector<std::size_t> Tokenizer::find_cuts(const text::OriginText& text) const {
  std::vector<std::size_t> cuts;
  const OriginView whole(text);
  for (const text::OriginText::Span& span : text.spans()) {
    if (span.origin != text::Origin::kTrusted) continue;
    for (const auto& match : impl_->raw_tokens.find_all(whole.sub(span.begin, span.end))) {
      if (match.ends_clean) cuts.push_back(span.begin + match.end);
    }
  }
  return cuts;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special_tokens) const {
  std::string bytes;
  for (const TokenId id : ids) {
    CHECK(id < vocab_size(), "token {} of a vocabulary of {}", id, vocab_size());
    if (!skip_special_tokens || !is_special(id)) bytes += token_bytes(id);
  }
  const std::size_t spaces = std::min(bytes.find_first_not_of(' '), bytes.size());
  bytes.erase(0, std::min<std::size_t>(spaces, impl_->strip_leading_spaces));
  return text::replace_invalid_utf8(bytes);
}

std::uint32_t Tokenizer::vocab_size() const noexcept {
  return impl_->texts.size();
}

const SpecialTokens& Tokenizer::special_tokens() const noexcept {
  return impl_->special;
}

std::string_view Tokenizer::token_bytes(TokenId id) const noexcept {
  return impl_->texts[id];
}

bool Tokenizer::is_special(TokenId id) const noexcept {
  return id < impl_->is_special.size() && impl_->is_special[id];
}

std::uint32_t Tokenizer::strip_leading_spaces() const noexcept {
  return impl_->strip_leading_spaces;
}

std::optional<TokenId> Tokenizer::find_token(std::string_view literal) const noexcept {
  return impl_->find_token(literal);
}

const std::string& Tokenizer::digest() const noexcept {
  return impl_->digest;
}

}  // namespace penstock::tokenizer
