#include "tokenizer/tokenizer_impl.h"

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "text/utf8.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/plain_alphabet.h"

namespace penstock::tokenizer {
namespace {

// What text leads to each token of the model. A piece outside the byte-level alphabet: none.
TokenBytes model_bytes(const Definition& definition) {
  TokenBytes bytes;
  std::string scratch;
  for (TokenId id = 0; id < definition.pieces.size(); ++id) {
    scratch.clear();
    if (definition.alphabet == Alphabet::kPlain) {
      scratch = definition.pieces[id];
    } else {
      append_bytes_of_piece(scratch, definition.pieces[id]);
    }
    bytes.set(id, scratch);
  }
  return bytes;
}

TokenIndex index_of(const TokenBytes& bytes) {
  TokenIndex index(bytes, bytes.size());
  for (TokenId id = 0; id < bytes.size(); ++id) {
    if (!bytes[id].empty()) index.add(id);
  }
  return index;
}

// The tokens matched before normalizing, or after it; the latter in normalized text.
std::vector<AddedToken> added_tokens(const Definition& definition, bool normalized) {
  std::vector<AddedToken> tokens;
  std::ranges::copy_if(
      definition.added, std::back_inserter(tokens),
      [normalized](const AddedToken& token) { return token.normalized == normalized; });
  if (normalized) {
    const Normalizer normalizer(definition.normalizer);
    for (AddedToken& token : tokens) token.content = normalizer.normalize(token.content);
  }
  return tokens;
}

// What each id leaves in decoded text. A piece that spells no bytes stands for itself.
TokenBytes decoded_texts(const Definition& definition, const TokenBytes& pieces) {
  TokenBytes texts;
  for (TokenId id = 0; id < pieces.size(); ++id) {
    if (definition.alphabet == Alphabet::kPlain) {
      texts.set(id, text_of_plain_piece(pieces[id]));
    } else {
      texts.set(id, pieces[id].empty() ? definition.pieces[id] : pieces[id]);
    }
  }
  for (const bool normalized : {false, true}) {
    for (const AddedToken& token : added_tokens(definition, normalized)) {
      texts.set(token.id, token.content);
    }
  }
  return texts;
}

Status check_added(const Definition& definition) {
  for (const AddedToken& token : definition.added) {
    if (text::find_invalid_utf8(token.content) != std::string_view::npos) {
      return make_error(ErrorCode::kInvalid, "the text of added token {} is not valid UTF-8",
                        token.id);
    }
  }
  return {};
}

// Whether no token, and no run of unknown characters, reaches from a character to a U+2581 behind
// it.
bool words_end_at_spaces(const Definition& definition) {
  const auto crosses = [](const auto& merge) {
    return merge.second.starts_with(kMetaspace) && !merge.first.ends_with(kMetaspace);
  };
  return definition.alphabet == Alphabet::kPlain && !definition.ignore_merges &&
         std::ranges::find(definition.pieces, kMetaspace) != definition.pieces.end() &&
         std::ranges::none_of(definition.merges, crosses);
}

Result<PreTokenizer> pre_tokenizer_of(const Definition& definition) {
  std::vector<PreTokenizerRule> rules = definition.pre_tokenizer;
  if (words_end_at_spaces(definition)) rules.emplace_back(MetaspaceBoundaryRule{});
  return PreTokenizer::create(rules);
}

// SHA-256 over fields that say where they end.
class DigestWriter final {
 public:
  void number(std::uint64_t value) {
    std::array<char, 8> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(value >> (8 * i));
    hash_.update(std::string_view(bytes.data(), bytes.size()));
  }
  void text(std::string_view value) {
    number(value.size());
    hash_.update(value);
  }
  void ids(const std::vector<TokenId>& values) {
    number(values.size());
    for (const TokenId id : values) number(id);
  }
  [[nodiscard]] std::string finish() && { return digest_text(std::move(hash_).finish()); }

