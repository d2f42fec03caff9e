#include "tokenizer/pre_tokenizer.h"

#include <algorithm>
#include <array>

#include "tokenizer/plain_alphabet.h"

namespace penstock::tokenizer {
namespace {

using text::ByteRange;

struct Part {
  ByteRange range;
  bool is_match = false;
};

// All of a text, as matches and what lies between them.
class Parts final {
 public:
  explicit Parts(bool invert) : invert_(invert) {}
  void add_match(ByteRange range) {
    add_gap(range.begin);
    parts_.push_back({range, !invert_});
    at_ = range.end;
  }
  [[nodiscard]] std::vector<Part> finish(std::size_t size) && {
    add_gap(size);
    return std::move(parts_);
  }

 private:
  void add_gap(std::size_t end) {
    if (at_ != end) parts_.push_back({{at_, end}, invert_});
  }
  std::vector<Part> parts_;
  std::size_t at_ = 0;
  bool invert_;
};

std::vector<ByteRange> merge_with_previous(std::span<const Part> parts) {
  std::vector<ByteRange> out;
  bool previous = false;
  for (const Part& part : parts) {
    if (part.is_match && !previous && !out.empty()) {
      out.back().end = part.range.end;
    } else {
      out.push_back(part.range);
    }
    previous = part.is_match;
  }
  return out;
}

std::vector<ByteRange> merge_with_next(std::span<const Part> parts) {
  std::vector<ByteRange> out;
  bool previous = false;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->is_match && !previous && !out.empty()) {
      out.back().begin = part->range.begin;
    } else {
      out.push_back(part->range);
    }
    previous = part->is_match;
  }
  std::ranges::reverse(out);
  return out;
}

std::vector<ByteRange> merge_equal(std::span<const Part> parts) {
  std::vector<ByteRange> out;
  bool previous = false;
  for (const Part& part : parts) {
    if (!out.empty() && part.is_match == previous) {
      out.back().end = part.range.end;
    } else {
      out.push_back(part.range);
    }
    previous = part.is_match;
  }
  return out;
}

std::vector<ByteRange> pieces_of(std::span<const Part> parts, SplitBehavior behavior) {
  switch (behavior) {
    case SplitBehavior::kMergedWithPrevious:
      return merge_with_previous(parts);
    case SplitBehavior::kMergedWithNext:
      return merge_with_next(parts);
    case SplitBehavior::kContiguous:
      return merge_equal(parts);
    case SplitBehavior::kRemoved:
    case SplitBehavior::kIsolated:
      break;
  }
  std::vector<ByteRange> out;
  for (const Part& part : parts) {
    if (behavior == SplitBehavior::kIsolated || !part.is_match) out.push_back(part.range);
  }
  return out;
}

std::vector<Part> find_literal(std::string_view text, std::string_view literal, bool invert) {
  Parts parts(invert);
  for (std::size_t at = text.find(literal); at != std::string_view::npos;
       at = text.find(literal, at + literal.size())) {
    parts.add_match({at, at + literal.size()});
  }
  return std::move(parts).finish(text.size());
}

Result<std::vector<Part>> find_regex(std::string_view text, const Regex& regex, bool invert) {
  Parts parts(invert);
  Regex::Matches matches(regex, text);
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<ByteRange> match, matches.next());
    if (!match) break;
    parts.add_match(*match);
  }
  return std::move(parts).finish(text.size());
}

std::string_view name_of(SplitBehavior behavior) {
  constexpr std::array<std::string_view, 5> kNames = {"removed", "isolated", "merged_with_previous",
                                                      "merged_with_next", "contiguous"};
  return kNames[static_cast<std::size_t>(behavior)];
}

template <class... F>
struct Overload : F... {
  using F::operator()...;
};

std::string describe(const PreTokenizerRule& rule) {
  return std::visit(
      Overload{[](const SplitRule& split) {
                 return format("split {} {} {} {}:{}", split.is_regex ? "regex" : "literal",
                               name_of(split.behavior), split.invert ? "inverted" : "plain",
                               split.pattern.size(), split.pattern);
               },
               [](const DigitsRule& digits) {
                 return std::string(digits.individual ? "digits individual" : "digits runs");
               },
               [](const PrefixSpaceRule&) { return std::string("prefix_space"); },
               [](const MetaspaceBoundaryRule&) { return std::string("metaspace_boundary"); },
               [](const MetaspaceRule& metaspace) {
                 return format("metaspace prepend={} split={}", static_cast<int>(metaspace.prepend),
                               metaspace.split);
               }},
      rule);
}

}  // namespace

// One text on its way through the steps.
struct PreTokenizer::Run {
  std::span<const Step> steps;
  WordSink& sink;
  bool is_first;
  // Set by the step that fails; the cutting stops as if the sink had asked.
  Status status{};

  bool cut(std::size_t number, std::string_view piece) {
    if (piece.empty()) return true;
    if (number == steps.size()) return sink.on_word(piece);
    return std::visit([&](const auto& step) { return apply(step, number + 1, piece); },
                      steps[number]);
  }

