#include "chat_template/syntax/lexer.h"

#include <algorithm>

#include "chat_template/syntax/literals.h"
#include "chat_template/values/unicode.h"
#include "text/utf8.h"

namespace penstock::chat_template {
namespace {

constexpr std::size_t npos = std::string_view::npos;

std::string normalize_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out.push_back(source[i]);
      continue;
    }
    out.push_back('\n');
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

std::size_t skip_space(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const unicode::Char c = unicode::char_at(text, at);
    if (!unicode::is_space(c.code_point)) break;
    at += c.num_bytes;
  }
  return at;
}

std::string_view strip_right(std::string_view text) {
  while (!text.empty()) {
    const std::size_t last = unicode::char_before(text, text.size());
    if (!unicode::is_space(unicode::char_at(text, last).code_point)) break;
    text = text.substr(0, last);
  }
  return text;
}

// `{% raw %}` and `{% endraw %}` are recognised as a whole.
struct RawTag {
  char sign = '\0';
  std::size_t end = npos;  // after the tag and what its closing sign strips; npos: no such tag
};

class Lexer final {
 public:
  Lexer(Heap& heap, std::string_view source) : heap_(heap), source_(source) {}

  Result<std::vector<Token>> run() {
    while (at_ < source_.size()) RETURN_IF_ERROR(next_region());
    add({.type = TokenType::kEnd, .line = line_, .text = {}, .value = {}});
    return std::move(tokens_);
  }

 private:
  void add(const Token& token) { tokens_.push_back(token); }
  void move_to(std::size_t to) {
    line_ += static_cast<std::uint32_t>(std::ranges::count(source_.substr(at_, to - at_), '\n'));
    at_ = to;
  }
  [[nodiscard]] bool looking_at(std::string_view text) const {
    return source_.substr(at_).starts_with(text);
  }

  // Text up to the next tag, and that tag.
  Status next_region() {
    std::size_t tag = at_;
    while ((tag = source_.find('{', tag)) != npos && tag + 1 < source_.size()) {
      const char second = source_[tag + 1];
      if (second == '{' || second == '%' || second == '#') break;
      ++tag;
    }
    if (tag == npos || tag + 1 >= source_.size()) {
      add_data(source_.substr(at_));
      move_to(source_.size());
      return {};
    }
    const char kind = source_[tag + 1];
    if (kind == '%') {
      if (const RawTag raw = raw_tag(tag, "raw", false); raw.end != npos) {
        return raw_region(tag, raw);
      }
    }
    const char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    const bool has_sign = sign == '-' || sign == '+';
    add_data(strip_before_tag(source_.substr(at_, tag - at_), has_sign ? sign : '\0', kind != '{'));
    move_to(tag);
    opened_at_ = line_;
    move_to(tag + (has_sign ? 3 : 2));
    if (kind == '#') return comment();
    if (kind == '{') return inside(TokenType::kVariableBegin, TokenType::kVariableEnd);
    return inside(TokenType::kBlockBegin, TokenType::kBlockEnd);
  }

  void add_data(std::string_view text) {
    if (!text.empty()) add({.type = TokenType::kData, .line = line_, .text = text, .value = {}});
  }

  // What the sign of a tag, or lstrip_blocks, takes off the text before it.
  std::string_view strip_before_tag(std::string_view text, char sign, bool may_lstrip) const {
    if (sign == '-') return strip_right(text);
    if (sign == '+' || !may_lstrip) return text;
    const std::size_t newline = text.rfind('\n');
    const std::size_t line_begin = newline == npos ? 0 : newline + 1;
    if (line_begin == 0 && !line_starting_) return text;
    return skip_space(text, line_begin) == text.size() ? text.substr(0, line_begin) : text;
  }

  // Where the tag closes when a closing mark (`%}`, `#}`) stands at `at`; npos when none does.
  std::size_t closed_at(std::size_t at, std::string_view mark, bool may_keep) const {
    const std::string_view rest = source_.substr(at);
    if (rest.starts_with(mark)) {
      const std::size_t end = at + mark.size();
      const bool trims = mark != "}}" && end < source_.size() && source_[end] == '\n';
      return end + (trims ? 1 : 0);
    }
    if (!rest.empty() && rest.substr(1).starts_with(mark)) {
      if (rest[0] == '-') return skip_space(source_, at + 1 + mark.size());
      if (rest[0] == '+' && may_keep) return at + 1 + mark.size();
    }
    return npos;
  }

  RawTag raw_tag(std::size_t at, std::string_view word, bool is_end) const {
    RawTag tag;
    at += 2;
    if (at < source_.size() && (source_[at] == '-' || source_[at] == '+')) tag.sign = source_[at++];
    at = skip_space(source_, at);
    if (!source_.substr(at).starts_with(word)) return tag;
    at = skip_space(source_, at + word.size());
    // The newline after `{% raw %}` stays: it is the first character of the raw text.
    if (!is_end && source_.substr(at).starts_with("%}")) {
      tag.end = at + 2;
    } else {
      tag.end = closed_at(at, "%}", is_end);
    }
    return tag;
  }

  Status raw_region(std::size_t tag, const RawTag& raw) {
    add_data(strip_before_tag(source_.substr(at_, tag - at_), raw.sign, true));
    move_to(raw.end);
    line_starting_ = source_[raw.end - 1] == '\n';
    for (std::size_t end = at_; (end = source_.find("{%", end)) != npos; ++end) {
      const RawTag closing = raw_tag(end, "endraw", true);
      if (closing.end == npos) continue;
      add_data(strip_before_tag(source_.substr(at_, end - at_), closing.sign, true));
      move_to(closing.end);
      line_starting_ = source_[closing.end - 1] == '\n';
      return {};
    }
    if (at_ == source_.size()) return {};
    return syntax_error(line_, "missing end of the raw block ({{% endraw %}})");
  }

