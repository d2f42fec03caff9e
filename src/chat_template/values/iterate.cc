#include "chat_template/values/iterate.h"

#include "chat_template/values/unicode.h"

namespace penstock::chat_template {
namespace {

class CursorIterator final : public Iterator {
 public:
  explicit CursorIterator(Cursor cursor) : cursor_(cursor) {}
  Result<std::optional<Value>> next(Runtime& runtime) override { return cursor_.next(runtime); }
  std::string_view type_name() const noexcept override { return "iterator"; }

 private:
  Cursor cursor_;
};

}  // namespace

bool is_iterable(const Value& value) noexcept {
  return value.is_str() || value.is_sequence() || value.is_dict() || value.is_view() ||
         value.is(Value::Type::kRange) || value.is(Value::Type::kIterator) || value.is_undefined();
}

Result<Cursor> Cursor::over(Runtime& runtime, const Value& source) {
  RETURN_IF_ERROR(runtime.charge(0));
  if (is_iterable(source)) return Cursor(source);
  return fail("'{}' object is not iterable", type_name(source));
}

Result<std::optional<Value>> Cursor::next(Runtime& runtime) {
  if (!runtime.spend(1)) return runtime.out_of_budget();
  switch (source_.type()) {
    case Value::Type::kList:
    case Value::Type::kTuple:
      if (at_ >= source_.items().size) return std::nullopt;
      return source_.items().items[at_++];
    case Value::Type::kStr:
      return next_character(runtime.heap());
    case Value::Type::kDict:
    case Value::Type::kKeys:
    case Value::Type::kValues:
    case Value::Type::kItems:
      return next_entry(runtime.heap());
    case Value::Type::kRange:
      if (at_ >= source_.range().size) return std::nullopt;
      return Value::integer(source_.range().at(at_++));
    case Value::Type::kIterator:
      return source_.iterator().next(runtime);
    default:
      return std::nullopt;
  }
}

std::optional<Value> Cursor::next_character(Heap& heap) {
  const Str& text = source_.str();
  if (at_ >= text.size) return std::nullopt;
  const auto begin = static_cast<std::uint32_t>(at_);
  const std::uint32_t end = begin + unicode::char_at(text.view(), begin).num_bytes;
  at_ = end;
  return Value(with_markup(heap, *slice_str(heap, text, begin, end), false));
}

std::optional<Value> Cursor::next_entry(Heap& heap) {
  const Dict& dict = source_.dict();
  if (at_ >= dict.size) return std::nullopt;
  const Entry& entry = dict.entries[at_++];
  if (source_.is(Value::Type::kValues)) return entry.value;
  if (!source_.is(Value::Type::kItems)) return entry.key;
  const Value pair[] = {entry.key, entry.value};
  return new_tuple(heap, pair);
}

std::optional<std::int64_t> length_of(const Value& value) noexcept {
  switch (value.type()) {
    case Value::Type::kStr:
      return value.str().length();
    case Value::Type::kList:
    case Value::Type::kTuple:
      return value.items().size;
    case Value::Type::kDict:
    case Value::Type::kKeys:
    case Value::Type::kValues:
    case Value::Type::kItems:
      return value.dict().size;
    case Value::Type::kRange:
      return value.range().size;
    case Value::Type::kUndefined:
      return 0;
    default:
      return std::nullopt;
  }
}

std::unexpected<Error> fail_no_length(const Value& value) {
  return fail("object of type '{}' has no len()", type_name(value));
}

Result<std::span<const Value>> all_items(Runtime& runtime, const Value& source) {
  if (source.is_sequence()) return source.items().view();
  ASSIGN_OR_RETURN(Cursor cursor, Cursor::over(runtime, source));
  ListBuilder builder(runtime);
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<Value> item, cursor.next(runtime));
    if (!item) break;
    RETURN_IF_ERROR(builder.append(*item));
  }
  return builder.finish_list().items().view();
}

Result<Iterator*> make_iterator(Runtime& runtime, const Value& source) {
  if (source.is(Value::Type::kIterator)) return &source.iterator();
  ASSIGN_OR_RETURN(const Cursor cursor, Cursor::over(runtime, source));
  return runtime.heap().make<CursorIterator>(cursor);
}

}  // namespace penstock::chat_template
