// Filters that compare items: sort, dictsort, groupby, unique, min, max.
#include <algorithm>
#include <set>

#include "chat_template/library/arguments.h"
#include "chat_template/library/attribute_path.h"
#include "chat_template/library/lazy_filter.h"
#include "chat_template/library/registry.h"
#include "chat_template/values/compare.h"
#include "chat_template/values/dict.h"
#include "chat_template/values/iterate.h"
#include "chat_template/values/sort.h"

namespace penstock::chat_template {
namespace {

bool is_set(const Value& value) noexcept {
  return !value.is_missing() && truthy(value);
}

// What items are compared by: an attribute, without regard to case unless asked for.
struct Key {
  AttributePath path;
  bool case_sensitive = false;
  Value fallback;

  [[nodiscard]] Result<Value> of(Runtime& runtime, const Value& item) const {
    return case_sensitive ? path.get(runtime, item, fallback)
                          : path.get_folded(runtime, item, fallback);
  }
};

Result<Key> make_key(Runtime& runtime, const Value& attribute, const Value& case_sensitive) {
  Key key;
  ASSIGN_OR_RETURN(key.path, AttributePath::parse(runtime, attribute));
  key.case_sensitive = is_set(case_sensitive);
  return key;
}

Result<std::vector<Key>> make_keys(Runtime& runtime, const Value& attribute,
                                   const Value& case_sensitive) {
  std::vector<Key> keys;
  if (!attribute.is_str()) {
    ASSIGN_OR_RETURN(const Key key, make_key(runtime, attribute, case_sensitive));
    keys.push_back(key);
    return keys;
  }
  // "a,b": by a, then by b.
  const Str& text = attribute.str();
  for (std::size_t begin = 0; begin <= text.size;) {
    const std::size_t end = std::min(text.view().find(',', begin), text.view().size());
    const Value part(slice_str(runtime.heap(), text, static_cast<std::uint32_t>(begin),
                               static_cast<std::uint32_t>(end)));
    ASSIGN_OR_RETURN(const Key key, make_key(runtime, part, case_sensitive));
    keys.push_back(key);
    begin = end + 1;
  }
  return keys;
}

Result<Value> finish_sorted(Runtime& runtime, std::vector<SortItem>& items, bool reverse) {
  RETURN_IF_ERROR(stable_sort(runtime, items, reverse));
  std::vector<Value> sorted;
  sorted.reserve(items.size());
  for (const SortItem& item : items) sorted.push_back(item.item);
  return new_list(runtime.heap(), sorted);
}

Result<Value> sort(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound,
                   bind<3>("sort", args, {"reverse", "case_sensitive", "attribute"}));
  ASSIGN_OR_RETURN(const std::vector<Key> keys, make_keys(runtime, bound[2], bound[1]));
  ASSIGN_OR_RETURN(const std::span<const Value> source, all_items(runtime, self));
  std::vector<SortItem> items;
  std::vector<Value> parts(keys.size());
  for (const Value& item : source) {
    RETURN_IF_ERROR(runtime.charge(1));
    for (std::size_t i = 0; i < keys.size(); ++i) {
      ASSIGN_OR_RETURN(parts[i], keys[i].of(runtime, item));
    }
    // As lists, even of one: equal keys need no order then.
    items.push_back({new_list(runtime.heap(), parts), item});
  }
  return finish_sorted(runtime, items, is_set(bound[0]));
}

Result<Value> dictsort(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound,
                   bind<3>("dictsort", args, {"case_sensitive", "by", "reverse"}));
  bool by_value = false;
  if (!bound[1].is_missing()) {
    const std::string_view by = bound[1].is_str() ? bound[1].str().view() : std::string_view();
    if (by != "key" && by != "value")
      return fail("You can only sort by either \"key\" or \"value\"");
    by_value = by == "value";
  }
  if (self.is_undefined()) return fail_undefined(runtime, self);
  if (!self.is_dict()) return fail("'{}' object has no attribute 'items'", type_name(self));
  std::vector<SortItem> items;
  for (const Entry& entry : self.dict().view()) {
    RETURN_IF_ERROR(runtime.charge(1));
    const Value pair[] = {entry.key, entry.value};
    Value key = by_value ? entry.value : entry.key;
    if (!is_set(bound[0])) {
      ASSIGN_OR_RETURN(key, ignore_case(runtime, key));
    }
    items.push_back({key, new_tuple(runtime.heap(), pair)});
  }
  return finish_sorted(runtime, items, is_set(bound[2]));
}

