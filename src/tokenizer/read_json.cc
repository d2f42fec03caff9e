#include <algorithm>
#include <string>

#include "tokenizer/json_member.h"
#include "tokenizer/read_definition.h"
#include "tokenizer/read_json_pipeline.h"

namespace penstock::tokenizer {
namespace {

using text::Json;

Status check_model(const Json& model) {
  if (const Json* type = find_member(model, "type")) {
    if (!type->is_string()) return wrong_type("type", *type, "a string");
    if (type->as_string() != "BPE") {
      return make_error(ErrorCode::kUnsupported, "model '{}' is not supported; BPE is",
                        type->as_string());
    }
  } else if (find_member(model, "merges") == nullptr) {
    return make_error(ErrorCode::kUnsupported, "a model without merges is not supported; BPE is");
  }
  for (const std::string_view affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const Json* value = find_member(model, affix);
    if (value != nullptr && *value != Json("")) {
      return make_error(ErrorCode::kUnsupported, "model member '{}' is not supported", affix);
    }
  }
  const Json* dropout = find_member(model, "dropout");
  if (dropout != nullptr && *dropout != Json(0)) {
    return make_error(ErrorCode::kUnsupported, "model member 'dropout' is not supported");
  }
  return {};
}

Status set_piece(Definition& out, TokenId id, std::string_view piece) {
  if (id >= out.pieces.size()) out.pieces.resize(std::size_t{id} + 1);
  if (!out.pieces[id].empty()) {
    return make_error(ErrorCode::kInvalid, "id {} stands for '{}' and for '{}'", id, out.pieces[id],
                      piece);
  }
  out.pieces[id] = piece;
  return {};
}

Result<std::pair<std::string_view, std::string_view>> read_merge(const Json& merge) {
  if (merge.is_string()) {
    const std::string_view text = merge.as_string();
    const std::size_t space = text.find(' ');
    if (space != std::string_view::npos && text.find(' ', space + 1) == std::string_view::npos) {
      return std::pair(text.substr(0, space), text.substr(space + 1));
    }
  } else if (merge.is_array() && merge.as_array().size() == 2 &&
             std::ranges::all_of(merge.as_array(), &Json::is_string)) {
    return std::pair(std::string_view(merge.as_array()[0].as_string()),
                     std::string_view(merge.as_array()[1].as_string()));
  }
  return make_error(ErrorCode::kInvalid, "merge {} is not a pair of pieces", to_json(merge));
}

Status read_model(const Json& model, Definition& out) {
  RETURN_IF_ERROR(check_model(model));
  ASSIGN_OR_RETURN(const Json::Object* vocab, object_member(model, "vocab"));
  if (vocab->size() >= kMaxTokens) {
    return make_error(ErrorCode::kInvalid, "the vocabulary has {} pieces; at most {} are read",
                      vocab->size(), kMaxTokens);
  }
  out.pieces.reserve(vocab->size());
  for (const auto& [piece, number] : *vocab) {
    ASSIGN_OR_RETURN(const TokenId id, checked_number(number, piece, kMaxTokens));
    if (piece.empty()) continue;
    RETURN_IF_ERROR(set_piece(out, id, piece));
  }
  ASSIGN_OR_RETURN(const Json::Array* merges, array_member(model, "merges"));
  out.merges.reserve(merges->size());
  for (const Json& each : *merges) {
    ASSIGN_OR_RETURN(const auto merge, read_merge(each));
    out.merges.push_back(merge);
  }
  if (find_member(model, "unk_token") != nullptr) {
    ASSIGN_OR_RETURN(const std::string_view unk, string_member(model, "unk_token"));
    const Json* id = vocab->find(unk);
    if (id == nullptr) {
      return make_error(ErrorCode::kInvalid, "unk_token '{}' is not in the vocabulary", unk);
    }
    ASSIGN_OR_RETURN(out.unk, checked_number(*id, unk, kMaxTokens));
  }
  ASSIGN_OR_RETURN(out.fuse_unk, bool_member(model, "fuse_unk", false));
  ASSIGN_OR_RETURN(out.ignore_merges, bool_member(model, "ignore_merges", false));
  return {};
}

Result<AddedToken> read_added_token(const Json& entry, const Json::Object& vocab) {
  AddedToken token;
  ASSIGN_OR_RETURN(token.content, string_member(entry, "content"));
  ASSIGN_OR_RETURN(token.special, bool_member(entry, "special", false));
  ASSIGN_OR_RETURN(token.single_word, bool_member(entry, "single_word", false));
  ASSIGN_OR_RETURN(token.lstrip, bool_member(entry, "lstrip", false));
  ASSIGN_OR_RETURN(token.rstrip, bool_member(entry, "rstrip", false));
  ASSIGN_OR_RETURN(token.normalized, bool_member(entry, "normalized", !token.special));
  // A piece of the vocabulary keeps the id it has there.
  const Json* id = vocab.find(token.content);
  if (id == nullptr) id = find_member(entry, "id");
  if (id == nullptr) {
    return make_error(ErrorCode::kInvalid, "added token '{}' has no id", token.content);
  }
  ASSIGN_OR_RETURN(token.id, checked_number(*id, token.content, kMaxTokens));
  return token;
}

Status read_added_tokens(const Json& tokenizer, const Json::Object& vocab, Definition& out) {
  if (find_member(tokenizer, "added_tokens") == nullptr) return {};
  ASSIGN_OR_RETURN(const Json::Array* entries, array_member(tokenizer, "added_tokens"));
  for (const Json& entry : *entries) {
    ASSIGN_OR_RETURN(AddedToken token, read_added_token(entry, vocab));
    if (token.content.empty()) continue;
    if (token.id < out.pieces.size() && !out.pieces[token.id].empty() &&
        out.pieces[token.id] != token.content) {
      return make_error(ErrorCode::kInvalid, "id {} stands for '{}' and for the added token '{}'",
                        token.id, out.pieces[token.id], token.content);
    }
    out.added.push_back(std::move(token));
  }
  return {};
}

// The stages must agree on how pieces spell bytes.
Status read_pipeline(const Json& tokenizer, Definition& out) {
  ASSIGN_OR_RETURN(out.normalizer, read_normalizer(find_member(tokenizer, "normalizer")));
  ASSIGN_OR_RETURN(PreTokenizerStage pre,
                   read_pre_tokenizer(find_member(tokenizer, "pre_tokenizer")));
  ASSIGN_OR_RETURN(PostProcessorStage post,
                   read_post_processor(find_member(tokenizer, "post_processor")));
  ASSIGN_OR_RETURN(const DecoderStage decoder, read_decoder(find_member(tokenizer, "decoder")));
  ASSIGN_OR_RETURN(const bool byte_fallback,
                   bool_member(*find_member(tokenizer, "model"), "byte_fallback", false));
  if (pre.is_byte_level != decoder.is_byte_level) {
    return make_error(ErrorCode::kUnsupported,
                      "a tokenizer whose pre_tokenizer and decoder are not both ByteLevel, or both "
                      "not, is not supported");
  }
  if (!pre.is_byte_level && !byte_fallback) {
    return make_error(
        ErrorCode::kUnsupported,
        "a BPE model that is neither byte-level nor with byte_fallback is not supported");
  }
  out.alphabet = pre.is_byte_level ? Alphabet::kByteLevel : Alphabet::kPlain;
  out.pre_tokenizer = std::move(pre.rules);
  out.prefix = std::move(post.prefix);
  out.suffix = std::move(post.suffix);
  out.strip_leading_spaces = decoder.strip_leading_spaces;
  return {};
}

// The id of a token that tokenizer_config.json names, as text or as {"content": text}. A name that
// no token has is as good as none.
Result<std::optional<TokenId>> named_token(const Json& config, std::string_view name,
                                           const Json::Object& vocab,
                                           const std::vector<AddedToken>& added) {
  const Json* value = find_member(config, name);
  if (value == nullptr) return std::nullopt;
  if (value->is_object()) value = find_member(*value, "content");
  if (value == nullptr || !value->is_string()) {
    return make_error(ErrorCode::kInvalid, "'{}' is neither text nor an object with 'content'",
                      name);
  }
  const std::string& content = value->as_string();
  const auto token = std::ranges::find(added, content, &AddedToken::content);
  if (token != added.end()) return token->id;
  const Json* id = vocab.find(content);
  if (id == nullptr) return std::nullopt;
  ASSIGN_OR_RETURN(const TokenId checked, checked_number(*id, name, kMaxTokens));
  return checked;
}

// add_bos_token and add_eos_token, where they are set, have the last word over the post-processor.
void apply_choice(const Json* choice, std::optional<TokenId> token, std::vector<TokenId>& side,
                  bool at_front) {
  if (choice == nullptr || !choice->is_bool() || !token) return;
  if (!choice->as_bool()) {
    std::erase(side, *token);
  } else if (std::ranges::find(side, *token) == side.end()) {
    side.insert(at_front ? side.begin() : side.end(), *token);
  }
}

Status read_config(const Json& config, const Json::Object& vocab, Definition& out) {
  if (!config.is_object()) return wrong_type("tokenizer_config.json", config, "an object");
  ASSIGN_OR_RETURN(out.special.bos, named_token(config, "bos_token", vocab, out.added));
  ASSIGN_OR_RETURN(out.special.eos, named_token(config, "eos_token", vocab, out.added));
  ASSIGN_OR_RETURN(out.special.unk, named_token(config, "unk_token", vocab, out.added));
  ASSIGN_OR_RETURN(out.special.pad, named_token(config, "pad_token", vocab, out.added));
  apply_choice(find_member(config, "add_bos_token"), out.special.bos, out.prefix, true);
  apply_choice(find_member(config, "add_eos_token"), out.special.eos, out.suffix, false);
  return {};
}

Status check_ids(const Definition& definition) {
  const auto is_token = [&definition](TokenId id) {
    return (id < definition.pieces.size() && !definition.pieces[id].empty()) ||
           std::ranges::find(definition.added, id, &AddedToken::id) != definition.added.end();
  };
  for (const std::vector<TokenId>* side : {&definition.prefix, &definition.suffix}) {
    for (const TokenId id : *side) {
      if (is_token(id)) continue;
      return make_error(ErrorCode::kInvalid, "the post_processor's id {} is no token", id);
    }
  }
  return {};
}

Result<Definition> read_parts(const Json& tokenizer, const Json& config) {
  Definition definition;
  ASSIGN_OR_RETURN(const Json::Object* model_members, object_member(tokenizer, "model"));
  (void)model_members;
  const Json& model = *find_member(tokenizer, "model");
  RETURN_IF_ERROR(read_model(model, definition));
  const Json::Object& vocab = find_member(model, "vocab")->as_object();
  RETURN_IF_ERROR(read_added_tokens(tokenizer, vocab, definition));
  RETURN_IF_ERROR(read_pipeline(tokenizer, definition));
  RETURN_IF_ERROR(read_config(config, vocab, definition));
  RETURN_IF_ERROR(check_ids(definition));
  return definition;
}

}  // namespace

Result<Definition> read_definition(const Json& tokenizer, const Json& config) {
  auto definition = read_parts(tokenizer, config);
  if (!definition) {
    return std::unexpected(std::move(definition).error().with_context("tokenizer.json"));
  }
  return definition;
}

}  // namespace penstock::tokenizer
