#include "tokenizer/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <string>

#include "base/check.h"

namespace penstock::tokenizer {
namespace {

// Backtracking steps and heap (KiB) that one match may use.
constexpr std::uint32_t kMatchLimit = 10'000'000;
constexpr std::uint32_t kHeapLimitKib = 64 * 1024;

struct CodeDeleter {
  void operator()(pcre2_code* code) const noexcept { pcre2_code_free(code); }
};
struct MatchContextDeleter {
  void operator()(pcre2_match_context* context) const noexcept {
    pcre2_match_context_free(context);
  }
};
struct CompileContextDeleter {
  void operator()(pcre2_compile_context* context) const noexcept {
    pcre2_compile_context_free(context);
  }
};

std::string message_of(int code) {
  PCRE2_UCHAR buffer[256];
  const int length = pcre2_get_error_message(code, buffer, sizeof buffer);
  if (length < 0) return format("PCRE2 error {}", code);
  return {reinterpret_cast<const char*>(buffer), static_cast<std::size_t>(length)};
}

// A construct that Oniguruma reads otherwise than PCRE2, or nothing.
std::optional<std::string_view> foreign_construct(std::string_view pattern) {
  // Escapes: \h \H are hex digits there; \w \b (and negations) know marks there; \K, \R, \X, \G,
  // \N and \O have rules of their own.
  constexpr std::string_view kEscapes = "hHwWbBKRXGNO";
  for (std::size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      if (kEscapes.find(pattern[i + 1]) != std::string_view::npos) return pattern.substr(i, 2);
      ++i;
    } else if (pattern.substr(i, 2) == "&&") {
      return pattern.substr(i, 2);  // set intersection there
    } else if (pattern.substr(i, 2) == "(?" || pattern.substr(i, 2) == "(*") {
      // Of the option letters only i means the same; verbs and conditions are not shared.
      const std::string_view rest = pattern.substr(i + 2);
      const bool is_shared =
          pattern[i + 1] == '?' &&
          (rest.starts_with(":") || rest.starts_with("=") || rest.starts_with("!") ||
           rest.starts_with("<") || rest.starts_with(">") || rest.starts_with("i:") ||
           rest.starts_with("i)") || rest.starts_with("-i:"));
      if (!is_shared) return pattern.substr(i, 3);
    }
  }
  return std::nullopt;
}

}  // namespace

struct Regex::Impl {
  std::unique_ptr<pcre2_code, CodeDeleter> code;
  std::unique_ptr<pcre2_match_context, MatchContextDeleter> context;
};

Regex::Regex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

Result<Regex> Regex::compile(std::string_view pattern) {
  if (const auto foreign = foreign_construct(pattern)) {
    return make_error(ErrorCode::kUnsupported,
                      "the regular expression '{}' uses '{}', which is not supported", pattern,
                      *foreign);
  }
  const std::unique_ptr<pcre2_compile_context, CompileContextDeleter> settings(
      pcre2_compile_context_create(nullptr));
  CHECK(settings != nullptr, "out of memory");
  pcre2_set_newline(settings.get(), PCRE2_NEWLINE_LF);
  int code = 0;
  PCRE2_SIZE offset = 0;
  auto impl = std::make_unique<Impl>();
  // Ruby's ^ and $ hold at every line.
  impl->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                 PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                                 &code, &offset, settings.get()));
  if (impl->code == nullptr) {
    return make_error(ErrorCode::kInvalid, "the regular expression '{}' is wrong at offset {}: {}",
                      pattern, offset, message_of(code));
  }
  // Where JIT is not to be had the interpreter gives the same matches, slower.
  (void)pcre2_jit_compile(impl->code.get(), PCRE2_JIT_COMPLETE);
  impl->context.reset(pcre2_match_context_create(nullptr));
  CHECK(impl->context != nullptr, "out of memory");
  pcre2_set_match_limit(impl->context.get(), kMatchLimit);
  pcre2_set_heap_limit(impl->context.get(), kHeapLimitKib);
  return Regex(std::move(impl));
}

Regex::Matches::Matches(const Regex& regex, std::string_view text)
    : regex_(&regex),
      text_(text),
      data_(pcre2_match_data_create_from_pattern(regex.impl_->code.get(), nullptr)) {
  CHECK(data_ != nullptr, "out of memory");
}

Regex::Matches::~Matches() {
  pcre2_match_data_free(static_cast<pcre2_match_data*>(data_));
}

Result<std::optional<text::ByteRange>> Regex::Matches::next() {
  auto* data = static_cast<pcre2_match_data*>(data_);
  const auto match = [&](std::uint32_t options) {
    return pcre2_match(regex_->impl_->code.get(), reinterpret_cast<PCRE2_SPTR>(text_.data()),
                       text_.size(), at_, PCRE2_NO_UTF_CHECK | options, data,
                       regex_->impl_->context.get());
  };
  while (at_ <= text_.size()) {
    int code = match(0);
    if (code == PCRE2_ERROR_JIT_STACKLIMIT) code = match(PCRE2_NO_JIT);
    if (code == PCRE2_ERROR_NOMATCH) break;
    if (code < 0) {
      return make_error(ErrorCode::kResourceExhausted,
                        "the pre-tokenizer's regular expression gave up at byte {}: {}", at_,
                        message_of(code));
    }
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data);
    if (range[0] == range[1] && last_end_ == range[1]) {
      do {
        ++at_;
      } while (at_ < text_.size() && (static_cast<unsigned char>(text_[at_]) & 0xC0) == 0x80);
      continue;
    }
    at_ = range[1];
    last_end_ = at_;
    return text::ByteRange{range[0], range[1]};
  }
  at_ = text_.size() + 1;
  return std::nullopt;
}

}  // namespace penstock::tokenizer
