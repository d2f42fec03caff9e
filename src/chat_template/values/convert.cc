#include "chat_template/values/convert.h"

#include <array>
#include <charconv>
#include <cmath>

#include "chat_template/values/macro.h"
#include "chat_template/values/unicode.h"

namespace penstock::chat_template {
namespace {

void append_escaped_character(TextBuilder& out, char32_t c, Origin origin) {
  switch (c) {
    case '\\':
      return out.append("\\\\", origin);
    case '\n':
      return out.append("\\n", origin);
    case '\r':
      return out.append("\\r", origin);
    case '\t':
      return out.append("\\t", origin);
    default:
      break;
  }
  const auto code = static_cast<std::uint32_t>(c);
  out.append(c < 0x100     ? format("\\x{:02x}", code)
             : c < 0x10000 ? format("\\u{:04x}", code)
                           : format("\\U{:08x}", code),
             origin);
}

void append_str_repr(TextBuilder& out, const Str& text) {
  const std::string_view bytes = text.view();
  const bool double_quoted = bytes.contains('\'') && !bytes.contains('"');
  const std::string_view quote = double_quoted ? "\"" : "'";
  if (text.is_markup) out.append_made("Markup(");
  out.append_made(quote);
  std::uint32_t plain_from = 0;
  for (std::uint32_t at = 0; at < text.size;) {
    const unicode::Char c = unicode::char_at(bytes, at);
    const bool is_quote = c.code_point == static_cast<unsigned char>(quote[0]);
    if (is_quote || c.code_point == '\\' || !unicode::is_printable(c.code_point)) {
      out.append(text, plain_from, at);
      const Origin origin = text.origin_at(at);
      if (is_quote) {
        out.append("\\'", origin);
      } else {
        append_escaped_character(out, c.code_point, origin);
      }
      plain_from = at + c.num_bytes;
    }
    at += c.num_bytes;
  }
  out.append(text, plain_from, text.size);
  out.append_made(quote);
  if (text.is_markup) out.append_made(")");
}

Status append_items(Runtime& runtime, TextBuilder& out, std::span<const Value> items) {
  bool first = true;
  for (const Value& item : items) {
    if (!first) out.append_made(", ");
    first = false;
    RETURN_IF_ERROR(append_repr(runtime, out, item));
  }
  return {};
}

Status append_dict(Runtime& runtime, TextBuilder& out, const Dict& dict, Value::Type shape) {
  bool first = true;
  for (const Entry& entry : dict.view()) {
    if (!first) out.append_made(", ");
    first = false;
    if (shape == Value::Type::kItems) out.append_made("(");
    if (shape != Value::Type::kValues) RETURN_IF_ERROR(append_repr(runtime, out, entry.key));
    if (shape == Value::Type::kDict) out.append_made(": ");
    if (shape == Value::Type::kItems) out.append_made(", ");
    if (shape != Value::Type::kKeys) RETURN_IF_ERROR(append_repr(runtime, out, entry.value));
    if (shape == Value::Type::kItems) out.append_made(")");
  }
  return {};
}

Status append_namespace(Runtime& runtime, TextBuilder& out, const Namespace& space) {
  out.append_made("<Namespace {");
  for (std::uint32_t i = 0; i < space.size; ++i) {
    if (i > 0) out.append_made(", ");
    append_str_repr(out, *space.attributes[i].name);
    out.append_made(": ");
    RETURN_IF_ERROR(append_repr(runtime, out, space.attributes[i].value));
  }
  out.append_made("}>");
  return {};
}

Status append_macro(TextBuilder& out, const Macro& macro) {
  if (macro.name == nullptr) {
    out.append_made("<Macro anonymous>");
    return {};
  }
  out.append_made("<Macro ");
  append_str_repr(out, *macro.name);
  out.append_made(">");
  return {};
}

Status append_range(TextBuilder& out, const Range& range) {
  out.append_made(range.step == 1
                      ? format("range({}, {})", range.start, range.stop)
                      : format("range({}, {}, {})", range.start, range.stop, range.step));
  return {};
}

Status append_container(Runtime& runtime, TextBuilder& out, const Value& value) {
  const DepthGuard guard(runtime);
  RETURN_IF_ERROR(guard.status());
  switch (value.type()) {
    case Value::Type::kList:
      out.append_made("[");
      RETURN_IF_ERROR(append_items(runtime, out, value.items().view()));
      out.append_made("]");
      return {};
    case Value::Type::kTuple:
      out.append_made("(");
      RETURN_IF_ERROR(append_items(runtime, out, value.items().view()));
      out.append_made(value.items().size == 1 ? ",)" : ")");
      return {};
    case Value::Type::kDict:
      out.append_made("{");
      RETURN_IF_ERROR(append_dict(runtime, out, value.dict(), value.type()));
      out.append_made("}");
      return {};
    case Value::Type::kNamespace:
      return append_namespace(runtime, out, value.name_space());
    default:  // a view
      out.append_made(type_name(value));
      out.append_made("([");
      RETURN_IF_ERROR(append_dict(runtime, out, value.dict(), value.type()));
      out.append_made("])");
      return {};
  }
}

Status append_other(Runtime& runtime, TextBuilder& out, const Value& value) {
  switch (value.type()) {
    case Value::Type::kNone:
      out.append_made("None");
      return {};
    case Value::Type::kBool:
      out.append_made(value.as_bool() ? "True" : "False");
      return {};
    case Value::Type::kInt:
      out.append_made(format("{}", value.as_int()));
      return {};
    case Value::Type::kBig:
      out.append_made(format("{}", value.as_big()));
      return {};
    case Value::Type::kFloat:
      out.append_made(float_text(value.as_float()));
      return {};
    case Value::Type::kRange:
      return append_range(out, value.range());
    case Value::Type::kMacro:
      return append_macro(out, value.macro());
    case Value::Type::kLoop:
      return append_loop(runtime, out, value.loop());
    case Value::Type::kList:
    case Value::Type::kTuple:
    case Value::Type::kDict:
    case Value::Type::kKeys:
    case Value::Type::kValues:
    case Value::Type::kItems:
    case Value::Type::kNamespace:
      return append_container(runtime, out, value);
    default:
      out.append_made(format("<{} object>", type_name(value)));
      return {};
  }
}

}  // namespace

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 32> buffer{};
  const std::to_chars_result end = std::to_chars(buffer.data(), buffer.data() + buffer.size(),
                                                 value, std::chars_format::scientific);
  const std::string_view scientific(buffer.data(), end.ptr);
  const std::size_t e = scientific.find('e');
  std::string digits;
  for (const char c : scientific.substr(0, e)) {
    if (c >= '0' && c <= '9') digits.push_back(c);
  }
  const int exponent = std::atoi(scientific.data() + e + 1);
  std::string out = scientific[0] == '-' ? "-" : "";
  const auto count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    out += digits[0];
    if (count > 1) out.append(".").append(digits, 1);
    return out + format("e{}{:02}", exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0)
    return out + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  if (count <= exponent + 1) {
    return out + digits + std::string(static_cast<std::size_t>(exponent + 1 - count), '0') + ".0";
  }
  const auto point = static_cast<std::size_t>(exponent) + 1;
  return out + digits.substr(0, point) + "." + digits.substr(point);
}

