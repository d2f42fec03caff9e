#include "chat_template/chat_template.h"

#include <algorithm>

#include "chat_template/analysis.h"
#include "chat_template/render/renderer.h"
#include "chat_template/syntax/lexer.h"
#include "chat_template/syntax/parser.h"
#include "chat_template/syntax/resolver.h"

namespace penstock::chat_template {
namespace {

// Real templates have some 10 KB; this bounds what a request's own template may cost.
constexpr std::size_t kMaxSourceBytes = 1 << 20;
constexpr std::uint64_t kMaxTreeBytes = 256ULL << 20;
// Intermediate values may take some times the output, and something even for tiny outputs.
constexpr std::uint64_t kHeapPerOutputByte = 2;
constexpr std::uint64_t kMinHeapBytes = 16ULL << 20;

}  // namespace

struct ChatTemplate::Impl {
  Heap heap{kMaxTreeBytes};  // owns what tree points to
  Tree tree;
  Analysis analysis;
};

ChatTemplate::ChatTemplate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

Result<ChatTemplate> ChatTemplate::compile(std::string_view source) {
  if (source.size() > kMaxSourceBytes) {
    return make_error(ErrorCode::kInvalid, "the chat template has {} bytes; at most {} are taken",
                      source.size(), kMaxSourceBytes);
  }
  auto impl = std::make_unique<Impl>();
  ASSIGN_OR_RETURN(std::vector<Token> tokens, tokenize(impl->heap, source));
  ASSIGN_OR_RETURN(const Block body, parse(impl->heap, std::move(tokens)));
  ASSIGN_OR_RETURN(impl->tree, resolve(impl->heap, body));
  impl->analysis = analyse(body);
  return ChatTemplate(std::move(impl));
}

Result<text::OriginText> ChatTemplate::render(const RenderInput& input,
                                              const RenderLimits& limits) const {
  const std::uint64_t most = ~std::uint64_t{0} / (2 * kHeapPerOutputByte);
  Runtime runtime({.max_steps = limits.max_steps,
                   .max_heap_bytes =
                       kMinHeapBytes + kHeapPerOutputByte * std::min(limits.max_output_bytes, most),
                   .now_unix_us = input.now_unix_us});
  return Renderer(impl_->tree, input, limits, runtime).run();
}

bool ChatTemplate::reads_variable(std::string_view name) const noexcept {
  return std::ranges::any_of(impl_->tree.context_names,
                             [name](const Str* read) { return read->view() == name; });
}

bool ChatTemplate::iterates_content_parts() const noexcept {
  return impl_->analysis.iterates_content_parts;
}

bool ChatTemplate::has_literal(std::string_view text) const noexcept {
  return std::ranges::any_of(impl_->analysis.literals, [text](const std::string& literal) {
    return literal.find(text) != std::string::npos;
  });
}

}  // namespace penstock::chat_template
