// Base of filters that yield items while they are iterated: map, select, reject and the like.
// Nothing is looked at before the first item is asked for, as with Python's generators.
// Threading: of the runtime.
#pragma once

#include <optional>

#include "base/result.h"
#include "chat_template/values/iterate.h"
#include "chat_template/values/runtime.h"
#include "chat_template/values/value.h"

namespace penstock::chat_template {

class LazyFilter : public Iterator {
 public:
  Result<std::optional<Value>> next(Runtime& runtime) final;

 protected:
  explicit LazyFilter(const Value& source) : source_(source) {}
  ~LazyFilter() = default;

  // Checks the filter's arguments, once, before the first item.
  [[nodiscard]] virtual Status prepare(Runtime& runtime) = 0;
  // What an item becomes; nothing when it is left out.
  [[nodiscard]] virtual Result<std::optional<Value>> apply(Runtime& runtime, const Value& item) = 0;

 private:
  Value source_;
  bool started_ = false;
  std::optional<Cursor> cursor_;
};

// An iterator over items that are known already.
[[nodiscard]] Result<Value> iterate_over(Runtime& runtime, const Value& list);

}  // namespace penstock::chat_template
