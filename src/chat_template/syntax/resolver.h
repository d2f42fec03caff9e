// Finds where every variable lives, so that rendering needs no look-up by name.
//
// Also refuses unknown filters and tests (inside an `if`, as jinja2, only once they are reached)
// and trees too deep to walk. Threading: pure; changes the tree it is given.
#pragma once

#include "base/result.h"
#include "chat_template/syntax/ast.h"
#include "chat_template/values/heap.h"

namespace penstock::chat_template {

[[nodiscard]] Result<Tree> resolve(Heap& heap, Block body);

}  // namespace penstock::chat_template
