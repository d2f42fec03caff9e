// What is done to a text before it is pre-tokenized, keeping the origin of each byte.
//
// Threading: immutable; share freely.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/origin_text.h"
#include "tokenizer/definition.h"
#include "tokenizer/origin_view.h"

namespace penstock::tokenizer {

class Normalizer final {
 public:
  explicit Normalizer(std::vector<NormalizerRule> rules) : rules_(std::move(rules)) {}

  // The normalized text, or nothing when `source` is that already. A part that changes is trusted
  // where all it was made of is; what a rule adds is data.
  [[nodiscard]] std::optional<text::OriginText> normalize(OriginView source) const;
  [[nodiscard]] std::string normalize(std::string_view source) const;

  // The rules in words: equal text, equal results.
  [[nodiscard]] std::string description() const;

 private:
  std::vector<NormalizerRule> rules_;
};

}  // namespace penstock::tokenizer