  Status comment() {
    for (std::size_t end = at_; end < source_.size(); ++end) {
      const std::size_t closed = closed_at(end, "#}", true);
      if (closed == npos) continue;
      move_to(closed);
      line_starting_ = source_[closed - 1] == '\n';
      return {};
    }
    if (at_ == source_.size()) return {};
    return syntax_error(opened_at_, "missing end of the comment (#}})");
  }

  // The tokens of one tag.
  Status inside(TokenType begin, TokenType end) {
    const std::string_view mark = end == TokenType::kVariableEnd ? "}}" : "%}";
    add({.type = begin, .line = opened_at_, .text = {}, .value = {}});
    brackets_.clear();
    while (at_ < source_.size()) {
      if (brackets_.empty()) {
        const std::size_t closed = closed_at(at_, mark, end == TokenType::kBlockEnd);
        if (closed != npos) {
          add({.type = end, .line = line_, .text = {}, .value = {}});
          move_to(closed);
          line_starting_ = source_[closed - 1] == '\n';
          return {};
        }
      }
      RETURN_IF_ERROR(token());
    }
    return syntax_error(opened_at_, "unexpected end of template, expected '{}'", mark);
  }

  Status token() {
    const unicode::Char c = unicode::char_at(source_, at_);
    if (unicode::is_space(c.code_point)) {
      move_to(skip_space(source_, at_));
      return {};
    }
    if (c.code_point >= '0' && c.code_point <= '9') return number();
    if (c.code_point == '\'' || c.code_point == '"') return string();
    if (c.code_point == '_' || unicode::is_alpha(c.code_point)) return name();
    return operator_token();
  }

  Status number() {
    const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';
    ASSIGN_OR_RETURN(const Number number, scan_number(source_.substr(at_), after_dot, line_));
    add({.type = number.value.is_float() ? TokenType::kFloat : TokenType::kInteger,
         .line = line_,
         .text = source_.substr(at_, number.num_bytes),
         .value = number.value});
    at_ += number.num_bytes;
    return {};
  }

  Status string() {
    const char quote = source_[at_];
    for (std::size_t end = at_ + 1; end < source_.size(); ++end) {
      if (source_[end] == '\\') {
        ++end;
      } else if (source_[end] == quote) {
        ASSIGN_OR_RETURN(const Str* text,
                         decode_string(heap_, source_.substr(at_ + 1, end - at_ - 1), line_));
        add({.type = TokenType::kString, .line = line_, .text = {}, .value = Value(text)});
        move_to(end + 1);
        return {};
      }
    }
    return syntax_error(line_, "a string is not closed: {}", source_.substr(at_, 20));
  }

  Status name() {
    std::size_t end = at_;
    while (end < source_.size()) {
      const unicode::Char c = unicode::char_at(source_, end);
      if (c.code_point != '_' && !unicode::is_alpha(c.code_point) &&
          !unicode::is_decimal(c.code_point)) {
        break;
      }
      end += c.num_bytes;
    }
    add({.type = TokenType::kName,
         .line = line_,
         .text = source_.substr(at_, end - at_),
         .value = {}});
    at_ = end;
    return {};
  }

  Status operator_token() {
    static constexpr std::string_view kOperators[] = {
        "**", "//", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
        "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
    const auto found = std::ranges::find_if(
        kOperators, [this](std::string_view symbol) { return looking_at(symbol); });
    if (found == std::end(kOperators)) {
      const unicode::Char c = unicode::char_at(source_, at_);
      return syntax_error(line_, "unexpected character '{}'", source_.substr(at_, c.num_bytes));
    }
    const char c = (*found)[0];
    if (c == '(' || c == '[' || c == '{')
      brackets_.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
    if (c == ')' || c == ']' || c == '}') {
      if (brackets_.empty()) return syntax_error(line_, "unexpected '{}'", c);
      if (brackets_.back() != c) {
        return syntax_error(line_, "unexpected '{}', expected '{}'", c, brackets_.back());
      }
      brackets_.pop_back();
    }
    add({.type = TokenType::kOperator, .line = line_, .text = *found, .value = {}});
    at_ += found->size();
    return {};
  }

  Heap& heap_;
  std::string_view source_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
  std::uint32_t opened_at_ = 1;
  bool line_starting_ = true;
  std::string brackets_;  // the closing brackets still expected in this tag
  std::vector<Token> tokens_;
};

}  // namespace

std::string_view describe(const Token& token) noexcept {
  switch (token.type) {
    case TokenType::kData:
      return "template text";
    case TokenType::kVariableBegin:
      return "begin of print statement";
    case TokenType::kVariableEnd:
      return "end of print statement";
    case TokenType::kBlockBegin:
      return "begin of statement block";
    case TokenType::kBlockEnd:
      return "end of statement block";
    case TokenType::kString:
      return "string";
    case TokenType::kEnd:
      return "end of template";
    default:
      return token.text;
  }
}

Result<std::vector<Token>> tokenize(Heap& heap, std::string_view source) {
  if (const std::size_t bad = text::find_invalid_utf8(source); bad != npos) {
    return make_error(ErrorCode::kInvalid, "chat template: byte {} is not UTF-8", bad);
  }
  return Lexer(heap, heap.copy(normalize_newlines(source))).run();
}

}  // namespace penstock::chat_template
