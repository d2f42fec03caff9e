#include "chat_template/values/value.h"

#include <algorithm>

namespace penstock::chat_template {

std::string_view type_name(const Value& value) noexcept {
  switch (value.type()) {
    case Value::Type::kMissing:
    case Value::Type::kUndefined:
      return "Undefined";
    case Value::Type::kNone:
      return "NoneType";
    case Value::Type::kBool:
      return "bool";
    case Value::Type::kInt:
    case Value::Type::kBig:
      return "int";
    case Value::Type::kFloat:
      return "float";
    case Value::Type::kStr:
      return value.str().is_markup ? "Markup" : "str";
    case Value::Type::kList:
      return "list";
    case Value::Type::kTuple:
      return "tuple";
    case Value::Type::kDict:
      return "dict";
    case Value::Type::kKeys:
      return "dict_keys";
    case Value::Type::kValues:
      return "dict_values";
    case Value::Type::kItems:
      return "dict_items";
    case Value::Type::kRange:
      return "range";
    case Value::Type::kIterator:
      return value.iterator().type_name();
    case Value::Type::kNamespace:
      return "Namespace";
    case Value::Type::kFunction:
      return "function";
    case Value::Type::kMacro:
      return "Macro";
    case Value::Type::kLoop:
      return "LoopContext";
    case Value::Type::kCycler:
      return "Cycler";
    case Value::Type::kJoiner:
      return "Joiner";
  }
  return "object";
}

bool truthy(const Value& value) noexcept {
  switch (value.type()) {
    case Value::Type::kMissing:
    case Value::Type::kUndefined:
    case Value::Type::kNone:
      return false;
    case Value::Type::kBool:
    case Value::Type::kInt:
      return value.as_int() != 0;
    case Value::Type::kFloat:
      return value.as_float() != 0.0;
    case Value::Type::kStr:
      return value.str().size != 0;
    case Value::Type::kList:
    case Value::Type::kTuple:
      return value.items().size != 0;
    case Value::Type::kDict:
    case Value::Type::kKeys:
    case Value::Type::kValues:
    case Value::Type::kItems:
      return value.dict().size != 0;
    case Value::Type::kRange:
      return value.range().size != 0;
    default:
      return true;
  }
}

const Value* Namespace::find(std::string_view name) const noexcept {
  for (std::uint32_t i = 0; i < size; ++i) {
    if (attributes[i].name->view() == name) return &attributes[i].value;
  }
  return nullptr;
}

void Namespace::set(Heap& heap, const Str* name, const Value& value) {
  for (std::uint32_t i = 0; i < size; ++i) {
    if (attributes[i].name->view() == name->view()) {
      attributes[i].value = value;
      return;
    }
  }
  if (size == capacity) {
    capacity = std::max<std::uint32_t>(4, 2 * capacity);
    Attribute* grown = heap.make_array<Attribute>(capacity).data();
    std::copy_n(attributes, size, grown);
    attributes = grown;
  }
  attributes[size++] = {name, value};
}

namespace {
const List* copy_items(Heap& heap, std::span<const Value> items) {
  const std::span<Value> copy = heap.make_array<Value>(items.size());
  std::ranges::copy(items, copy.begin());
  List* list = heap.make<List>();
  list->items = copy.data();
  list->size = static_cast<std::uint32_t>(items.size());
  return list;
}
}  // namespace

Value new_list(Heap& heap, std::span<const Value> items) {
  return Value::list(copy_items(heap, items));
}

Value new_tuple(Heap& heap, std::span<const Value> items) {
  return Value::tuple(copy_items(heap, items));
}

}  // namespace penstock::chat_template
