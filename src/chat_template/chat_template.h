// A model's chat template: Jinja text compiled once, rendered per request.
//
// Behaves as `jinja2` does for the language real models' templates use (README.md of this room
// lists it). Every string carries its origin: literals of the template and the names in
// `trusted_strings` (bos_token, eos_token, ...) are trusted, all else is data.
// Threading: immutable after compile; render from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "text/json.h"
#include "text/origin_text.h"

namespace penstock::chat_template {

struct RenderLimits {
  std::uint64_t max_steps = 1'000'000;  // evaluated nodes and loop rounds
  std::uint64_t max_output_bytes = 64ULL << 20;
};

struct RenderInput {
  // Variables whose strings are data: messages, tools, documents, flags, template kwargs. Absent
  // members are undefined in the template.
  text::Json::Object data;
  // Variables that are trusted strings: bos_token, eos_token, unk_token, pad_token.
  text::Json::Object trusted_strings;
  // Wall clock for strftime_now, as microseconds since the Unix epoch; local time is UTC.
  std::int64_t now_unix_us = 0;
};

class ChatTemplate final {
 public:
  // A syntax error names line and construct.
  [[nodiscard]] static Result<ChatTemplate> compile(std::string_view source);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // raise_exception and wrong use of values are kInvalid with the template's text; limits are
  // kResourceExhausted.
  [[nodiscard]] Result<text::OriginText> render(const RenderInput& input,
                                                const RenderLimits& limits = {}) const;

  // What the front asks before it prepares the input (docs: http-api, section 14).
  // Whether the template reads this top-level variable anywhere.
  [[nodiscard]] bool reads_variable(std::string_view name) const noexcept;
  // Whether it looks into message content as a list of parts.
  [[nodiscard]] bool iterates_content_parts() const noexcept;
  // Whether a string literal of the template equals or contains `text` ("developer", say).
  [[nodiscard]] bool has_literal(std::string_view text) const noexcept;

 private:
  struct Impl;
  explicit ChatTemplate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::chat_template