Status append_str(Runtime& runtime, TextBuilder& out, const Value& value) {
  RETURN_IF_ERROR(runtime.charge(1));
  if (out.overflowed()) return memory_exhausted(runtime.heap());
  if (value.is_str()) {
    RETURN_IF_ERROR(runtime.charge_bytes(value.str().size));
    out.append(value.str());
    return {};
  }
  if (value.is_undefined()) return {};
  return append_other(runtime, out, value);
}

Status append_repr(Runtime& runtime, TextBuilder& out, const Value& value) {
  RETURN_IF_ERROR(runtime.charge(1));
  if (out.overflowed()) return memory_exhausted(runtime.heap());
  if (value.is_str()) {
    RETURN_IF_ERROR(runtime.charge_bytes(value.str().size));
    append_str_repr(out, value.str());
    return {};
  }
  if (value.is_undefined()) {
    out.append_made("Undefined");
    return {};
  }
  return append_other(runtime, out, value);
}

Result<const Str*> to_str(Runtime& runtime, const Value& value) {
  if (value.is_str()) return &value.str();
  TextBuilder out(runtime.heap());
  RETURN_IF_ERROR(append_str(runtime, out, value));
  return out.finish();
}

Result<const Str*> to_repr(Runtime& runtime, const Value& value) {
  TextBuilder out(runtime.heap());
  RETURN_IF_ERROR(append_repr(runtime, out, value));
  return out.finish();
}

}  // namespace penstock::chat_template
