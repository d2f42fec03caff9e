// What a tokenizer file says, whatever its format: the step between the readers (read_json.cc,
// read_gguf.cc) and the Tokenizer that is built from it.
//
// Views point into the source (JSON text or GGUF bytes), which outlives the Definition.
// Threading: a value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "tokenizer/tokenizer.h"

namespace penstock::tokenizer {

// A token matched in the text itself, before any pre-tokenizing.
struct AddedToken {
  std::string content;
  TokenId id = 0;
  bool special = false;      // a control token: only in trusted spans; leaves no text when skipped
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the whitespace before it
  bool rstrip = false;       // takes the whitespace after it
  bool normalized = false;   // matched in the normalized text
};

// What becomes of a match that splits a text.
enum class SplitBehavior : std::uint8_t {
  kRemoved,
  kIsolated,
  kMergedWithPrevious,
  kMergedWithNext,
  kContiguous,  // like isolated, but neighbours that both match are one piece
};

struct SplitRule {
  std::string pattern;
  bool is_regex = true;  // else the text itself
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;  // what lies between matches counts as the match
};
// Cuts numbers (\p{N}) out of the text: each digit alone, or each run.
struct DigitsRule {
  bool individual = false;
};
// Gives each piece a leading space that has none.
struct PrefixSpaceRule {};
// Spaces become U+2581; each piece, or only the text's first, gets a leading one.
struct MetaspaceRule {
  enum class Prepend : std::uint8_t { kNever, kFirst, kAlways };
  Prepend prepend = Prepend::kAlways;
  bool split = true;
};
// Cuts before each U+2581 that follows another character: where no token reaches across, that
// changes no result and keeps words short.
struct MetaspaceBoundaryRule {};
using PreTokenizerRule =
    std::variant<SplitRule, DigitsRule, PrefixSpaceRule, MetaspaceRule, MetaspaceBoundaryRule>;

struct NfcRule {};
struct PrependRule {
  std::string text;
};
struct ReplaceRule {
  std::string from;
  std::string to;
};
using NormalizerRule = std::variant<NfcRule, PrependRule, ReplaceRule>;

// How a piece of the vocabulary spells bytes.
enum class Alphabet : std::uint8_t {
  kByteLevel,  // one printable character per byte (byte_alphabet.h)
  kPlain,      // its own UTF-8; characters without a token fall back to the pieces <0x00>..<0xFF>
};

struct Definition {
  Alphabet alphabet = Alphabet::kByteLevel;
  std::vector<std::string_view> pieces;  // by id; empty where there is no token
  std::vector<std::pair<std::string_view, std::string_view>> merges;  // by rank
  std::vector<AddedToken> added;
  std::vector<NormalizerRule> normalizer;
  std::vector<PreTokenizerRule> pre_tokenizer;
  // A word that is a token as it stands is not merged from its bytes.
  bool ignore_merges = false;
  // For bytes without a token; without it they vanish. `fuse_unk`: a run of them is one.
  std::optional<TokenId> unk;
  bool fuse_unk = false;
  // Decoding drops this many spaces at the start of the text.
  std::uint32_t strip_leading_spaces = 0;
  // Around the text when EncodeOptions::add_special_tokens.
  std::vector<TokenId> prefix;
  std::vector<TokenId> suffix;
  SpecialTokens special;
};

// The patterns that have hand-written scanners (scanners.h), as tokenizer files spell them.
inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

}  // namespace penstock::tokenizer
