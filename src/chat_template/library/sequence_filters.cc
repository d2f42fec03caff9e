// Filters over sequences and values of any kind: first, last, length, list, items, reverse,
// batch, slice, default, attr.
#include <algorithm>
#include <utility>

#include "chat_template/library/arguments.h"
#include "chat_template/library/attributes.h"
#include "chat_template/library/lazy_filter.h"
#include "chat_template/library/registry.h"
#include "chat_template/values/iterate.h"

namespace penstock::chat_template {
namespace {

Result<Value> first(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("first", args));
  ASSIGN_OR_RETURN(Cursor cursor, Cursor::over(runtime, self));
  ASSIGN_OR_RETURN(const std::optional<Value> item, cursor.next(runtime));
  if (item) return *item;
  return make_undefined_hint(runtime, "No first item, sequence was empty.");
}

// The items of something that reversed() takes; nothing for other things.
Result<std::optional<Value>> reversed_list(Runtime& runtime, const Value& value) {
  if (!is_iterable(value) || value.is(Value::Type::kIterator)) return std::nullopt;
  ASSIGN_OR_RETURN(const std::span<const Value> items, all_items(runtime, value));
  if (!runtime.heap().fits(items.size_bytes())) return memory_exhausted(runtime.heap());
  RETURN_IF_ERROR(runtime.charge(items.size() / 64));
  std::vector<Value> reversed(items.rbegin(), items.rend());
  return new_list(runtime.heap(), reversed);
}

Result<Value> last(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("last", args));
  if (self.is_sequence()) {
    const std::span<const Value> items = self.items().view();
    if (!items.empty()) return items.back();
  } else {
    ASSIGN_OR_RETURN(const std::optional<Value> reversed, reversed_list(runtime, self));
    if (!reversed) return fail("'{}' object is not reversible", type_name(self));
    if (reversed->items().size > 0) return reversed->items().items[0];
  }
  return make_undefined_hint(runtime, "No last item, sequence was empty.");
}

Result<Value> reverse(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("reverse", args));
  if (self.is_str()) {
    return get_slice(runtime, self,
                     {.start = Value::none(), .stop = Value::none(), .step = Value::integer(-1)});
  }
  ASSIGN_OR_RETURN(const std::optional<Value> reversed, reversed_list(runtime, self));
  if (reversed) return iterate_over(runtime, *reversed);
  ASSIGN_OR_RETURN(const std::span<const Value> items, all_items(runtime, self));
  std::vector<Value> backwards(items.rbegin(), items.rend());
  return new_list(runtime.heap(), backwards);
}

Result<Value> length(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("length", args));
  if (self.is_str()) RETURN_IF_ERROR(runtime.charge_bytes(self.str().size));
  const std::optional<std::int64_t> length = length_of(self);
  if (!length) return fail_no_length(self);
  return Value::integer(*length);
}

Result<Value> list(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("list", args));
  if (self.is_list()) return self;
  ASSIGN_OR_RETURN(const std::span<const Value> items, all_items(runtime, self));
  return new_list(runtime.heap(), items);
}

// Complains about what is no mapping only when it is iterated.
class Items final : public Iterator {
 public:
  explicit Items(const Value& source) : source_(source) {}
  Result<std::optional<Value>> next(Runtime& runtime) override {
    if (source_.is_undefined()) return std::nullopt;
    if (!source_.is_dict()) return fail("Can only get item pairs from a mapping.");
    if (!cursor_) {
      ASSIGN_OR_RETURN(cursor_,
                       Cursor::over(runtime, Value::view_of(Value::Type::kItems, &source_.dict())));
    }
    return cursor_->next(runtime);
  }

 private:
  Value source_;
  std::optional<Cursor> cursor_;
};

Result<Value> items(Runtime& runtime, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("items", args));
  return Value(static_cast<Iterator*>(runtime.heap().make<Items>(self)));
}

Result<Value> batch(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<2>("batch", args, {"linecount", "fill_with"}, 1));
  ASSIGN_OR_RETURN(const std::int64_t size, int_or(runtime, bound[0], 0));
  ASSIGN_OR_RETURN(const std::span<const Value> source, all_items(runtime, self));
  const bool fills = !bound[1].is_missing() && !bound[1].is_none();
  ListBuilder batches(runtime);
  ListBuilder batch(runtime);
  for (const Value& item : source) {
    // A size below one never equals a filled batch: everything lands in one.
    if (std::cmp_equal(batch.items().size(), size)) {
      RETURN_IF_ERROR(batches.append(batch.finish_list()));
      batch.items().clear();
    }
    RETURN_IF_ERROR(batch.append(item));
  }
  if (!batch.items().empty()) {
    while (fills && std::cmp_less(batch.items().size(), size)) {
      RETURN_IF_ERROR(batch.append(bound[1]));
    }
    RETURN_IF_ERROR(batches.append(batch.finish_list()));
  }
  return iterate_over(runtime, batches.finish_list());
}

Result<Value> slice(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<2>("slice", args, {"slices", "fill_with"}, 1));
  ASSIGN_OR_RETURN(const std::int64_t count, int_or(runtime, bound[0], 0));
  ASSIGN_OR_RETURN(const std::span<const Value> source, all_items(runtime, self));
  if (count == 0) return fail("integer division or modulo by zero");
  const bool fills = !bound[1].is_missing() && !bound[1].is_none();
  const auto size = static_cast<std::int64_t>(source.size());
  ListBuilder slices(runtime);
  std::int64_t at = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const bool is_longer = i < size % count;
    const std::int64_t take = size / count + (is_longer ? 1 : 0);
    const std::span<const Value> part =
        source.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(take));
    std::vector<Value> slice(part.begin(), part.end());
    if (fills && !is_longer) slice.push_back(bound[1]);
    RETURN_IF_ERROR(slices.append(new_list(runtime.heap(), slice)));
    at += take;
  }
  return iterate_over(runtime, slices.finish_list());
}

Result<Value> default_filter(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<2>("default", args, {"default_value", "boolean"}));
  const bool also_false = !bound[1].is_missing() && truthy(bound[1]);
  if (!self.is_undefined() && !(also_false && !truthy(self))) return self;
  if (!bound[0].is_missing()) return bound[0];
  return Value(borrow_str(runtime.heap(), "", Origin::kData));
}

Result<Value> attr(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<1>("attr", args, {"name"}, 1));
  ASSIGN_OR_RETURN(const Str* name, need_str(bound[0]));
  ASSIGN_OR_RETURN(const std::optional<Value> found, find_attribute(runtime, self, *name));
  return found ? *found : make_undefined(runtime, self, bound[0]);
}

constexpr NativeDef kFilters[] = {
    {"attr", attr},
    {"batch", batch},
    {"count", length},
    {"d", default_filter},
    {"default", default_filter},
    {"first", first},
    {"items", items},
    {"last", last},
    {"length", length},
    {"list", list},
    {"reverse", reverse},
    {"slice", slice},
};

}  // namespace

const std::span<const NativeDef> internal::kSequenceFilters = kFilters;

}  // namespace penstock::chat_template
