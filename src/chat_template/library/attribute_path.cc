#include "chat_template/library/attribute_path.h"

#include <algorithm>
#include <vector>

#include "chat_template/library/attributes.h"
#include "chat_template/values/case.h"

namespace penstock::chat_template {
namespace {

bool is_index(std::string_view part) noexcept {
  return !part.empty() && part.size() < 18 &&
         std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<AttributePath> AttributePath::parse(Runtime& runtime, const Value& attribute) {
  AttributePath path;
  if (attribute.is_missing() || attribute.is_none()) return path;
  std::vector<Value> parts;
  const auto finish = [&] {
    path.parts_ = new_tuple(runtime.heap(), parts).items().view();
    return path;
  };
  if (!attribute.is_str()) {
    parts.push_back(attribute);
    return finish();
  }
  const Str& text = attribute.str();
  RETURN_IF_ERROR(runtime.charge_bytes(text.size));
  for (std::size_t begin = 0; begin <= text.size;) {
    const std::size_t end = std::min(text.view().find('.', begin), text.view().size());
    const std::string_view part = text.view().substr(begin, end - begin);
    if (is_index(part)) {
      std::int64_t index = 0;
      for (const char digit : part) index = index * 10 + (digit - '0');
      parts.push_back(Value::integer(index));
    } else {
      parts.emplace_back(slice_str(runtime.heap(), text, static_cast<std::uint32_t>(begin),
                                   static_cast<std::uint32_t>(end)));
    }
    begin = end + 1;
  }
  return finish();
}

Result<Value> AttributePath::get(Runtime& runtime, const Value& item, const Value& fallback) const {
  Value value = item;
  for (const Value& part : parts_) {
    RETURN_IF_ERROR(runtime.charge(1));
    ASSIGN_OR_RETURN(value, get_item(runtime, value, part));
    if (value.is_undefined() && !fallback.is_missing() && !fallback.is_none()) value = fallback;
  }
  return value;
}

Result<Value> AttributePath::get_folded(Runtime& runtime, const Value& item,
                                        const Value& fallback) const {
  ASSIGN_OR_RETURN(const Value value, get(runtime, item, fallback));
  return ignore_case(runtime, value);
}

Result<Value> ignore_case(Runtime& runtime, const Value& value) {
  if (!value.is_str()) return value;
  ASSIGN_OR_RETURN(const Str* lower, change_case(runtime, value.str(), CaseChange::kLower));
  return Value(lower);
}

}  // namespace penstock::chat_template
