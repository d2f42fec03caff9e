#include "chat_template/values/dict.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "chat_template/values/compare.h"

namespace penstock::chat_template {
namespace {

constexpr std::uint32_t kIndexAbove = 8;

int rank(const Value& key) noexcept {
  if (key.is_number()) return 0;
  if (key.is_str()) return 1;
  if (key.is_none()) return 2;
  if (key.is_tuple()) return 3;
  if (key.is_undefined()) return 4;
  return 5 + static_cast<int>(key.type());
}

int compare_number_keys(const Value& a, const Value& b) noexcept {
  const bool a_nan = a.is_float() && std::isnan(a.as_float());
  const bool b_nan = b.is_float() && std::isnan(b.as_float());
  if (a_nan || b_nan) return int{a_nan} - int{b_nan};
  const std::partial_ordering order = compare_numbers(a, b);
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

}  // namespace

int compare_keys(const Value& a, const Value& b) noexcept {
  if (a.same_as(b)) return 0;
  const int rank_a = rank(a);
  if (const int rank_b = rank(b); rank_a != rank_b) return rank_a < rank_b ? -1 : 1;
  switch (rank_a) {
    case 0:
      return compare_number_keys(a, b);
    case 1:
      return a.str().view().compare(b.str().view());
    case 2:
    case 4:
      return 0;
    case 3: {
      const std::span<const Value> left = a.items().view();
      const std::span<const Value> right = b.items().view();
      for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
        if (const int order = compare_keys(left[i], right[i]); order != 0) return order;
      }
      return left.size() < right.size() ? -1 : left.size() > right.size() ? 1 : 0;
    }
    default:
      return a.as_big() < b.as_big() ? -1 : a.as_big() > b.as_big() ? 1 : 0;
  }
}

Status check_hashable(Runtime& runtime, const Value& key) {
  if (key.is_list() || key.is_dict() || key.is(Value::Type::kKeys) || key.is(Value::Type::kItems)) {
    return fail("unhashable type: '{}'", type_name(key));
  }
  if (key.is_str()) return runtime.charge_bytes(key.str().size);
  if (!key.is_tuple()) return {};
  // Comparing keys later costs at most what this walk over them costs.
  const DepthGuard guard(runtime);
  RETURN_IF_ERROR(guard.status());
  RETURN_IF_ERROR(runtime.charge(1));
  for (const Value& item : key.items().view()) RETURN_IF_ERROR(check_hashable(runtime, item));
  return {};
}

const Value* find_key(const Dict& dict, const Value& key) noexcept {
  if (dict.sorted == nullptr) {
    for (const Entry& entry : dict.view()) {
      if (compare_keys(entry.key, key) == 0) return &entry.value;
    }
    return nullptr;
  }
  const std::span<const std::uint32_t> order(dict.sorted, dict.size);
  const auto at = std::ranges::lower_bound(
      order, key, KeyLess{}, [&dict](std::uint32_t entry) { return dict.entries[entry].key; });
  if (at == order.end() || compare_keys(dict.entries[*at].key, key) != 0) return nullptr;
  return &dict.entries[*at].value;
}

const Value* find_key(const Dict& dict, std::string_view key) noexcept {
  if (dict.sorted == nullptr) {
    for (const Entry& entry : dict.view()) {
      if (entry.key.is_str() && entry.key.str().view() == key) return &entry.value;
    }
    return nullptr;
  }
  Str name;
  name.bytes = key.data();
  name.size = static_cast<std::uint32_t>(key.size());
  return find_key(dict, Value(&name));
}

Status DictBuilder::set(const Value& key, const Value& value) {
  RETURN_IF_ERROR(check_hashable(runtime_, key));
  RETURN_IF_ERROR(runtime_.charge(entries_.size() % 16 == 0 ? 1 : 0));
  if (!runtime_.heap().fits((entries_.size() + 1) * sizeof(Entry))) {
    return memory_exhausted(runtime_.heap());
  }
  if (entries_.size() <= kIndexAbove) {
    for (Entry& entry : entries_) {
      if (compare_keys(entry.key, key) != 0) continue;
      entry.value = value;
      return {};
    }
    entries_.push_back({key, value});
    return {};
  }
  if (index_.empty()) {
    for (std::uint32_t i = 0; i < entries_.size(); ++i) index_.emplace(entries_[i].key, i);
  }
  const auto [at, added] = index_.emplace(key, static_cast<std::uint32_t>(entries_.size()));
  if (added) {
    entries_.push_back({key, value});
  } else {
    entries_[at->second].value = value;
  }
  return {};
}

Value DictBuilder::finish() {
  Heap& heap = runtime_.heap();
  const std::span<Entry> entries = heap.make_array<Entry>(entries_.size());
  std::ranges::copy(entries_, entries.begin());
  Dict* dict = heap.make<Dict>();
  dict->entries = entries.data();
  dict->size = static_cast<std::uint32_t>(entries.size());
  if (dict->size > kIndexAbove) {
    const std::span<std::uint32_t> order = heap.make_array<std::uint32_t>(dict->size);
    std::iota(order.begin(), order.end(), 0U);
    std::ranges::sort(order, KeyLess{}, [&entries](std::uint32_t i) { return entries[i].key; });
    dict->sorted = order.data();
  }
  return Value(static_cast<const Dict*>(dict));
}

}  // namespace penstock::chat_template