 private:
  Sha256 hash_;
};

void write_added(DigestWriter& out, std::vector<AddedToken> added) {
  std::ranges::sort(added, {}, &AddedToken::id);
  out.number(added.size());
  for (const AddedToken& token : added) {
    out.number(token.id);
    out.text(token.content);
    out.number((token.special ? 1U : 0U) | (token.single_word ? 2U : 0U) |
               (token.lstrip ? 4U : 0U) | (token.rstrip ? 8U : 0U) | (token.normalized ? 16U : 0U));
  }
}

// Whether a file lists its added tokens among the pieces, too, does not change the mapping.
void write_pieces(DigestWriter& out, const Definition& definition, const TokenBytes& pieces) {
  std::vector<bool> is_added(pieces.size());
  for (const AddedToken& token : definition.added) {
    if (token.id < is_added.size()) is_added[token.id] = true;
  }
  for (TokenId id = 0; id < pieces.size(); ++id) {
    if (is_added[id] || pieces[id].empty()) continue;
    out.number(id);
    out.text(pieces[id]);
  }
  out.number(~std::uint64_t{0});  // no id: the end
}

std::string digest_of(const Definition& definition, const Tokenizer::Impl& impl) {
  DigestWriter out;
  out.text("penstock tokenizer 1");
  out.number(static_cast<std::uint64_t>(definition.alphabet));
  write_pieces(out, definition, *impl.pieces);
  out.number(definition.merges.size());
  for (const auto& [left, right] : definition.merges) {
    out.text(left);
    out.text(right);
  }
  write_added(out, definition.added);
  out.text(impl.normalizer.description());
  out.text(impl.pre_tokenizer.description());
  out.number(definition.ignore_merges ? 1 : 0);
  out.number(definition.unk ? std::uint64_t{*definition.unk} + 1 : 0);
  out.number(definition.fuse_unk ? 1 : 0);
  out.number(definition.strip_leading_spaces);
  out.ids(definition.prefix);
  out.ids(definition.suffix);
  return std::move(out).finish();
}

}  // namespace

Tokenizer::Impl::Impl(std::unique_ptr<const TokenBytes> pieces_in,
                      std::unique_ptr<const TokenIndex> index_in, Bpe bpe_in,
                      PreTokenizer pre_tokenizer_in, const Definition& definition)
    : alphabet(definition.alphabet),
      pieces(std::move(pieces_in)),
      index(std::move(index_in)),
      bpe(std::move(bpe_in)),
      is_whole_word(pieces->size()),
      bound(definition, *pieces, bpe),
      raw_tokens(added_tokens(definition, false)),
      normalized_tokens(added_tokens(definition, true)),
      normalizer(definition.normalizer),
      pre_tokenizer(std::move(pre_tokenizer_in)),
      texts(decoded_texts(definition, *pieces)),
      is_special(texts.size()),
      strip_leading_spaces(definition.strip_leading_spaces),
      prefix(definition.prefix),
      suffix(definition.suffix),
      special(definition.special) {
  for (const AddedToken& token : definition.added) {
    if (token.special) is_special[token.id] = true;
  }
  std::vector<TokenId> merged;
  for (TokenId id = 0; id < pieces->size(); ++id) {
    const std::string_view bytes = (*pieces)[id];
    if (bytes.empty() || is_special[id] || index->find(bytes) != id) continue;
    if (!definition.ignore_merges) {
      merged.clear();
      bpe.encode(bytes, merged);
    }
    is_whole_word[id] = definition.ignore_merges || (merged.size() == 1 && merged[0] == id);
  }
  digest = digest_of(definition, *this);
}

std::optional<TokenId> Tokenizer::Impl::find_token(std::string_view text) const noexcept {
  for (const AddedTokenMatcher* tokens : {&raw_tokens, &normalized_tokens}) {
    if (const AddedToken* token = tokens->find(text)) return token->id;
  }
  if (alphabet == Alphabet::kByteLevel) return index->find(text);
  if (const auto id = index->find(replace_all(text, " ", kMetaspace))) return id;
  return text.size() == 1 ? index->find(fallback_piece(text[0])) : std::nullopt;
}

Result<std::unique_ptr<Tokenizer::Impl>> Tokenizer::Impl::create(const Definition& definition) {
  RETURN_IF_ERROR(check_added(definition));
  auto pieces = std::make_unique<const TokenBytes>(model_bytes(definition));
  auto index = std::make_unique<const TokenIndex>(index_of(*pieces));
  ASSIGN_OR_RETURN(Bpe bpe, Bpe::create(definition, *pieces, *index));
  ASSIGN_OR_RETURN(PreTokenizer pre_tokenizer, pre_tokenizer_of(definition));
  return std::make_unique<Impl>(std::move(pieces), std::move(index), std::move(bpe),
                                std::move(pre_tokenizer), definition);
}

}  // namespace penstock::tokenizer
