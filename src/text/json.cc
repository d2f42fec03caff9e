#include "text/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "base/check.h"

namespace penstock::text {
namespace {

constexpr std::size_t kIndexAbove = 16;
constexpr std::size_t kNone = static_cast<std::size_t>(-1);

}  // namespace

Json::Object::Object(std::initializer_list<Member> members) {
  for (const Member& member : members) set(member.first, member.second);
}

std::size_t Json::Object::index_of(std::string_view name) const noexcept {
  if (sorted_.empty()) {
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (members_[i].first == name) return i;
    }
    return kNone;
  }
  const auto at = std::ranges::lower_bound(
      sorted_, name, {}, [this](std::uint32_t i) { return std::string_view(members_[i].first); });
  return at != sorted_.end() && members_[*at].first == name ? *at : kNone;
}

void Json::Object::build_index() {
  sorted_.clear();
  if (members_.size() <= kIndexAbove) return;
  sorted_.resize(members_.size());
  std::iota(sorted_.begin(), sorted_.end(), 0U);
  std::ranges::sort(sorted_, {},
                    [this](std::uint32_t i) -> std::string_view { return members_[i].first; });
}

const Json* Json::Object::find(std::string_view name) const noexcept {
  const std::size_t i = index_of(name);
  return i == kNone ? nullptr : &members_[i].second;
}

Json* Json::Object::find(std::string_view name) noexcept {
  const std::size_t i = index_of(name);
  return i == kNone ? nullptr : &members_[i].second;
}

Json& Json::Object::set(std::string name, Json value) {
  if (const std::size_t i = index_of(name); i != kNone) {
    members_[i].second = std::move(value);
    return members_[i].second;
  }
  members_.emplace_back(std::move(name), std::move(value));
  if (!sorted_.empty()) {
    const auto added = static_cast<std::uint32_t>(members_.size() - 1);
    const auto at = std::ranges::lower_bound(
        sorted_, std::string_view(members_[added].first), {},
        [this](std::uint32_t i) { return std::string_view(members_[i].first); });
    sorted_.insert(at, added);
  } else {
    build_index();
  }
  return members_.back().second;
}

bool Json::Object::erase(std::string_view name) {
  const std::size_t i = index_of(name);
  if (i == kNone) return false;
  members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(i));
  build_index();
  return true;
}

bool operator==(const Json::Object& a, const Json::Object& b) {
  // Order does not matter for equality.
  return a.size() == b.size() && std::ranges::all_of(a.members_, [&b](const Json::Member& member) {
           const Json* other = b.find(member.first);
           return other != nullptr && *other == member.second;
         });
}

Json::Json(std::uint64_t value) {
  if (value <= static_cast<std::uint64_t>(INT64_MAX)) {
    value_ = static_cast<std::int64_t>(value);
  } else {
    value_ = value;
  }
}

bool Json::as_bool() const {
  CHECK(is_bool());
  return std::get<bool>(value_);
}

std::int64_t Json::as_int() const {
  CHECK(is_int());
  return std::get<std::int64_t>(value_);
}

std::uint64_t Json::as_uint64() const {
  if (is_uint64()) return std::get<std::uint64_t>(value_);
  CHECK(is_int() && as_int() >= 0);
  return static_cast<std::uint64_t>(as_int());
}

double Json::as_double() const {
  if (is_int()) return static_cast<double>(std::get<std::int64_t>(value_));
  if (is_uint64()) return static_cast<double>(std::get<std::uint64_t>(value_));
  CHECK(is_double());
  return std::get<double>(value_);
}

const std::string& Json::as_string() const {
  CHECK(is_string());
  return std::get<std::string>(value_);
}

const Json::Array& Json::as_array() const {
  CHECK(is_array());
  return std::get<Array>(value_);
}

Json::Array& Json::as_array() {
  CHECK(is_array());
  return std::get<Array>(value_);
}

const Json::Object& Json::as_object() const {
  CHECK(is_object());
  return std::get<Object>(value_);
}

Json::Object& Json::as_object() {
  CHECK(is_object());
  return std::get<Object>(value_);
}

const Json* Json::find(std::string_view name) const noexcept {
  const Object* object = std::get_if<Object>(&value_);
  return object == nullptr ? nullptr : object->find(name);
}

std::string_view Json::type_name() const noexcept {
  constexpr std::string_view kNames[] = {"null",   "boolean", "integer", "integer",
                                         "number", "string",  "array",   "object"};
  return kNames[value_.index()];
}

bool operator==(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number() && a.value_.index() != b.value_.index()) {
    return a.as_double() == b.as_double();
  }
  return a.value_ == b.value_;
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  std::size_t from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, from, i - from);
    from = i + 1;
    out += '\\';
    switch (c) {
      case '"':
      case '\\':
        out += static_cast<char>(c);
        break;
      case '\b':
        out += 'b';
        break;
      case '\f':
        out += 'f';
        break;
      case '\n':
        out += 'n';
        break;
      case '\r':
        out += 'r';
        break;
      case '\t':
        out += 't';
        break;
      default:
        out += "u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
  }
  out.append(text, from);
  out += '"';
}

void append_json(std::string& out, const Json& value) {
  if (value.is_null()) {
    out += "null";
  } else if (value.is_bool()) {
    out += value.as_bool() ? "true" : "false";
  } else if (value.is_number()) {
    char buffer[32];
    std::to_chars_result end{};
    if (value.is_int()) {
      end = std::to_chars(std::begin(buffer), std::end(buffer), value.as_int());
    } else if (value.is_uint64()) {
      end = std::to_chars(std::begin(buffer), std::end(buffer), value.as_uint64());
    } else if (!std::isfinite(value.as_double())) {
      out += "null";
      return;
    } else if (value.as_double() == 0 && std::signbit(value.as_double())) {
      out += "-0.0";  // "-0" would read back as an integer, without its sign
      return;
    } else {
      end = std::to_chars(std::begin(buffer), std::end(buffer), value.as_double());
    }
    out.append(buffer, end.ptr);
  } else if (value.is_string()) {
    append_json_string(out, value.as_string());
  } else if (value.is_array()) {
    out += '[';
    for (bool first = true; const Json& item : value.as_array()) {
      if (!std::exchange(first, false)) out += ',';
      append_json(out, item);
    }
    out += ']';
  } else {
    out += '{';
    for (bool first = true; const auto& [name, member] : value.as_object()) {
      if (!std::exchange(first, false)) out += ',';
      append_json_string(out, name);
      out += ':';
      append_json(out, member);
    }
    out += '}';
  }
}

std::string to_json(const Json& value) {
  std::string out;
  append_json(out, value);
  return out;
}

}  // namespace penstock::text
