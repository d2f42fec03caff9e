// A model small enough to reason about: one token per byte, a few special tokens, a chat template
// of the common form.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chat_template/chat_template.h"
#include "discovery/model_card.h"
#include "rpc/messages.h"
#include "text/json.h"
#include "text/utf8.h"
#include "tokenizer/tokenizer.h"

namespace penstock::frontend {

inline constexpr rpc::TokenId kImStart = 256;
inline constexpr rpc::TokenId kImEnd = 257;  // EOS
inline constexpr rpc::TokenId kBos = 258;
inline constexpr std::uint32_t kVocabSize = 259;

// GPT-2's spelling of a byte as a visible character.
inline std::string spelled(unsigned byte) {
  const auto is_visible = [](unsigned b) {
    return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
  };
  char32_t shown = byte;
  if (!is_visible(byte)) {
    shown = 256;
    for (unsigned b = 0; b < byte; ++b) shown += is_visible(b) ? 0 : 1;
  }
  std::string out;
  text::append_utf8(out, shown);
  return out;
}

// `pieces`: further tokens, from kVocabSize on; they come from a model only, never from text.
inline std::shared_ptr<const tokenizer::Tokenizer> make_byte_tokenizer(
    const std::vector<std::string>& pieces = {}) {
  using text::Json;
  Json::Object vocab;
  for (unsigned byte = 0; byte < 256; ++byte) vocab.set(spelled(byte), Json(byte));
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    std::string spelling;
    for (const char c : pieces[i]) spelling += spelled(static_cast<unsigned char>(c));
    vocab.set(spelling, Json(std::uint64_t{kVocabSize + i}));
  }
  Json::Array added;
  const std::pair<std::string_view, rpc::TokenId> specials[] = {
      {"<|im_start|>", kImStart}, {"<|im_end|>", kImEnd}, {"<s>", kBos}};
  for (const auto& [literal, id] : specials) {
    added.push_back(Json(Json::Object{{"id", Json(std::int64_t{id})},
                                      {"content", Json(literal)},
                                      {"special", Json(true)},
                                      {"normalized", Json(false)},
                                      {"single_word", Json(false)},
                                      {"lstrip", Json(false)},
                                      {"rstrip", Json(false)}}));
  }
  const Json byte_level(Json::Object{{"type", Json("ByteLevel")},
                                     {"add_prefix_space", Json(false)},
                                     {"trim_offsets", Json(true)},
                                     {"use_regex", Json(false)}});
  const Json root(Json::Object{{"version", Json("1.0")},
                               {"added_tokens", Json(added)},
                               {"pre_tokenizer", byte_level},
                               {"decoder", byte_level},
                               {"model", Json(Json::Object{{"type", Json("BPE")},
                                                           {"vocab", Json(vocab)},
                                                           {"merges", Json(Json::Array{})}})}});
  auto made = tokenizer::Tokenizer::from_json(text::to_json(root),
                                              R"({"bos_token":"<s>","eos_token":"<|im_end|>"})");
  return std::make_shared<const tokenizer::Tokenizer>(std::move(made).value());
}

inline std::shared_ptr<const chat_template::ChatTemplate> make_chat_template() {
  auto made = chat_template::ChatTemplate::compile(
      "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + "
      "message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}");
  return std::make_shared<const chat_template::ChatTemplate>(std::move(made).value());
}

inline discovery::ModelCard make_card() {
  discovery::ModelCard card;
  card.name = "tiny";
  card.aliases = {"tiny-alias"};
  card.created = 1700000000;
  card.context_length = 512;
  card.vocab_size = kVocabSize;
  card.eos_token_ids = {kImEnd};
  card.digests.model = "sha256:0123456789abcdef";
  return card;
}

inline std::vector<rpc::TokenId> ids_of(std::string_view text) {
  std::vector<rpc::TokenId> ids;
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

}  // namespace penstock::frontend
