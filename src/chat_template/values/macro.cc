#include "chat_template/values/macro.h"

#include "chat_template/values/iterate.h"
#include "chat_template/values/runtime.h"

namespace penstock::chat_template {

Result<std::optional<Value>> Loop::advance(Runtime& runtime) {
  ASSIGN_OR_RETURN(const std::optional<Value> item, peek(runtime));
  if (!item) return std::nullopt;
  has_ahead = false;
  ++index0;
  before = current;
  current = *item;
  return item;
}

Result<std::optional<Value>> Loop::peek(Runtime& runtime) {
  if (has_ahead) return ahead;
  if (at_end) return std::nullopt;
  ASSIGN_OR_RETURN(const std::optional<Value> item, items->next(runtime));
  if (!item) {
    at_end = true;
    return std::nullopt;
  }
  has_ahead = true;
  ahead = *item;
  return item;
}

Result<std::int64_t> Loop::length(Runtime& runtime) {
  if (known_length >= 0) return known_length;
  if (const std::optional<std::int64_t> length = length_of(source)) {
    known_length = *length;
    return known_length;
  }
  // Only reading to the end tells; what was read is iterated from then on.
  ASSIGN_OR_RETURN(const std::span<const Value> rest, all_items(runtime, Value(items)));
  ASSIGN_OR_RETURN(items, make_iterator(runtime, new_list(runtime.heap(), rest)));
  known_length = static_cast<std::int64_t>(rest.size()) + index0 + 1 + (has_ahead ? 1 : 0);
  return known_length;
}

Status append_loop(Runtime& runtime, TextBuilder& out, Loop& loop) {
  ASSIGN_OR_RETURN(const std::int64_t length, loop.length(runtime));
  out.append_made(format("<LoopContext {}/{}>", loop.index0 + 1, length));
  return {};
}

}  // namespace penstock::chat_template
