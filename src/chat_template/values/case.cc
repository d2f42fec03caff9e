#include "chat_template/values/case.h"

#include "chat_template/values/unicode.h"

namespace penstock::chat_template {
namespace {

constexpr char32_t kCapitalSigma = 0x3A3;
constexpr char32_t kSmallSigma = 0x3C3;
constexpr char32_t kFinalSigma = 0x3C2;

// A piece of text under conversion; what is around a sigma decides its small form.
class Converter final {
 public:
  Converter(TextBuilder& out, const Str& text, std::uint32_t begin, std::uint32_t end)
      : out_(out), text_(text), bytes_(text.view()), begin_(begin), end_(end) {}

  void upper(std::uint32_t at) { put(at, unicode::to_upper(character(at).code_point)); }
  void title(std::uint32_t at) { put(at, unicode::to_title(character(at).code_point)); }
  void fold(std::uint32_t at) { put(at, unicode::to_folded(character(at).code_point)); }
  void lower(std::uint32_t at) {
    const char32_t c = character(at).code_point;
    if (c != kCapitalSigma) return put(at, unicode::to_lower(c));
    out_.append(is_final_sigma(at) ? kFinalSigma : kSmallSigma, text_.origin_at(at));
  }
  void swap(std::uint32_t at) {
    const char32_t c = character(at).code_point;
    if (unicode::is_upper(c)) {
      lower(at);
    } else if (unicode::is_lower(c)) {
      upper(at);
    } else {
      put(at, {{c}, 1});
    }
  }

  [[nodiscard]] unicode::Char character(std::uint32_t at) const {
    return unicode::char_at(bytes_, at);
  }

 private:
  void put(std::uint32_t at, const unicode::Mapped& mapped) {
    if (mapped.size == 1 && mapped.chars[0] == character(at).code_point) {
      out_.append(text_, at, at + character(at).num_bytes);
      return;
    }
    for (const char32_t c : mapped.view()) out_.append(c, text_.origin_at(at));
  }

  // Unicode 3.13, Final_Sigma: a cased letter before it and none after.
  bool is_final_sigma(std::uint32_t at) const {
    std::size_t before = at;
    bool cased_before = false;
    while (before > begin_) {
      before = unicode::char_before(bytes_, before);
      const char32_t c = unicode::char_at(bytes_, before).code_point;
      if (unicode::is_case_ignorable(c)) continue;
      cased_before = unicode::is_cased(c);
      break;
    }
    if (!cased_before) return false;
    for (std::uint32_t after = at + character(at).num_bytes; after < end_;) {
      const unicode::Char c = character(after);
      after += c.num_bytes;
      if (!unicode::is_case_ignorable(c.code_point)) return !unicode::is_cased(c.code_point);
    }
    return true;
  }

  TextBuilder& out_;
  const Str& text_;
  std::string_view bytes_;
  std::uint32_t begin_;
  std::uint32_t end_;
};

bool starts_title_word(char32_t c) noexcept {
  return c == '-' || c == '(' || c == '{' || c == '[' || c == '<' || unicode::is_space(c);
}

char swap_ascii(char c) noexcept {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter ? static_cast<char>(c ^ 0x20) : c;
}

// The common case: bytes change one by one and spans stay as they are.
const Str* change_ascii(Heap& heap, const Str& text, CaseChange change) {
  char* bytes = static_cast<char*>(heap.allocate(text.size));
  bool in_word = false;
  for (std::uint32_t i = 0; i < text.size; ++i) {
    const char c = text.bytes[i];
    const bool is_upper = c >= 'A' && c <= 'Z';
    const bool is_lower = c >= 'a' && c <= 'z';
    bool make_upper = change == CaseChange::kUpper || (change == CaseChange::kSwap && is_lower) ||
                      (change == CaseChange::kTitle && !in_word) ||
                      (change == CaseChange::kCapitalize && i == 0);
    bytes[i] = (make_upper ? is_lower : is_upper) ? swap_ascii(c) : c;
    in_word = is_upper || is_lower;
  }
  Str* result = heap.make<Str>(text);
  result->bytes = bytes;
  result->buffer = nullptr;
  return result;
}

void change_range(Converter& converter, std::uint32_t begin, std::uint32_t end, CaseChange change) {
  bool previous_cased = false;
  for (std::uint32_t at = begin; at < end;) {
    const unicode::Char c = converter.character(at);
    switch (change) {
      case CaseChange::kUpper:
        converter.upper(at);
        break;
      case CaseChange::kLower:
        converter.lower(at);
        break;
      case CaseChange::kFold:
        converter.fold(at);
        break;
      case CaseChange::kSwap:
        converter.swap(at);
        break;
      case CaseChange::kTitle:
        previous_cased ? converter.lower(at) : converter.title(at);
        previous_cased = unicode::is_cased(c.code_point);
        break;
      case CaseChange::kCapitalize:
        at == begin ? converter.title(at) : converter.lower(at);
        break;
    }
    at += c.num_bytes;
  }
}

}  // namespace

Result<const Str*> change_case(Runtime& runtime, const Str& text, CaseChange change) {
  RETURN_IF_ERROR(runtime.charge_bytes(text.size));
  Heap& heap = runtime.heap();
  if (!heap.fits(text.size)) return memory_exhausted(heap);
  if (text.is_ascii()) return change_ascii(heap, text, change);
  TextBuilder out(heap);
  Converter converter(out, text, 0, text.size);
  change_range(converter, 0, text.size, change);
  ASSIGN_OR_RETURN(const Str* changed, out.finish());
  return with_markup(heap, *changed, text.is_markup);
}

Result<const Str*> title_words(Runtime& runtime, const Str& text) {
  RETURN_IF_ERROR(runtime.charge_bytes(text.size));
  TextBuilder out(runtime.heap());
  const std::string_view bytes = text.view();
  const auto word_end = [bytes](std::uint32_t at, bool separators) {
    while (at < bytes.size()) {
      const unicode::Char c = unicode::char_at(bytes, at);
      if (starts_title_word(c.code_point) != separators) break;
      at += c.num_bytes;
    }
    return at;
  };
  for (std::uint32_t at = 0; at < text.size;) {
    const std::uint32_t word = word_end(at, true);
    out.append(text, at, word);
    at = word_end(word, false);
    if (at == word) continue;
    const std::uint32_t second = word + unicode::char_at(bytes, word).num_bytes;
    Converter first_letter(out, text, word, at);
    first_letter.upper(word);
    Converter rest(out, text, second, at);
    change_range(rest, second, at, CaseChange::kLower);
  }
  return out.finish();
}

}  // namespace penstock::chat_template
