#include <algorithm>
#include <limits>

#include "chat_template/library/attributes.h"
#include "chat_template/values/unicode.h"

namespace penstock::chat_template {
namespace {

// A slice resolved against a length: `count` indices from `start`, `step` apart.
struct Resolved {
  std::int64_t start = 0;
  std::int64_t stop = 0;
  std::int64_t step = 1;
  std::int64_t count = 0;
};

Result<std::int64_t> bound_or(const Value& value, std::int64_t fallback) {
  if (value.is_none()) return fallback;
  if (value.is_integral()) return value.as_int();
  return fail("slice indices must be integers or None or have an __index__ method");
}

std::int64_t clamp(std::int64_t index, std::int64_t length, std::int64_t low, std::int64_t high) {
  if (index < 0) index = std::max(index, -length - 1) + length;
  return std::clamp(index, low, high);
}

Result<Resolved> resolve(const SliceBounds& bounds, std::int64_t length) {
  Resolved slice;
  ASSIGN_OR_RETURN(slice.step, bound_or(bounds.step, 1));
  if (slice.step == 0) return fail("slice step cannot be zero");
  slice.step = std::max(slice.step, -std::numeric_limits<std::int64_t>::max());
  const bool forward = slice.step > 0;
  const std::int64_t low = forward ? 0 : -1;
  const std::int64_t high = forward ? length : length - 1;
  ASSIGN_OR_RETURN(std::int64_t start, bound_or(bounds.start, 0));
  ASSIGN_OR_RETURN(std::int64_t stop, bound_or(bounds.stop, 0));
  start = bounds.start.is_none() ? (forward ? low : high) : clamp(start, length, low, high);
  stop = bounds.stop.is_none() ? (forward ? high : low) : clamp(stop, length, low, high);
  slice.start = start;
  slice.stop = stop;
  const std::int64_t distance = forward ? stop - start : start - stop;
  const std::int64_t stride = forward ? slice.step : -slice.step;
  slice.count = distance <= 0 ? 0 : (distance - 1) / stride + 1;
  return slice;
}

Result<Value> slice_text(Runtime& runtime, const Str& text, const SliceBounds& bounds) {
  RETURN_IF_ERROR(runtime.charge_bytes(text.size));
  ASSIGN_OR_RETURN(const Resolved slice, resolve(bounds, text.length()));
  Heap& heap = runtime.heap();
  if (slice.count == 0) return Value(slice_str(heap, text, 0, 0));
  if (slice.step == 1) {
    const std::uint32_t begin = text.offset_of(static_cast<std::uint64_t>(slice.start));
    const std::uint32_t end = text.offset_of(static_cast<std::uint64_t>(slice.start + slice.count));
    return Value(slice_str(heap, text, begin, end));
  }
  std::vector<std::uint32_t> offsets;
  for (std::uint32_t at = 0; at < text.size;) {
    offsets.push_back(at);
    at += unicode::char_at(text.view(), at).num_bytes;
  }
  offsets.push_back(text.size);
  TextBuilder out(heap);
  for (std::int64_t i = 0; i < slice.count; ++i) {
    const auto at = static_cast<std::size_t>(slice.start + i * slice.step);
    if (at + 1 >= offsets.size()) break;
    out.append(text, offsets[at], offsets[at + 1]);
  }
  ASSIGN_OR_RETURN(const Str* picked, out.finish());
  return Value(with_markup(heap, *picked, text.is_markup));
}

Result<Value> slice_items(Runtime& runtime, const Value& object, const SliceBounds& bounds) {
  const std::span<const Value> items = object.items().view();
  ASSIGN_OR_RETURN(const Resolved slice, resolve(bounds, static_cast<std::int64_t>(items.size())));
  Heap& heap = runtime.heap();
  RETURN_IF_ERROR(runtime.charge(static_cast<std::uint64_t>(slice.count) / 64));
  List* list = heap.make<List>();
  list->size = static_cast<std::uint32_t>(slice.count);
  if (slice.step == 1) {
    // Lists never change: a run of items is shared.
    list->items = items.data() + slice.start;
  } else {
    const std::span<Value> picked = heap.make_array<Value>(list->size);
    for (std::int64_t i = 0; i < slice.count; ++i) {
      picked[static_cast<std::size_t>(i)] =
          items[static_cast<std::size_t>(slice.start + i * slice.step)];
    }
    list->items = picked.data();
  }
  return object.is_list() ? Value::list(list) : Value::tuple(list);
}

// start + index * step, which may lie one step outside the range.
bool range_bound(const Range& range, std::int64_t index, std::int64_t& out) noexcept {
  std::int64_t offset = 0;
  return !__builtin_mul_overflow(index, range.step, &offset) &&
         !__builtin_add_overflow(range.start, offset, &out);
}

Result<Value> slice_range(Runtime& runtime, const Range& range, const SliceBounds& bounds) {
  ASSIGN_OR_RETURN(const Resolved slice, resolve(bounds, range.size));
  Range* part = runtime.heap().make<Range>();
  part->size = slice.count;
  if (!range_bound(range, slice.start, part->start) ||
      !range_bound(range, slice.stop, part->stop) ||
      __builtin_mul_overflow(range.step, slice.step, &part->step)) {
    return fail("the slice of a range does not fit 64-bit integers");
  }
  return Value(static_cast<const Range*>(part));
}

}  // namespace

Result<Value> get_slice(Runtime& runtime, const Value& object, const SliceBounds& bounds) {
  if (object.is_undefined()) return fail_undefined(runtime, object);
  if (object.is_str()) return slice_text(runtime, object.str(), bounds);
  if (object.is_sequence()) return slice_items(runtime, object, bounds);
  if (object.is(Value::Type::kRange)) return slice_range(runtime, object.range(), bounds);
  return fail("'{}' object is not subscriptable with a slice", type_name(object));
}

}  // namespace penstock::chat_template
