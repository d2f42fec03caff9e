// A stable sort whose comparison may fail. Threading: of the runtime.
#pragma once

#include <vector>

#include "base/result.h"
#include "chat_template/values/runtime.h"
#include "chat_template/values/value.h"

namespace penstock::chat_template {

struct SortItem {
  Value key;
  Value item;
};

// Ascending by key with Python's `<`; `reverse` is descending and keeps the order of equal keys.
// Keys that have no order among each other are an error.
[[nodiscard]] Status stable_sort(Runtime& runtime, std::vector<SortItem>& items, bool reverse);

}  // namespace penstock::chat_template
