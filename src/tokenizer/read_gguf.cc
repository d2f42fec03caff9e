#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>

#include "formats/gguf.h"
#include "tokenizer/plain_alphabet.h"
#include "tokenizer/read_definition.h"
#include "tokenizer/score_merges.h"

namespace penstock::tokenizer {
namespace {

using formats::GgufFile;

// tokenizer.ggml.token_type
enum class TokenType : std::int64_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

// What a value of tokenizer.ggml.pre stands for.
struct PreTokenizerPreset {
  std::string_view name;
  std::string_view pattern;
  bool isolates_digits = false;
  bool normalizes_nfc = false;
  bool ignores_merges = false;
  bool adds_bos = false;  // unless tokenizer.ggml.add_bos_token says otherwise
};
constexpr std::array kPresets = {
    PreTokenizerPreset{.name = "gpt-2", .pattern = kGpt2Pattern},
    PreTokenizerPreset{.name = "smollm", .pattern = kGpt2Pattern, .isolates_digits = true},
    PreTokenizerPreset{.name = "starcoder", .pattern = kGpt2Pattern, .isolates_digits = true},
    PreTokenizerPreset{
        .name = "llama-bpe", .pattern = kLlama3Pattern, .ignores_merges = true, .adds_bos = true},
    PreTokenizerPreset{
        .name = "llama3", .pattern = kLlama3Pattern, .ignores_merges = true, .adds_bos = true},
    PreTokenizerPreset{
        .name = "llama-v3", .pattern = kLlama3Pattern, .ignores_merges = true, .adds_bos = true},
    PreTokenizerPreset{.name = "qwen2", .pattern = kQwen2Pattern, .normalizes_nfc = true},
    PreTokenizerPreset{
        .name = "deepseek-r1-qwen", .pattern = kQwen2Pattern, .normalizes_nfc = true},
};

// The value under `key`, or `fallback` when it is absent.
template <class T>
Result<T> value_or(Result<T> found, T fallback) {
  if (!found && found.error().code() == ErrorCode::kNotFound) return fallback;
  return found;
}

Result<std::vector<TokenType>> read_types(const GgufFile& file, std::size_t count) {
  constexpr std::string_view kKey = "tokenizer.ggml.token_type";
  std::vector<TokenType> types(count, TokenType::kNormal);
  const formats::GgufValue* value = file.find(kKey);
  if (value == nullptr) return types;
  const auto fill = [&](const auto& numbers) -> Status {
    if (numbers.size() != count) {
      return make_error(ErrorCode::kInvalid, "{} has {} entries for {} tokens", kKey,
                        numbers.size(), count);
    }
    std::ranges::transform(numbers, types.begin(),
                           [](auto number) { return static_cast<TokenType>(number); });
    return {};
  };
  if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(value)) {
    RETURN_IF_ERROR(fill(*numbers));
  } else if (const auto* unsigned_numbers = std::get_if<std::vector<std::uint64_t>>(value)) {
    RETURN_IF_ERROR(fill(*unsigned_numbers));
  } else {
    return make_error(ErrorCode::kInvalid, "{} is not an array of integers", kKey);
  }
  return types;
}

Status read_tokens(const GgufFile& file, Definition& out) {
  ASSIGN_OR_RETURN(const auto tokens, file.get_strings("tokenizer.ggml.tokens"));
  if (tokens.size() > kMaxTokens) {
    return make_error(ErrorCode::kInvalid,
                      "tokenizer.ggml.tokens has {} entries; at most {} are read", tokens.size(),
                      kMaxTokens);
  }
  out.pieces.assign(tokens.begin(), tokens.end());
  ASSIGN_OR_RETURN(const std::vector<TokenType> types, read_types(file, tokens.size()));
  for (TokenId id = 0; id < tokens.size(); ++id) {
    const bool is_special = types[id] == TokenType::kControl || types[id] == TokenType::kUnknown;
    if ((!is_special && types[id] != TokenType::kUserDefined) || tokens[id].empty()) continue;
    out.added.push_back({.content = std::string(tokens[id]), .id = id, .special = is_special});
  }
  return {};
}

Status read_merges(const GgufFile& file, Definition& out) {
  ASSIGN_OR_RETURN(const auto merges, file.get_strings("tokenizer.ggml.merges"));
  out.merges.reserve(merges.size());
  for (const std::string_view merge : merges) {
    const std::size_t space = merge.find(' ', 1);
    if (space == std::string_view::npos) {
      return make_error(ErrorCode::kInvalid, "tokenizer.ggml.merges has '{}', which is no pair",
                        merge);
    }
    out.merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
  return {};
}

Result<std::optional<TokenId>> read_special(const GgufFile& file, std::string_view key,
                                            std::size_t num_tokens) {
  if (file.find(key) == nullptr) return std::nullopt;
  ASSIGN_OR_RETURN(const std::uint64_t id, file.get_uint(key));
  if (id >= num_tokens) {
    return make_error(ErrorCode::kInvalid, "{} is {}; there are {} tokens", key, id, num_tokens);
  }
  return static_cast<TokenId>(id);
}

Status read_special_tokens(const GgufFile& file, bool adds_bos, Definition& out) {
  const std::size_t count = out.pieces.size();
  SpecialTokens& special = out.special;
  ASSIGN_OR_RETURN(special.bos, read_special(file, "tokenizer.ggml.bos_token_id", count));
  ASSIGN_OR_RETURN(special.eos, read_special(file, "tokenizer.ggml.eos_token_id", count));
  ASSIGN_OR_RETURN(special.unk, read_special(file, "tokenizer.ggml.unknown_token_id", count));
  ASSIGN_OR_RETURN(special.pad, read_special(file, "tokenizer.ggml.padding_token_id", count));
  ASSIGN_OR_RETURN(const bool bos,
                   value_or(file.get_bool("tokenizer.ggml.add_bos_token"), adds_bos));
  ASSIGN_OR_RETURN(const bool eos, value_or(file.get_bool("tokenizer.ggml.add_eos_token"), false));
  if (bos && special.bos) out.prefix.push_back(*special.bos);
  if (eos && special.eos) out.suffix.push_back(*special.eos);
  return {};
}

Result<Definition> read_byte_level(const GgufFile& file) {
  ASSIGN_OR_RETURN(const std::string_view name, file.get_string("tokenizer.ggml.pre"));
  const auto* preset = std::ranges::find(kPresets, name, &PreTokenizerPreset::name);
  if (preset == kPresets.end()) {
    return make_error(ErrorCode::kUnsupported,
                      "tokenizer.ggml.pre is '{}', a pre-tokenizer that is not supported", name);
  }
  Definition out;
  RETURN_IF_ERROR(read_tokens(file, out));
  RETURN_IF_ERROR(read_merges(file, out));
  if (preset->normalizes_nfc) out.normalizer.emplace_back(NfcRule{});
  if (preset->isolates_digits) out.pre_tokenizer.emplace_back(DigitsRule{.individual = true});
  out.pre_tokenizer.emplace_back(SplitRule{.pattern = std::string(preset->pattern)});
  out.ignore_merges = preset->ignores_merges;
  RETURN_IF_ERROR(read_special_tokens(file, preset->adds_bos, out));
  return out;
}

Result<std::vector<double>> read_scores(const GgufFile& file, std::size_t count) {
  constexpr std::string_view kKey = "tokenizer.ggml.scores";
  const formats::GgufValue* value = file.find(kKey);
  const auto* scores = value == nullptr ? nullptr : std::get_if<std::vector<double>>(value);
  if (scores == nullptr || scores->size() != count ||
      std::ranges::any_of(*scores, [](double score) { return std::isnan(score); })) {
    return make_error(ErrorCode::kInvalid, "{} is not an array of {} numbers", kKey, count);
  }
  return *scores;
}

// Sentencepiece's BPE with byte fallback, as Llama 2 has it.
Result<Definition> read_sentencepiece(const GgufFile& file) {
  Definition out;
  out.alphabet = Alphabet::kPlain;
  RETURN_IF_ERROR(read_tokens(file, out));
  ASSIGN_OR_RETURN(const std::vector<double> scores, read_scores(file, out.pieces.size()));
  ASSIGN_OR_RETURN(out.merges, merges_from_scores(out.pieces, scores));
  ASSIGN_OR_RETURN(const bool adds_space,
                   value_or(file.get_bool("tokenizer.ggml.add_space_prefix"), true));
  if (adds_space) out.normalizer.emplace_back(PrependRule{std::string(kMetaspace)});
  out.normalizer.emplace_back(ReplaceRule{" ", std::string(kMetaspace)});
  out.strip_leading_spaces = adds_space ? 1 : 0;
  RETURN_IF_ERROR(read_special_tokens(file, true, out));
  out.unk = out.special.unk;
  out.fuse_unk = true;
  return out;
}

}  // namespace

Result<Definition> read_definition(const GgufFile& file) {
  ASSIGN_OR_RETURN(const std::string_view model, file.get_string("tokenizer.ggml.model"));
  if (model == "gpt2") return read_byte_level(file);
  if (model == "llama") return read_sentencepiece(file);
  return make_error(ErrorCode::kUnsupported,
                    "tokenizer.ggml.model is '{}'; 'gpt2' (byte-level BPE) and 'llama' "
                    "(sentencepiece BPE) are supported",
                    model);
}

}  // namespace penstock::tokenizer
