// Going over anything that Python can iterate. Threading: of the runtime.
#pragma once

#include <optional>
#include <span>

#include "base/result.h"
#include "chat_template/values/runtime.h"
#include "chat_template/values/value.h"

namespace penstock::chat_template {

// A position in a value: characters, items, keys, what an iterator yields. Each item is a step.
class Cursor final {
 public:
  // "'int' object is not iterable"; an undefined value is empty.
  [[nodiscard]] static Result<Cursor> over(Runtime& runtime, const Value& source);
  [[nodiscard]] Result<std::optional<Value>> next(Runtime& runtime);

 private:
  explicit Cursor(const Value& source) : source_(source) {}
  [[nodiscard]] std::optional<Value> next_character(Heap& heap);
  [[nodiscard]] std::optional<Value> next_entry(Heap& heap);

  Value source_;
  std::int64_t at_ = 0;
};

[[nodiscard]] bool is_iterable(const Value& value) noexcept;
// len(); nothing for values that have none.
[[nodiscard]] std::optional<std::int64_t> length_of(const Value& value) noexcept;
[[nodiscard]] std::unexpected<Error> fail_no_length(const Value& value);

// All items as one array: a list's own, or a new one in the heap.
[[nodiscard]] Result<std::span<const Value>> all_items(Runtime& runtime, const Value& source);

// Walks a value that iterates as an Iterator.
[[nodiscard]] Result<Iterator*> make_iterator(Runtime& runtime, const Value& source);

}  // namespace penstock::chat_template
