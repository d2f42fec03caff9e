#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/src.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/check.h"
#include "text/json.h"
#include "text/utf8.h"

namespace penstock::text {

// Builds a Json from the events of Boost's parser, on a stack of its own.
class JsonBuilder final {
 public:
  // Limits of Boost's parser; the nesting limit is ours (JsonLimits).
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  using Code = boost::json::error_code;
  using View = boost::json::string_view;

  explicit JsonBuilder(std::size_t max_items) : max_items_(max_items) {}

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) {
    stack_.push_back({Json(Json::Object()), {}});
    return true;
  }
  bool on_object_end(std::size_t, Code& code) {
    Json::Object& object = stack_.back().value.as_object();
    object.build_index();
    if (has_duplicate(object)) {
      return fail(format("the member name '{}' appears twice in one object", shortened(duplicate_)),
                  code);
    }
    return close(code);
  }
  bool on_array_begin(Code&) {
    stack_.push_back({Json(Json::Array()), {}});
    return true;
  }
  bool on_array_end(std::size_t, Code& code) { return close(code); }
  bool on_key_part(View part, std::size_t, Code&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_key(View part, std::size_t, Code&) {
    text_.append(part.data(), part.size());
    stack_.back().name = std::exchange(text_, {});
    return true;
  }
  bool on_string_part(View part, std::size_t, Code&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_string(View part, std::size_t, Code& code) {
    text_.append(part.data(), part.size());
    return add(Json(std::exchange(text_, {})), code);
  }
  bool on_number_part(View part, Code&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_int64(std::int64_t value, View, Code& code) { return add_number(Json(value), code); }
  bool on_uint64(std::uint64_t value, View, Code& code) { return add_number(Json(value), code); }
  // Boost 1.81's own value is an ulp off for one number of 17 digits in three, so it is not used.
  bool on_double(double, View part, Code& code) {
    text_.append(part.data(), part.size());
    double value = 0;
    const auto end = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (end.ec == std::errc::result_out_of_range) {
      // strtod tells what is too large from what is too small, which is zero or next to it.
      value = std::strtod(text_.c_str(), nullptr);
      if (!std::isfinite(value)) {
        return fail(format("the number {} is too large", shortened(text_)), code);
      }
    }
    return add_number(Json(value), code);
  }
  bool on_bool(bool value, Code& code) { return add(Json(value), code); }
  bool on_null(Code& code) { return add(Json(), code); }
  bool on_comment_part(View, Code&) { return true; }
  bool on_comment(View, Code&) { return true; }

  [[nodiscard]] Json take() { return std::move(root_); }
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  [[nodiscard]] bool has_too_many_items() const noexcept { return has_too_many_items_; }

 private:
  struct Open {
    Json value;
    std::string name;  // of the member whose value comes next, in an object
  };

  bool fail(std::string text, Code& code) {
    failure_ = std::move(text);
    code = boost::json::error::syntax;
    return false;
  }

  static std::string shortened(std::string_view text) {
    constexpr std::size_t kShown = 40;
    return text.size() <= kShown ? std::string(text) : format("{}...", text.substr(0, kShown));
  }

  bool add_number(Json value, Code& code) {
    text_.clear();
    return add(std::move(value), code);
  }

  bool add(Json value, Code& code) {
    if (stack_.empty()) {
      root_ = std::move(value);
    } else if (Open& top = stack_.back(); top.value.is_object()) {
      top.value.as_object().members_.emplace_back(std::move(top.name), std::move(value));
    } else {
      Json::Array& array = top.value.as_array();
      if (array.size() >= max_items_) {
        has_too_many_items_ = true;
        return fail(format("an array of more than {} items", max_items_), code);
      }
      array.push_back(std::move(value));
    }
    return true;
  }

  bool close(Code& code) {
    Json value = std::move(stack_.back().value);
    stack_.pop_back();
    return add(std::move(value), code);
  }

  bool has_duplicate(const Json::Object& object) {
    const auto& members = object.members_;
    const auto& sorted = object.sorted_;
    if (!sorted.empty()) {
      const auto at = std::ranges::adjacent_find(
          sorted, {}, [&](std::uint32_t i) { return std::string_view(members[i].first); });
      if (at == sorted.end()) return false;
      duplicate_ = members[*at].first;
      return true;
    }
    for (std::size_t i = 0; i < members.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (members[i].first == members[j].first) {
          duplicate_ = members[i].first;
          return true;
        }
      }
    }
    return false;
  }

  const std::size_t max_items_;
  bool has_too_many_items_ = false;
  std::vector<Open> stack_;
  std::string text_;
  std::string failure_;
  std::string duplicate_;
  Json root_;
};

namespace {

struct Place {
  std::size_t line = 1;
  std::size_t column = 1;
};

Place place_of(std::string_view bytes, std::size_t offset) {
  Place place;
  for (const char c : bytes.substr(0, offset)) {
    if (c == '\n') {
      ++place.line;
      place.column = 1;
    } else {
      ++place.column;
    }
  }
  return place;
}

}  // namespace

Result<Json> parse_json(std::string_view bytes, JsonLimits limits) {
  boost::json::parse_options options;
  options.max_depth = limits.max_depth;
  boost::json::basic_parser<JsonBuilder> parser(options, limits.max_items);
  boost::json::error_code code;
  const std::size_t used = parser.write_some(false, bytes.data(), bytes.size(), code);
  if (!code && used < bytes.size()) code = boost::json::error::extra_data;
  if (!code) return parser.handler().take();
  if (parser.handler().has_too_many_items()) {
    return make_error(ErrorCode::kResourceExhausted, "{}", parser.handler().failure());
  }
  // Boost's parser refuses invalid UTF-8 too; only a failure asks where it is.
  if (const std::size_t bad = find_invalid_utf8(bytes); bad != std::string_view::npos) {
    return make_error(ErrorCode::kInvalid, "invalid JSON: byte {} is not valid UTF-8", bad);
  }
  const Place place = place_of(bytes, used);
  if (code == boost::json::error::too_deep) {
    return make_error(ErrorCode::kInvalid,
                      "invalid JSON: nested deeper than {} levels at line {}, column {}",
                      limits.max_depth, place.line, place.column);
  }
  const std::string& own = parser.handler().failure();
  return make_error(ErrorCode::kInvalid, "invalid JSON at line {}, column {}: {}", place.line,
                    place.column, own.empty() ? code.message() : own);
}

}  // namespace penstock::text
