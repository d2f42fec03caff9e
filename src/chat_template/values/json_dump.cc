#include "chat_template/values/json_dump.h"

#include <cmath>

#include "chat_template/values/convert.h"
#include "chat_template/values/sort.h"
#include "chat_template/values/unicode.h"

namespace penstock::chat_template {
namespace {

std::string escape_of(char32_t c) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\f':
      return "\\f";
    case '\b':
      return "\\b";
    default:
      break;
  }
  const auto code = static_cast<std::uint32_t>(c);
  if (code < 0x10000) return format("\\u{:04x}", code);
  const std::uint32_t rest = code - 0x10000;
  return format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
}

class Dumper final {
 public:
  Dumper(Runtime& runtime, const JsonStyle& style)
      : runtime_(runtime), style_(style), out_(runtime.heap()) {}

  Result<const Str*> run(const Value& value) {
    RETURN_IF_ERROR(dump(value, 0));
    return out_.finish();
  }

 private:
  Status dump(const Value& value, int depth) {
    RETURN_IF_ERROR(runtime_.charge(1));
    if (out_.overflowed()) return memory_exhausted(runtime_.heap());
    switch (value.type()) {
      case Value::Type::kNone:
      case Value::Type::kBool:
      case Value::Type::kInt:
      case Value::Type::kBig:
      case Value::Type::kFloat:
        out_.append_made(scalar_text(value));
        return {};
      case Value::Type::kStr:
        return dump_string(value.str());
      case Value::Type::kList:
      case Value::Type::kTuple:
        return dump_list(value.items().view(), depth);
      case Value::Type::kDict:
        return dump_dict(value.dict(), depth);
      default:
        return fail("Object of type {} is not JSON serializable", type_name(value));
    }
  }

  static std::string scalar_text(const Value& value) {
    if (value.is_none()) return "null";
    if (value.is_bool()) return value.as_bool() ? "true" : "false";
    if (value.is_int()) return format("{}", value.as_int());
    if (value.is(Value::Type::kBig)) return format("{}", value.as_big());
    const double number = value.as_float();
    if (std::isnan(number)) return "NaN";
    if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
    return float_text(number);
  }

  Status dump_string(const Str& text) {
    RETURN_IF_ERROR(runtime_.charge_bytes(text.size));
    const std::string_view bytes = text.view();
    out_.append_made("\"");
    std::uint32_t plain_from = 0;
    for (std::uint32_t at = 0; at < text.size;) {
      const auto byte = static_cast<unsigned char>(bytes[at]);
      const bool plain =
          byte >= 0x20 && byte != '"' && byte != '\\' && (byte < 0x80 || !style_.ensure_ascii);
      if (plain) {
        ++at;
        continue;
      }
      const unicode::Char c = unicode::char_at(bytes, at);
      out_.append(text, plain_from, at);
      out_.append(escape_of(c.code_point), text.origin_at(at));
      at += c.num_bytes;
      plain_from = at;
    }
    out_.append(text, plain_from, text.size);
    out_.append_made("\"");
    return {};
  }

  void break_line(int depth) {
    if (style_.indent == nullptr) return;
    out_.append_made("\n");
    for (int i = 0; i < depth; ++i) out_.append(*style_.indent);
  }

  void separate_items(int depth) {
    if (style_.item_separator != nullptr) {
      out_.append(*style_.item_separator);
    } else {
      out_.append_made(style_.indent == nullptr ? ", " : ",");
    }
    break_line(depth);
  }

  Status dump_list(std::span<const Value> items, int depth) {
    const DepthGuard guard(runtime_);
    RETURN_IF_ERROR(guard.status());
    if (items.empty()) {
      out_.append_made("[]");
      return {};
    }
    out_.append_made("[");
    break_line(depth + 1);
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) separate_items(depth + 1);
      RETURN_IF_ERROR(dump(items[i], depth + 1));
    }
    break_line(depth);
    out_.append_made("]");
    return {};
  }

  Status dump_dict(const Dict& dict, int depth) {
    const DepthGuard guard(runtime_);
    RETURN_IF_ERROR(guard.status());
    if (dict.size == 0) {
      out_.append_made("{}");
      return {};
    }
    std::vector<const Entry*> entries;
    for (const Entry& entry : dict.view()) entries.push_back(&entry);
    if (style_.sort_keys) RETURN_IF_ERROR(sort_by_key(entries));
    out_.append_made("{");
    break_line(depth + 1);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (i > 0) separate_items(depth + 1);
      RETURN_IF_ERROR(dump_key(entries[i]->key));
      if (style_.key_separator != nullptr) {
        out_.append(*style_.key_separator);
      } else {
        out_.append_made(": ");
      }
      RETURN_IF_ERROR(dump(entries[i]->value, depth + 1));
    }
    break_line(depth);
    out_.append_made("}");
    return {};
  }

  Status dump_key(const Value& key) {
    if (key.is_str()) return dump_string(key.str());
    if (!key.is_none() && !key.is_number()) {
      return fail("keys must be str, int, float, bool or None, not {}", type_name(key));
    }
    out_.append_made("\"" + scalar_text(key) + "\"");
    return {};
  }

  Status sort_by_key(std::vector<const Entry*>& entries) {
    std::vector<SortItem> order;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      order.push_back({entries[i]->key, Value::integer(static_cast<std::int64_t>(i))});
    }
    RETURN_IF_ERROR(stable_sort(runtime_, order, false));
    std::vector<const Entry*> sorted;
    for (const SortItem& item : order) {
      sorted.push_back(entries[static_cast<std::size_t>(item.item.as_int())]);
    }
    entries = std::move(sorted);
    return {};
  }

  Runtime& runtime_;
  const JsonStyle& style_;
  TextBuilder out_;
};

}  // namespace

Result<const Str*> dump_json(Runtime& runtime, const Value& value, const JsonStyle& style) {
  return Dumper(runtime, style).run(value);
}

}  // namespace penstock::chat_template
