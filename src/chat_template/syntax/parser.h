// From tokens to a syntax tree: the grammar of jinja2 with loop controls and `generation`.
//
// Nesting is bounded (kMaxNesting), so that neither this parser nor what walks the tree later can
// run out of stack. Tags that need a template loader or blocks are refused by name.
// Threading: pure.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "chat_template/syntax/ast.h"
#include "chat_template/syntax/token.h"
#include "chat_template/values/heap.h"

namespace penstock::chat_template {

// Levels of statements and expressions inside each other.
inline constexpr int kMaxNesting = 100;

[[nodiscard]] Result<Block> parse(Heap& heap, std::vector<Token> tokens);

}  // namespace penstock::chat_template
