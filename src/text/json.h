// JSON values, reading and writing. Boost.JSON does the parsing behind json_parse.cc.
//
//   ASSIGN_OR_RETURN(const Json body, parse_json(bytes, {.max_depth = 128}));
//   if (const Json* model = body.find("model"); model != nullptr && model->is_string()) ...
//
// Objects keep the order in which members were written; duplicate names are an error. Integers
// that fit are kept exactly (i64, else u64), other numbers are the nearest double. Threading:
// values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace penstock::text {

class Json final {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;

  // Members in written order. Lookup is linear up to a few members, a binary search above that.
  class Object final {
   public:
    Object() = default;
    Object(std::initializer_list<Member> members);

    [[nodiscard]] const Json* find(std::string_view name) const noexcept;
    [[nodiscard]] Json* find(std::string_view name) noexcept;
    // Adds, or replaces in place.
    Json& set(std::string name, Json value);
    bool erase(std::string_view name);
    template <class Predicate>
    void erase_if(Predicate is_unwanted) {
      if (std::erase_if(members_, is_unwanted) > 0) build_index();
    }

    [[nodiscard]] std::size_t size() const noexcept { return members_.size(); }
    [[nodiscard]] bool empty() const noexcept { return members_.empty(); }
    [[nodiscard]] auto begin() const noexcept { return members_.begin(); }
    [[nodiscard]] auto end() const noexcept { return members_.end(); }
    friend bool operator==(const Object& a, const Object& b);

   private:
    friend class JsonBuilder;
    [[nodiscard]] std::size_t index_of(std::string_view name) const noexcept;
    void build_index();

    std::vector<Member> members_;
    // Member numbers sorted by name once there are more than kIndexAbove; empty below that.
    std::vector<std::uint32_t> sorted_;
  };

  Json() = default;
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(std::int64_t{value}) {}
  Json(unsigned value) : value_(std::int64_t{value}) {}
  Json(std::int64_t value) : value_(value) {}
  Json(std::uint64_t value);
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}

  [[nodiscard]] bool is_null() const noexcept { return value_.index() == 0; }
  [[nodiscard]] bool is_bool() const noexcept { return std::holds_alternative<bool>(value_); }
  // An integer that fits i64, or one that only fits u64.
  [[nodiscard]] bool is_int() const noexcept {
    return std::holds_alternative<std::int64_t>(value_);
  }
  [[nodiscard]] bool is_uint64() const noexcept {
    return std::holds_alternative<std::uint64_t>(value_);
  }
  [[nodiscard]] bool is_double() const noexcept { return std::holds_alternative<double>(value_); }
  [[nodiscard]] bool is_number() const noexcept { return is_int() || is_uint64() || is_double(); }
  [[nodiscard]] bool is_string() const noexcept {
    return std::holds_alternative<std::string>(value_);
  }
  [[nodiscard]] bool is_array() const noexcept { return std::holds_alternative<Array>(value_); }
  [[nodiscard]] bool is_object() const noexcept { return std::holds_alternative<Object>(value_); }

  // The value, of the type just asked for; any other is a CHECK.
  [[nodiscard]] bool as_bool() const;
  [[nodiscard]] std::int64_t as_int() const;
  [[nodiscard]] std::uint64_t as_uint64() const;  // is_uint64, or is_int and not negative
  [[nodiscard]] double as_double() const;         // any number
  [[nodiscard]] const std::string& as_string() const;
  [[nodiscard]] const Array& as_array() const;
  [[nodiscard]] Array& as_array();
  [[nodiscard]] const Object& as_object() const;
  [[nodiscard]] Object& as_object();

  // A member of an object; null when absent or when this is no object.
  [[nodiscard]] const Json* find(std::string_view name) const noexcept;

  // What it is, for messages: "null", "boolean", "integer", "number", "string", "array", "object".
  [[nodiscard]] std::string_view type_name() const noexcept;

  friend bool operator==(const Json& a, const Json& b);

 private:
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Array,
               Object>
      value_;
};

struct JsonLimits {
  std::size_t max_depth = 128;
  // Of any one array; more is kResourceExhausted, noticed before the rest is read.
  std::size_t max_items = static_cast<std::size_t>(-1);
};

// Strict RFC 8259; the error names line, column and cause. Invalid UTF-8 is an error.
// O(bytes), with a bounded stack whatever the nesting.
[[nodiscard]] Result<Json> parse_json(std::string_view bytes, JsonLimits limits = {});

// Compact, UTF-8 as it is, control characters escaped. A double is written in its shortest form
// that reads back equal; NaN and infinities, which JSON lacks, become null.
[[nodiscard]] std::string to_json(const Json& value);
// Appends a JSON string with its quotes.
void append_json_string(std::string& out, std::string_view text);
void append_json(std::string& out, const Json& value);

}  // namespace penstock::text
