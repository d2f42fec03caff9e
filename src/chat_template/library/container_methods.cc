// Methods of lists, tuples, dicts, ranges, loops and cyclers.
#include <algorithm>

#include "chat_template/library/arguments.h"
#include "chat_template/library/methods.h"
#include "chat_template/values/compare.h"
#include "chat_template/values/dict.h"
#include "chat_template/values/iterate.h"
#include "chat_template/values/macro.h"

namespace penstock::chat_template {
namespace {

Result<Value> list_count(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind_positional<1>("count", args, 1));
  ASSIGN_OR_RETURN(Cursor cursor, Cursor::over(runtime, self));
  std::int64_t count = 0;
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<Value> item, cursor.next(runtime));
    if (!item) return Value::integer(count);
    ASSIGN_OR_RETURN(const bool equal, equals(runtime, *item, bound[0]));
    count += equal ? 1 : 0;
  }
}

Result<Value> list_index(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind_positional<3>("index", args, 1));
  ASSIGN_OR_RETURN(const std::span<const Value> items, all_items(runtime, self));
  const auto size = static_cast<std::int64_t>(items.size());
  ASSIGN_OR_RETURN(std::int64_t begin, int_or(runtime, bound[1], 0));
  ASSIGN_OR_RETURN(std::int64_t end, int_or(runtime, bound[2], size));
  if (begin < 0) begin = std::max<std::int64_t>(0, begin + size);
  if (end < 0) end += size;
  for (std::int64_t i = begin; i < std::min(end, size); ++i) {
    RETURN_IF_ERROR(runtime.charge(1));
    ASSIGN_OR_RETURN(const bool equal,
                     equals(runtime, items[static_cast<std::size_t>(i)], bound[0]));
    if (equal) return Value::integer(i);
  }
  return fail("the value is not in the {}", type_name(self));
}

Result<Value> copy(Runtime&, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("copy", args));
  return self;
}

template <Value::Type kind>
Result<Value> dict_view(Runtime&, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("items", args));
  return Value::view_of(kind, &self.dict());
}

Result<Value> dict_get(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind_positional<2>("get", args, 1));
  RETURN_IF_ERROR(check_hashable(runtime, bound[0]));
  if (const Value* found = find_key(self.dict(), bound[0])) return *found;
  return bound[1].is_missing() ? Value::none() : bound[1];
}

Result<Value> dict_fromkeys(Runtime& runtime, const Value&, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind_positional<2>("fromkeys", args, 1));
  ASSIGN_OR_RETURN(Cursor cursor, Cursor::over(runtime, bound[0]));
  DictBuilder builder(runtime);
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<Value> key, cursor.next(runtime));
    if (!key) return builder.finish();
    RETURN_IF_ERROR(builder.set(*key, bound[1].is_missing() ? Value::none() : bound[1]));
  }
}

Result<Value> loop_cycle(Runtime&, const Value& self, const Args& args) {
  if (!args.named.empty()) return fail("cycle() got an unexpected keyword argument");
  if (args.positional.empty()) return fail("no items for cycling given");
  const auto count = static_cast<std::int64_t>(args.positional.size());
  return args
      .positional[static_cast<std::size_t>(std::max<std::int64_t>(0, self.loop().index0) % count)];
}

Result<Value> loop_changed(Runtime& runtime, const Value& self, const Args& args) {
  if (!args.named.empty()) return fail("changed() got an unexpected keyword argument");
  const Value now = new_tuple(runtime.heap(), args.positional);
  Loop& loop = self.loop();
  if (!loop.last_changed.is_missing()) {
    ASSIGN_OR_RETURN(const bool same, equals(runtime, loop.last_changed, now));
    if (same) return Value::boolean(false);
  }
  loop.last_changed = now;
  return Value::boolean(true);
}

Result<Value> cycler_next(Runtime&, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("next", args));
  Cycler& cycler = self.cycler();
  const Value current = cycler.items->items[cycler.at];
  cycler.at = (cycler.at + 1) % cycler.items->size;
  return current;
}

Result<Value> cycler_reset(Runtime&, const Value& self, const Args& args) {
  RETURN_IF_ERROR(no_arguments("reset", args));
  self.cycler().at = 0;
  return Value::none();
}

constexpr NativeDef kListMethods[] = {{"copy", copy}, {"count", list_count}, {"index", list_index}};
constexpr NativeDef kDictMethods[] = {
    {"copy", copy},
    {"fromkeys", dict_fromkeys},
    {"get", dict_get},
    {"items", dict_view<Value::Type::kItems>},
    {"keys", dict_view<Value::Type::kKeys>},
    {"values", dict_view<Value::Type::kValues>},
};
constexpr NativeDef kRangeMethods[] = {{"count", list_count}, {"index", list_index}};
constexpr NativeDef kLoopMethods[] = {{"changed", loop_changed}, {"cycle", loop_cycle}};
constexpr NativeDef kCyclerMethods[] = {{"next", cycler_next}, {"reset", cycler_reset}};

constexpr std::string_view kMutatingList[] = {"append", "clear",  "extend",  "insert",
                                              "pop",    "remove", "reverse", "sort"};
constexpr std::string_view kMutatingDict[] = {"clear", "pop", "popitem", "setdefault", "update"};

const NativeDef* find(std::span<const NativeDef> table, std::string_view name) noexcept {
  const auto at = std::ranges::find(table, name, &NativeDef::name);
  return at == table.end() ? nullptr : &*at;
}

}  // namespace

const NativeDef* find_list_method(std::string_view name) noexcept {
  return find(kListMethods, name);
}
const NativeDef* find_dict_method(std::string_view name) noexcept {
  return find(kDictMethods, name);
}
const NativeDef* find_range_method(std::string_view name) noexcept {
  return find(kRangeMethods, name);
}
const NativeDef* find_loop_method(std::string_view name) noexcept {
  return find(kLoopMethods, name);
}
const NativeDef* find_cycler_method(std::string_view name) noexcept {
  return find(kCyclerMethods, name);
}

bool is_mutating_list_method(std::string_view name) noexcept {
  return std::ranges::find(kMutatingList, name) != std::end(kMutatingList);
}
bool is_mutating_dict_method(std::string_view name) noexcept {
  return std::ranges::find(kMutatingDict, name) != std::end(kMutatingDict);
}

}  // namespace penstock::chat_template
