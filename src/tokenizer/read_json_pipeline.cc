#include "tokenizer/read_json_pipeline.h"

#include <array>
#include <string>

#include "tokenizer/json_member.h"
#include "tokenizer/plain_alphabet.h"
#include "tokenizer/read_definition.h"

namespace penstock::tokenizer {
namespace {

using text::Json;

std::unexpected<Error> unsupported(std::string_view stage, std::string_view what) {
  return make_error(ErrorCode::kUnsupported, "{} '{}' is not supported", stage, what);
}

// The text of {"String": text}; {"Regex": ...} is told by `is_regex`.
struct Pattern {
  std::string_view text;
  bool is_regex = false;
};

Result<Pattern> read_pattern(const Json& stage) {
  const Json* pattern = find_member(stage, "pattern");
  if (pattern == nullptr) return make_error(ErrorCode::kInvalid, "'pattern' is missing");
  const bool is_regex = find_member(*pattern, "Regex") != nullptr;
  ASSIGN_OR_RETURN(const std::string_view text,
                   string_member(*pattern, is_regex ? "Regex" : "String"));
  if (text.empty()) return make_error(ErrorCode::kInvalid, "'pattern' is empty");
  return Pattern{text, is_regex};
}

Result<ReplaceRule> read_replace(const Json& stage, std::string_view name) {
  ASSIGN_OR_RETURN(const Pattern pattern, read_pattern(stage));
  ASSIGN_OR_RETURN(const std::string_view content, string_member(stage, "content"));
  if (pattern.is_regex) return unsupported(name, "Replace with a Regex");
  return ReplaceRule{std::string(pattern.text), std::string(content)};
}

Status append_normalizer(const Json& stage, std::vector<NormalizerRule>& rules) {
  ASSIGN_OR_RETURN(const std::string_view type, string_member(stage, "type"));
  if (type == "Sequence") {
    ASSIGN_OR_RETURN(const Json::Array* stages, array_member(stage, "normalizers"));
    for (const Json& each : *stages) RETURN_IF_ERROR(append_normalizer(each, rules));
  } else if (type == "NFC") {
    rules.emplace_back(NfcRule{});
  } else if (type == "Prepend") {
    ASSIGN_OR_RETURN(const std::string_view text, string_member(stage, "prepend"));
    rules.emplace_back(PrependRule{std::string(text)});
  } else if (type == "Replace") {
    ASSIGN_OR_RETURN(ReplaceRule rule, read_replace(stage, "normalizer"));
    rules.emplace_back(std::move(rule));
  } else {
    return unsupported("normalizer", type);
  }
  return {};
}

Result<SplitRule> read_split(const Json& stage) {
  constexpr std::array<std::string_view, 5> kBehaviors = {
      "Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
  ASSIGN_OR_RETURN(const Pattern pattern, read_pattern(stage));
  ASSIGN_OR_RETURN(const std::string_view name, string_member(stage, "behavior"));
  ASSIGN_OR_RETURN(const bool invert, bool_member(stage, "invert", false));
  for (std::size_t i = 0; i < kBehaviors.size(); ++i) {
    if (kBehaviors[i] != name) continue;
    return SplitRule{std::string(pattern.text), pattern.is_regex, static_cast<SplitBehavior>(i),
                     invert};
  }
  return unsupported("Split behavior", name);
}

Result<MetaspaceRule> read_metaspace(const Json& stage) {
  ASSIGN_OR_RETURN(const std::string_view replacement, string_member(stage, "replacement"));
  if (replacement != kMetaspace) return unsupported("Metaspace replacement", replacement);
  MetaspaceRule rule;
  ASSIGN_OR_RETURN(rule.split, bool_member(stage, "split", true));
  if (find_member(stage, "prepend_scheme") == nullptr) {
    ASSIGN_OR_RETURN(const bool adds, bool_member(stage, "add_prefix_space", true));
    rule.prepend = adds ? MetaspaceRule::Prepend::kAlways : MetaspaceRule::Prepend::kNever;
    return rule;
  }
  ASSIGN_OR_RETURN(const std::string_view scheme, string_member(stage, "prepend_scheme"));
  if (scheme == "first") {
    rule.prepend = MetaspaceRule::Prepend::kFirst;
  } else if (scheme == "never") {
    rule.prepend = MetaspaceRule::Prepend::kNever;
  } else if (scheme != "always") {
    return unsupported("Metaspace prepend_scheme", scheme);
  }
  return rule;
}

Status append_byte_level(const Json& stage, PreTokenizerStage& out) {
  ASSIGN_OR_RETURN(const bool adds_space, bool_member(stage, "add_prefix_space", true));
  ASSIGN_OR_RETURN(const bool uses_regex, bool_member(stage, "use_regex", true));
  if (adds_space) out.rules.emplace_back(PrefixSpaceRule{});
  if (uses_regex) out.rules.emplace_back(SplitRule{.pattern = std::string(kGpt2Pattern)});
  out.is_byte_level = true;
  return {};
}

Status append_pre_tokenizer(const Json& stage, PreTokenizerStage& out) {
  ASSIGN_OR_RETURN(const std::string_view type, string_member(stage, "type"));
  if (type == "Sequence") {
    ASSIGN_OR_RETURN(const Json::Array* stages, array_member(stage, "pretokenizers"));
    for (const Json& each : *stages) RETURN_IF_ERROR(append_pre_tokenizer(each, out));
    return {};
  }
  // From ByteLevel on, the text is spelled in the byte-level alphabet.
  if (out.is_byte_level) return unsupported("a pre_tokenizer after ByteLevel:", type);
  if (type == "ByteLevel") return append_byte_level(stage, out);
  if (type == "Split") {
    ASSIGN_OR_RETURN(SplitRule rule, read_split(stage));
    out.rules.emplace_back(std::move(rule));
  } else if (type == "Digits") {
    ASSIGN_OR_RETURN(const bool individual, bool_member(stage, "individual_digits", false));
    out.rules.emplace_back(DigitsRule{individual});
  } else if (type == "Metaspace") {
    ASSIGN_OR_RETURN(const MetaspaceRule rule, read_metaspace(stage));
    out.rules.emplace_back(rule);
  } else {
    return unsupported("pre_tokenizer", type);
  }
  return {};
}

Result<std::vector<TokenId>> template_ids(const Json& stage, std::string_view token) {
  ASSIGN_OR_RETURN(const Json::Object* all, object_member(stage, "special_tokens"));
  const Json* entry = all->find(token);
  if (entry == nullptr) {
    return make_error(ErrorCode::kInvalid, "the template's token '{}' is not described", token);
  }
  ASSIGN_OR_RETURN(const Json::Array* values, array_member(*entry, "ids"));
  std::vector<TokenId> ids;
  for (const Json& value : *values) {
    ASSIGN_OR_RETURN(const TokenId id, checked_number(value, "ids", kMaxTokens));
    ids.push_back(id);
  }
  return ids;
}

Status append_template(const Json& stage, PostProcessorStage& out) {
  ASSIGN_OR_RETURN(const Json::Array* pieces, array_member(stage, "single"));
  bool after_text = false;
  for (const Json& piece : *pieces) {
    if (find_member(piece, "Sequence") != nullptr) {
      if (after_text) return unsupported("post_processor", "a template with the text twice");
      after_text = true;
      continue;
    }
    const Json* token = find_member(piece, "SpecialToken");
    if (token == nullptr) return unsupported("post_processor", "a template of unknown pieces");
    ASSIGN_OR_RETURN(const std::string_view name, string_member(*token, "id"));
    ASSIGN_OR_RETURN(const std::vector<TokenId> ids, template_ids(stage, name));
    std::vector<TokenId>& side = after_text ? out.suffix : out.prefix;
    side.insert(side.end(), ids.begin(), ids.end());
  }
  if (!after_text) return unsupported("post_processor", "a template without the text");
  return {};
}

Status append_post_processor(const Json& stage, PostProcessorStage& out) {
  ASSIGN_OR_RETURN(const std::string_view type, string_member(stage, "type"));
  if (type == "Sequence") {
    ASSIGN_OR_RETURN(const Json::Array* stages, array_member(stage, "processors"));
    for (const Json& each : *stages) RETURN_IF_ERROR(append_post_processor(each, out));
    return {};
  }
  if (type == "ByteLevel") return {};  // moves offsets only
  if (type == "TemplateProcessing") {
    // Outermost last: a second template's tokens go around the first's.
    PostProcessorStage around;
    RETURN_IF_ERROR(append_template(stage, around));
    out.prefix.insert(out.prefix.begin(), around.prefix.begin(), around.prefix.end());
    out.suffix.insert(out.suffix.end(), around.suffix.begin(), around.suffix.end());
    return {};
  }
  return unsupported("post_processor", type);
}

Status append_decoder(const Json& stage, DecoderStage& out) {
  ASSIGN_OR_RETURN(const std::string_view type, string_member(stage, "type"));
  if (type == "Sequence") {
    ASSIGN_OR_RETURN(const Json::Array* stages, array_member(stage, "decoders"));
    for (const Json& each : *stages) RETURN_IF_ERROR(append_decoder(each, out));
  } else if (type == "ByteLevel") {
    out.is_byte_level = true;
  } else if (type == "Replace") {
    ASSIGN_OR_RETURN(const ReplaceRule rule, read_replace(stage, "decoder"));
    if (rule.from != kMetaspace || rule.to != " ") return unsupported("decoder Replace", rule.from);
  } else if (type == "Strip") {
    ASSIGN_OR_RETURN(const std::string_view content, string_member(stage, "content"));
    const Json* start = find_member(stage, "start");
    const Json* stop = find_member(stage, "stop");
    if (content != " " || (stop != nullptr && *stop != Json(0))) {
      return unsupported("decoder Strip", content);
    }
    if (start != nullptr) {
      ASSIGN_OR_RETURN(out.strip_leading_spaces, checked_number(*start, "start", kMaxTokens));
    }
  } else if (type != "ByteFallback" && type != "Fuse") {
    return unsupported("decoder", type);
  }
  return {};
}

// `Stage` from one or no JSON value.
template <class Stage, class Append>
Result<Stage> read_stage(const Json* stage, Append append) {
  Stage out{};
  if (stage != nullptr) RETURN_IF_ERROR(append(*stage, out));
  return out;
}

}  // namespace

Result<std::vector<NormalizerRule>> read_normalizer(const Json* stage) {
  return read_stage<std::vector<NormalizerRule>>(stage, append_normalizer);
}

Result<PreTokenizerStage> read_pre_tokenizer(const Json* stage) {
  return read_stage<PreTokenizerStage>(stage, append_pre_tokenizer);
}

Result<PostProcessorStage> read_post_processor(const Json* stage) {
  return read_stage<PostProcessorStage>(stage, append_post_processor);
}

Result<DecoderStage> read_decoder(const Json* stage) {
  return read_stage<DecoderStage>(stage, append_decoder);
}

}  // namespace penstock::tokenizer
