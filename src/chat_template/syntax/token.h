// Tokens of a template. Threading: values.
#pragma once

#include <cstdint>
#include <string_view>

#include "chat_template/values/value.h"

namespace penstock::chat_template {

enum class TokenType : std::uint8_t {
  kData,           // text outside of tags
  kVariableBegin,  // {{
  kVariableEnd,
  kBlockBegin,  // {%
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,  // text is the operator itself
  kEnd,
};

struct Token {
  TokenType type = TokenType::kEnd;
  std::uint32_t line = 1;
  std::string_view text;  // of data, names and operators; lies in the template's heap
  Value value;            // of strings and numbers

  [[nodiscard]] bool is(TokenType wanted) const noexcept { return type == wanted; }
  [[nodiscard]] bool is_name(std::string_view name) const noexcept {
    return type == TokenType::kName && text == name;
  }
  [[nodiscard]] bool is_operator(std::string_view symbol) const noexcept {
    return type == TokenType::kOperator && text == symbol;
  }
};

// What a token is, for messages: "end of print statement", "'endif'".
[[nodiscard]] std::string_view describe(const Token& token) noexcept;

}  // namespace penstock::chat_template