Value make_group(Runtime& runtime, const Value& key, std::span<const Value> members) {
  Heap& heap = runtime.heap();
  const std::span<Value> pair = heap.make_array<Value>(2);
  pair[0] = key;
  pair[1] = new_list(heap, members);
  List* group = heap.make<List>();
  group->items = pair.data();
  group->size = 2;
  group->is_group = true;
  return Value::tuple(group);
}

Result<Value> groupby(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound,
                   bind<3>("groupby", args, {"attribute", "default", "case_sensitive"}, 1));
  ASSIGN_OR_RETURN(Key key, make_key(runtime, bound[0], bound[2]));
  key.fallback = bound[1];
  ASSIGN_OR_RETURN(const std::span<const Value> source, all_items(runtime, self));
  std::vector<SortItem> items;
  for (const Value& item : source) {
    RETURN_IF_ERROR(runtime.charge(1));
    ASSIGN_OR_RETURN(const Value value, key.of(runtime, item));
    items.push_back({value, item});
  }
  RETURN_IF_ERROR(stable_sort(runtime, items, false));
  std::vector<Value> groups;
  std::vector<Value> members;
  for (std::size_t i = 0; i < items.size(); ++i) {
    members.push_back(items[i].item);
    bool ends = i + 1 == items.size();
    if (!ends) {
      ASSIGN_OR_RETURN(const bool same, equals(runtime, items[i].key, items[i + 1].key));
      ends = !same;
    }
    if (!ends) continue;
    // The group is named by its first member, in the case written there.
    ASSIGN_OR_RETURN(const Value name, key.path.get(runtime, members[0], key.fallback));
    groups.push_back(make_group(runtime, name, members));
    members.clear();
  }
  return new_list(runtime.heap(), groups);
}

// Finds its items all at once, when the first is asked for.
class Unique final : public Iterator {
 public:
  Unique(const Value& source, const Key& key) : source_(source), key_(key) {}

  Result<std::optional<Value>> next(Runtime& runtime) override {
    if (!found_) {
      RETURN_IF_ERROR(find(runtime));
    }
    return found_->next(runtime);
  }

 private:
  Status find(Runtime& runtime) {
    ASSIGN_OR_RETURN(Cursor cursor, Cursor::over(runtime, source_));
    std::set<Value, KeyLess> seen;
    ListBuilder items(runtime);
    while (true) {
      ASSIGN_OR_RETURN(const std::optional<Value> item, cursor.next(runtime));
      if (!item) break;
      ASSIGN_OR_RETURN(const Value key, key_.of(runtime, *item));
      RETURN_IF_ERROR(check_hashable(runtime, key));
      if (seen.insert(key).second) RETURN_IF_ERROR(items.append(*item));
    }
    ASSIGN_OR_RETURN(found_, Cursor::over(runtime, items.finish_list()));
    return {};
  }

  Value source_;
  Key key_;
  std::optional<Cursor> found_;
};

Result<Value> unique(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<2>("unique", args, {"case_sensitive", "attribute"}));
  ASSIGN_OR_RETURN(const Key key, make_key(runtime, bound[1], bound[0]));
  return Value(static_cast<Iterator*>(runtime.heap().make<Unique>(self, key)));
}

template <Order order>
Result<Value> extreme(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<2>("min", args, {"case_sensitive", "attribute"}));
  ASSIGN_OR_RETURN(const Key key, make_key(runtime, bound[1], bound[0]));
  ASSIGN_OR_RETURN(Cursor cursor, Cursor::over(runtime, self));
  Value best;
  Value best_key;
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<Value> item, cursor.next(runtime));
    if (!item) break;
    ASSIGN_OR_RETURN(const Value item_key, key.of(runtime, *item));
    bool better = best.is_missing();
    if (!better) {
      ASSIGN_OR_RETURN(better, in_order(runtime, order, item_key, best_key));
    }
    if (!better) continue;
    best = *item;
    best_key = item_key;
  }
  if (!best.is_missing()) return best;
  return make_undefined_hint(runtime, "No aggregated item, sequence was empty.");
}

constexpr NativeDef kFilters[] = {
    {"dictsort", dictsort},         {"groupby", groupby}, {"max", extreme<Order::kGreater>},
    {"min", extreme<Order::kLess>}, {"sort", sort},       {"unique", unique},
};

}  // namespace

const std::span<const NativeDef> internal::kSortFilters = kFilters;

}  // namespace penstock::chat_template
