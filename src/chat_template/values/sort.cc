#include "chat_template/values/sort.h"

#include <algorithm>

#include "chat_template/values/compare.h"

namespace penstock::chat_template {
namespace {

// Merges the sorted [begin, middle) and [middle, end) of `from` into `to`.
Status merge(Runtime& runtime, const std::vector<SortItem>& from, std::vector<SortItem>& to,
             std::size_t begin, std::size_t middle, std::size_t end, bool reverse) {
  std::size_t left = begin;
  std::size_t right = middle;
  for (std::size_t at = begin; at < end; ++at) {
    bool take_right = left == middle;
    if (!take_right && right < end) {
      RETURN_IF_ERROR(runtime.charge(1));
      const Value& a = from[reverse ? left : right].key;
      const Value& b = from[reverse ? right : left].key;
      ASSIGN_OR_RETURN(take_right, in_order(runtime, Order::kLess, a, b));
    }
    to[at] = from[take_right ? right++ : left++];
  }
  return {};
}

}  // namespace

Status stable_sort(Runtime& runtime, std::vector<SortItem>& items, bool reverse) {
  std::vector<SortItem> other(items.size());
  for (std::size_t width = 1; width < items.size(); width *= 2) {
    for (std::size_t begin = 0; begin < items.size(); begin += 2 * width) {
      const std::size_t middle = std::min(begin + width, items.size());
      const std::size_t end = std::min(begin + 2 * width, items.size());
      RETURN_IF_ERROR(merge(runtime, items, other, begin, middle, end, reverse));
    }
    std::swap(items, other);
  }
  return {};
}

}  // namespace penstock::chat_template
