#include "chat_template/library/lazy_filter.h"

namespace penstock::chat_template {

Result<std::optional<Value>> LazyFilter::next(Runtime& runtime) {
  // Filters over filters recurse here, one level for each.
  const DepthGuard guard(runtime);
  RETURN_IF_ERROR(guard.status());
  if (!started_) {
    started_ = true;
    if (truthy(source_)) {
      RETURN_IF_ERROR(prepare(runtime));
      ASSIGN_OR_RETURN(cursor_, Cursor::over(runtime, source_));
    }
  }
  while (cursor_) {
    ASSIGN_OR_RETURN(const std::optional<Value> item, cursor_->next(runtime));
    if (!item) break;
    ASSIGN_OR_RETURN(const std::optional<Value> result, apply(runtime, *item));
    if (result) return result;
  }
  return std::nullopt;
}

Result<Value> iterate_over(Runtime& runtime, const Value& list) {
  ASSIGN_OR_RETURN(Iterator * iterator, make_iterator(runtime, list));
  return Value(iterator);
}

}  // namespace penstock::chat_template
