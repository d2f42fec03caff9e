// Cuts text into the words that BPE merges within.
//
// A chain of rules, each cutting the pieces of the one before. Patterns with a hand-written scanner
// (scanners.h) use it, others a Regex. Threading: immutable; share freely.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tokenizer/definition.h"
#include "tokenizer/regex.h"
#include "tokenizer/scanners.h"

namespace penstock::tokenizer {

// Takes the words, in order. The view lives as long as the call. False stops the cutting.
class WordSink {
 public:
  virtual bool on_word(std::string_view word) = 0;

 protected:
  ~WordSink() = default;
};

class PreTokenizer final {
 public:
  // kUnsupported and kInvalid as Regex::compile says.
  [[nodiscard]] static Result<PreTokenizer> create(std::span<const PreTokenizerRule> rules);

  // Cuts `text`, valid UTF-8; `is_first`: it begins the whole text. Returns false when the sink
  // stopped it, and an error only where a Regex gives one.
  [[nodiscard]] Result<bool> split(std::string_view text, bool is_first, WordSink& sink) const;

  // The chain in words: equal text, equal cuts.
  [[nodiscard]] const std::string& description() const noexcept { return description_; }

 private:
  struct ScanStep {
    Scanner scan;
  };
  struct LiteralStep {
    std::string text;
    SplitBehavior behavior;
    bool invert;
  };
  struct RegexStep {
    Regex regex;
    SplitBehavior behavior;
    bool invert;
  };
  using Step = std::variant<ScanStep, LiteralStep, RegexStep, DigitsRule, PrefixSpaceRule,
                            MetaspaceRule, MetaspaceBoundaryRule>;
  struct Run;

  PreTokenizer() = default;
  [[nodiscard]] static Result<Step> step_for(const PreTokenizerRule& rule);

  std::vector<Step> steps_;
  std::string description_;
};

}  // namespace penstock::tokenizer
