// Text to token ids and back.
//
// Special tokens are recognised only inside trusted spans of an OriginText (a chat template's
// literals), never in data; ordinary text is pre-tokenized across spans. Equal, token for token,
// to Hugging Face `tokenizers` on plain text. Threading: immutable after loading; share freely.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/origin_text.h"

namespace penstock::formats {
class GgufFile;
}

namespace penstock::tokenizer {

using TokenId = std::uint32_t;

struct SpecialTokens {
  std::optional<TokenId> bos;
  std::optional<TokenId> eos;
  std::optional<TokenId> unk;
  std::optional<TokenId> pad;
};

struct EncodeOptions {
  // What the model's post-processor adds (a BOS, say), unless the text already begins with it:
  // one BOS, never two.
  bool add_special_tokens = false;
  // More than this is kResourceExhausted, found before much work is spent on the rest.
  std::size_t max_tokens = std::numeric_limits<std::size_t>::max();
};

// A place behind a special token where encoding can be taken up again: the bytes before it are
// exactly the tokens before it, whatever follows.
struct CutPoint {
  std::size_t num_bytes = 0;
  std::size_t num_tokens = 0;
};

// A text's first bytes, up to a CutPoint, as tokens.
struct EncodedPrefix {
  std::size_t num_bytes = 0;
  std::vector<TokenId> token_ids{};
};

struct CutEncoding {
  std::vector<TokenId> token_ids;
  std::vector<CutPoint> cuts;  // those behind the prefix, in order
};

class Tokenizer final {
 public:
  // tokenizer.json, and tokenizer_config.json (empty when there is none), as text.
  [[nodiscard]] static Result<Tokenizer> from_json(std::string_view tokenizer_json,
                                                   std::string_view tokenizer_config_json);
  // The vocabulary in a GGUF file's metadata (tokenizer.ggml.*).
  [[nodiscard]] static Result<Tokenizer> from_gguf(const formats::GgufFile& file);

  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  // Invalid UTF-8 is kInvalid and names the byte offset.
  [[nodiscard]] Result<std::vector<TokenId>> encode(const text::OriginText& text,
                                                    EncodeOptions options = {}) const;
  // The same tokens, without those of a post-processor, where `prefix` is known to be the beginning
  // of `text`, and where it could be cut next time.
  [[nodiscard]] Result<CutEncoding> encode_on(
      const text::OriginText& text, EncodedPrefix prefix,
      std::size_t max_tokens = std::numeric_limits<std::size_t>::max()) const;
  // Where encode_on() would cut, seen from the trusted spans alone and so at little cost. Both
  // lists are equal but where an ordinary added token reaches from data into the template's text.
  [[nodiscard]] std::vector<std::size_t> find_cuts(const text::OriginText& text) const;
  // Whole text of the ids; ill-formed bytes become U+FFFD. Ids at or over vocab_size() are a CHECK.
  [[nodiscard]] std::string decode(std::span<const TokenId> ids, bool skip_special_tokens) const;

  // One past the largest id.
  [[nodiscard]] std::uint32_t vocab_size() const noexcept;
  [[nodiscard]] const SpecialTokens& special_tokens() const noexcept;
  // The bytes a token stands for in running text; any bytes, not always whole characters.
  // Special tokens: their literal text. Ids without a token: empty.
  [[nodiscard]] std::string_view token_bytes(TokenId id) const noexcept;
  [[nodiscard]] bool is_special(TokenId id) const noexcept;
  // The id whose token_bytes() these are, added tokens first; the lowest of equals.
  [[nodiscard]] std::optional<TokenId> find_token(std::string_view literal) const noexcept;
  // How many spaces decode() drops at the very start of the text: 0, or 1 where the tokenizer puts
  // one there when encoding.
  [[nodiscard]] std::uint32_t strip_leading_spaces() const noexcept;
  // "sha256:..." over what determines the mapping.
  [[nodiscard]] const std::string& digest() const noexcept;

  struct Impl;

 private:
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::tokenizer
