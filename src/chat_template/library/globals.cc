// Global functions: range, dict, namespace, cycler, joiner, raise_exception, strftime_now.
#include <algorithm>

#include "chat_template/library/arguments.h"
#include "chat_template/library/registry.h"
#include "chat_template/library/strftime.h"
#include "chat_template/values/convert.h"
#include "chat_template/values/dict.h"
#include "chat_template/values/iterate.h"

namespace penstock::chat_template {
namespace {

constexpr std::uint64_t kMaxRange = 100'000;  // as the sandbox of jinja2

std::uint64_t range_length(std::int64_t start, std::int64_t stop, std::int64_t step) noexcept {
  const bool up = step > 0;
  if (up ? start >= stop : start <= stop) return 0;
  const auto low = static_cast<std::uint64_t>(up ? start : stop);
  const auto high = static_cast<std::uint64_t>(up ? stop : start);
  const std::uint64_t stride =
      up ? static_cast<std::uint64_t>(step) : 0 - static_cast<std::uint64_t>(step);
  return (high - low - 1) / stride + 1;
}

Result<Value> range(Runtime& runtime, const Value&, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind_positional<3>("range", args, 1));
  Range* range = runtime.heap().make<Range>();
  const bool only_stop = bound[1].is_missing();
  if (!only_stop) {
    ASSIGN_OR_RETURN(range->start, int_or(runtime, bound[0], 0));
  }
  ASSIGN_OR_RETURN(range->stop, int_or(runtime, bound[only_stop ? 0 : 1], 0));
  ASSIGN_OR_RETURN(range->step, int_or(runtime, bound[2], 1));
  if (range->step == 0) return fail("range() arg 3 must not be zero");
  const std::uint64_t length = range_length(range->start, range->stop, range->step);
  if (length > kMaxRange) {
    return fail("Range too big. The sandbox blocks ranges larger than {}.", kMaxRange);
  }
  range->size = static_cast<std::int64_t>(length);
  return Value(static_cast<const Range*>(range));
}

// dict(mapping or pairs, **named)
Result<Value> dict(Runtime& runtime, const Value&, const Args& args) {
  if (args.positional.size() > 1) {
    return fail("dict expected at most 1 argument, got {}", args.positional.size());
  }
  DictBuilder builder(runtime);
  if (args.positional.size() == 1) {
    const Value& source = args.positional[0];
    const Value pairs =
        source.is_dict() ? Value::view_of(Value::Type::kItems, &source.dict()) : source;
    ASSIGN_OR_RETURN(Cursor cursor, Cursor::over(runtime, pairs));
    while (true) {
      ASSIGN_OR_RETURN(const std::optional<Value> item, cursor.next(runtime));
      if (!item) break;
      ASSIGN_OR_RETURN(const std::span<const Value> pair, all_items(runtime, *item));
      if (pair.size() != 2) {
        return fail("dictionary update sequence element has length {}; 2 is required", pair.size());
      }
      RETURN_IF_ERROR(builder.set(pair[0], pair[1]));
    }
  }
  for (const NamedArg& arg : args.named) {
    RETURN_IF_ERROR(builder.set(Value(arg.name), arg.value));
  }
  return builder.finish();
}

Result<Value> name_space(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const Value initial, dict(runtime, self, args));
  Namespace* space = runtime.heap().make<Namespace>();
  for (const Entry& entry : initial.dict().view()) {
    if (!entry.key.is_str()) return fail("the attributes of a namespace are named by strings");
    space->set(runtime.heap(), &entry.key.str(), entry.value);
  }
  return Value(space);
}

Result<Value> cycler(Runtime& runtime, const Value&, const Args& args) {
  if (!args.named.empty()) return fail("cycler() takes no keyword arguments");
  if (args.positional.empty()) return fail("at least one item has to be provided");
  Cycler* cycler = runtime.heap().make<Cycler>();
  cycler->items = &new_tuple(runtime.heap(), args.positional).items();
  return Value(cycler);
}

Result<Value> joiner(Runtime& runtime, const Value&, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<1>("joiner", args, {"sep"}));
  Joiner* joiner = runtime.heap().make<Joiner>();
  joiner->separator = bound[0].is_missing() ? make_data(runtime.heap(), ", ") : bound[0];
  return Value(joiner);
}

Result<Value> raise_exception(Runtime& runtime, const Value&, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<1>("raise_exception", args, {"message"}, 1));
  ASSIGN_OR_RETURN(const Str* message, to_str(runtime, bound[0]));
  runtime.mark_raised();
  return fail("{}", message->view());
}

Result<Value> strftime_now(Runtime& runtime, const Value&, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<1>("strftime_now", args, {"format"}, 1));
  ASSIGN_OR_RETURN(const Str* format, need_str(bound[0]));
  ASSIGN_OR_RETURN(const Str* text, format_time(runtime, runtime.now_unix_us(), *format));
  return Value(text);
}

constexpr NativeDef kGlobals[] = {
    {"cycler", cycler},
    {"dict", dict},
    {"joiner", joiner},
    {"namespace", name_space},
    {"raise_exception", raise_exception},
    {"range", range},
    {"strftime_now", strftime_now},
};

}  // namespace

const NativeDef* find_global(std::string_view name) noexcept {
  const auto at = std::ranges::find(kGlobals, name, &NativeDef::name);
  return at == std::end(kGlobals) ? nullptr : &*at;
}

}  // namespace penstock::chat_template