  bool apply(const ScanStep& step, std::size_t next, std::string_view piece) {
    const bool is_last = next == steps.size();
    for (std::size_t at = 0; at < piece.size();) {
      const std::size_t end = step.scan(piece, at);
      const std::string_view word = piece.substr(at, end - at);
      if (!(is_last ? sink.on_word(word) : cut(next, word))) return false;
      at = end;
    }
    return true;
  }

  bool apply(const DigitsRule& step, std::size_t next, std::string_view piece) {
    for (std::size_t at = 0; at < piece.size();) {
      std::size_t end = find_number(piece, at);
      if (!cut(next, piece.substr(at, end - at))) return false;
      at = end;
      if (at == piece.size()) break;
      end = step.individual ? end_of_first(piece, at) : skip_numbers(piece, at);
      if (!cut(next, piece.substr(at, end - at))) return false;
      at = end;
    }
    return true;
  }

  bool apply(const LiteralStep& step, std::size_t next, std::string_view piece) {
    return cut_all(next, piece,
                   pieces_of(find_literal(piece, step.text, step.invert), step.behavior));
  }

  bool apply(const RegexStep& step, std::size_t next, std::string_view piece) {
    auto parts = find_regex(piece, step.regex, step.invert);
    if (!parts) {
      status = std::unexpected(std::move(parts).error());
      return false;
    }
    return cut_all(next, piece, pieces_of(*parts, step.behavior));
  }

  bool apply(const PrefixSpaceRule&, std::size_t next, std::string_view piece) {
    if (piece.starts_with(' ')) return cut(next, piece);
    return cut(next, std::string(" ").append(piece));
  }

  bool apply(const MetaspaceRule& step, std::size_t next, std::string_view piece) {
    std::string text;
    const bool wants_prefix =
        step.prepend == MetaspaceRule::Prepend::kAlways ||
        (step.prepend == MetaspaceRule::Prepend::kFirst && is_first && !began);
    began = true;
    if (wants_prefix && !piece.starts_with(' ') && !piece.starts_with(kMetaspace)) {
      text += kMetaspace;
    }
    text += replace_all(piece, " ", kMetaspace);
    if (!step.split) return cut(next, text);
    return cut_all(
        next, text,
        pieces_of(find_literal(text, kMetaspace, false), SplitBehavior::kMergedWithNext));
  }

  bool apply(const MetaspaceBoundaryRule&, std::size_t next, std::string_view piece) {
    std::size_t begin = 0;
    std::size_t at = 0;
    while (at < piece.size()) {
      while (piece.substr(at).starts_with(kMetaspace)) at += kMetaspace.size();
      at = std::min(piece.find(kMetaspace, at), piece.size());
      if (!cut(next, piece.substr(begin, at - begin))) return false;
      begin = at;
    }
    return true;
  }

  bool cut_all(std::size_t next, std::string_view piece, std::span<const ByteRange> ranges) {
    return std::ranges::all_of(ranges, [&](ByteRange range) {
      return cut(next, piece.substr(range.begin, range.end - range.begin));
    });
  }

  static std::size_t end_of_first(std::string_view text, std::size_t at) {
    do {
      ++at;
    } while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
    return at;
  }

  bool began = false;
};

Result<PreTokenizer::Step> PreTokenizer::step_for(const PreTokenizerRule& rule) {
  if (const auto* digits = std::get_if<DigitsRule>(&rule)) return *digits;
  if (const auto* prefix = std::get_if<PrefixSpaceRule>(&rule)) return *prefix;
  if (const auto* metaspace = std::get_if<MetaspaceRule>(&rule)) return *metaspace;
  if (const auto* boundary = std::get_if<MetaspaceBoundaryRule>(&rule)) return *boundary;
  const auto& split = std::get<SplitRule>(rule);
  if (split.pattern.empty()) {
    return make_error(ErrorCode::kInvalid, "a Split pre-tokenizer has an empty pattern");
  }
  if (!split.is_regex) return LiteralStep{split.pattern, split.behavior, split.invert};
  // The scanners' patterns match everywhere, so nothing lies between the matches.
  const bool keeps_each_match = split.behavior == SplitBehavior::kIsolated ||
                                (split.behavior == SplitBehavior::kRemoved && split.invert);
  if (const Scanner scan = scanner_for(split.pattern); scan != nullptr && keeps_each_match) {
    return ScanStep{scan};
  }
  ASSIGN_OR_RETURN(Regex regex, Regex::compile(split.pattern));
  return RegexStep{std::move(regex), split.behavior, split.invert};
}

Result<PreTokenizer> PreTokenizer::create(std::span<const PreTokenizerRule> rules) {
  PreTokenizer result;
  for (const PreTokenizerRule& rule : rules) {
    ASSIGN_OR_RETURN(Step step, step_for(rule));
    result.steps_.push_back(std::move(step));
    result.description_ += describe(rule);
    result.description_ += '\n';
  }
  return result;
}

Result<bool> PreTokenizer::split(std::string_view text, bool is_first, WordSink& sink) const {
  Run run{.steps = steps_, .sink = sink, .is_first = is_first};
  const bool finished = run.cut(0, text);
  if (!run.status) return std::unexpected(std::move(run.status).error());
  return finished;
}

}  // namespace penstock::tokenizer
