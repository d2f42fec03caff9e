#include "tokenizer/normalizer.h"

#include "text/normalize.h"

namespace penstock::tokenizer {
namespace {

using text::Origin;
using text::OriginText;

Origin origin_of(OriginView source, std::size_t begin, std::size_t end) {
  return source.is_trusted(begin, end) ? Origin::kTrusted : Origin::kData;
}

std::optional<OriginText> apply(const NfcRule&, OriginView source) {
  const std::string_view bytes = source.text();
  text::ByteRange part = text::next_nfc_part(bytes, 0);
  if (part.empty()) return std::nullopt;
  OriginText out;
  std::size_t copied = 0;
  for (; !part.empty(); part = text::next_nfc_part(bytes, copied)) {
    source.append_to(out, copied, part.begin);
    out.append(text::to_nfc(bytes.substr(part.begin, part.end - part.begin)),
               origin_of(source, part.begin, part.end));
    copied = part.end;
  }
  source.append_to(out, copied, bytes.size());
  return out;
}

std::optional<OriginText> apply(const PrependRule& rule, OriginView source) {
  if (source.empty()) return std::nullopt;
  OriginText out(rule.text, Origin::kData);
  source.append_to(out, 0, source.size());
  return out;
}

std::optional<OriginText> apply(const ReplaceRule& rule, OriginView source) {
  const std::string_view bytes = source.text();
  std::size_t at = bytes.find(rule.from);
  if (at == std::string_view::npos) return std::nullopt;
  OriginText out;
  std::size_t copied = 0;
  for (; at != std::string_view::npos; at = bytes.find(rule.from, copied)) {
    source.append_to(out, copied, at);
    copied = at + rule.from.size();
    out.append(rule.to, origin_of(source, at, copied));
  }
  source.append_to(out, copied, bytes.size());
  return out;
}

std::string describe(const NfcRule&) {
  return "nfc\n";
}
std::string describe(const PrependRule& rule) {
  return format("prepend {}:{}\n", rule.text.size(), rule.text);
}
std::string describe(const ReplaceRule& rule) {
  return format("replace {}:{} {}:{}\n", rule.from.size(), rule.from, rule.to.size(), rule.to);
}

}  // namespace

std::optional<OriginText> Normalizer::normalize(OriginView source) const {
  std::optional<OriginText> result;
  for (const NormalizerRule& rule : rules_) {
    const OriginView view = result ? OriginView(*result) : source;
    auto changed = std::visit([view](const auto& r) { return apply(r, view); }, rule);
    if (changed) result = std::move(changed);
  }
  return result;
}

std::string Normalizer::normalize(std::string_view source) const {
  const OriginText text(source, Origin::kData);
  auto changed = normalize(OriginView(text));
  return changed ? changed->bytes() : text.bytes();
}

std::string Normalizer::description() const {
  std::string out;
  for (const NormalizerRule& rule : rules_) {
    out += std::visit([](const auto& r) { return describe(r); }, rule);
  }
  return out;
}

}  // namespace penstock::tokenizer
