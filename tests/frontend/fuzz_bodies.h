// Bodies that are almost requests: made of the tables' rows, then broken in one way or several.
// Deterministic by seed.
#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "openai/field_table.h"
#include "tests/openai/field_cases.h"
#include "text/json.h"

namespace penstock::frontend {

class FuzzBodies final {
 public:
  using Json = text::Json;

  FuzzBodies(const openai::FieldTable& table, std::uint64_t seed) : table_(table), random_(seed) {
    for (const openai::FieldSpec& field : table.specs()) {
      openai::ValueCases cases = openai::cases_of(field);
      good_.push_back(std::move(cases.good));
      std::vector<Json>& bad_values = bad_.emplace_back();
      for (openai::BadValue& bad : cases.bad) bad_values.push_back(std::move(bad.value));
    }
  }

  std::string next() {
    switch (below(20)) {
      case 0:
        return raw_bytes();
      case 1:
        return deep();
      case 2:
        return broken(raw_json());
      case 3:
        return huge();
      default:
        return broken(text::to_json(mutated(request())));
    }
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <class List>
  const auto& any_of(const List& list) {
    return list[below(std::size(list))];
  }

  // Required fields and some others, with values that are good or just not.
  Json request() {
    Json::Object body = openai::least_body(table_.specs());
    body.set("model", Json("tiny"));
    for (std::size_t n = below(6); n > 0; --n) {
      const std::size_t row = below(good_.size());
      const std::vector<Json>& values = one_in(8) ? bad_[row] : good_[row];
      if (values.empty()) continue;
      const openai::FieldSpec& field = table_.specs()[row];
      if (field.name == "model" && !one_in(8)) continue;
      body.set(std::string(field.name), any_of(values));
      if (!field.needs.empty() && !one_in(4)) body.set(std::string(field.needs), Json(true));
    }
    if (one_in(3))
      body.set("max_tokens", Json(std::int64_t{1} + static_cast<std::int64_t>(below(20))));
    if (one_in(4)) body.set("stream", Json(true));
    return Json(std::move(body));
  }

  Json mutated(Json value) {
    if (one_in(2)) return value;
    for (std::size_t n = 1 + below(2); n > 0; --n) replace_one(value, 0);
    return value;
  }

  // Some node of the tree becomes something else.
  void replace_one(Json& value, std::size_t depth) {
    const bool goes_down = depth < 8 && !one_in(4);
    if (goes_down && value.is_object() && !value.as_object().empty()) {
      Json::Object& object = value.as_object();
      const auto at = object.begin() + static_cast<std::ptrdiff_t>(below(object.size()));
      const std::string name = at->first;
      return replace_one(*object.find(name), depth + 1);
    }
    if (goes_down && value.is_array() && !value.as_array().empty()) {
      Json::Array& array = value.as_array();
      return replace_one(array[below(array.size())], depth + 1);
    }
    value = any_value(0);
  }

  Json any_value(std::size_t depth) {
    switch (below(depth < 4 ? 10 : 8)) {
      case 0:
        return Json();
      case 1:
        return Json(one_in(2));
      case 2:
        return Json(any_of(kIntegers));
      case 3:
        return Json(any_of(kNumbers));
      case 4:
        return Json(UINT64_MAX);
      case 5:
        return Json(std::string(below(300), static_cast<char>('a' + below(26))));
      case 6:
      case 7:
        return Json(any_of(kTexts));
      case 8: {
        Json::Array array;
        for (std::size_t n = below(5); n > 0; --n) array.push_back(any_value(depth + 1));
        return Json(std::move(array));
      }
      default: {
        Json::Object object;
        for (std::size_t n = below(5); n > 0; --n) {
          object.set(any_of(kTexts), any_value(depth + 1));
        }
        return Json(std::move(object));
      }
    }
  }

  std::string raw_bytes() {
    std::string bytes(below(200), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }

  // JSON's own pieces in any order.
  std::string raw_json() {
    std::string text;
    for (std::size_t n = below(40); n > 0; --n) text += any_of(kPieces);
    return text;
  }

  // Far deeper than anyone nests; as a value of a field, or alone.
  std::string deep() {
    const std::size_t levels = one_in(2) ? 200'000 : 100 + below(60);
    const std::string_view opening = any_of(kOpenings);
    std::string text = one_in(2) ? "" : R"({"model":"tiny","prompt":"a","metadata":)";
    for (std::size_t i = 0; i < levels; ++i) text += opening;
    if (one_in(2)) text += "1";
    const char closing = opening.back() == '[' ? ']' : '}';
    if (one_in(2)) text.append(levels, closing);
    return text;
  }

  std::string huge() {
    const std::size_t size = one_in(20) ? 3'000'000 : 20'000 + below(100'000);
    switch (below(6)) {
      case 0:
        return R"({"model":"tiny","prompt":")" + std::string(size, 'x') + "\"}";
      case 1:
        return R"({"model":"tiny","messages":[{"role":"user","content":")" +
               std::string(size, ' ') + "\"}]}";
      case 2:
        return R"({"model":"tiny","prompt":[)" + repeated("1,", size) + "1]}";
      case 3:
        return R"({"model":"tiny","messages":[)" + repeated("{},", size) + "{}]}";
      case 4: {
        std::string text = R"({"model":"tiny","prompt":"a")";
        for (std::size_t i = 0; text.size() < size; ++i)
          text += ",\"f" + std::to_string(i) + "\":1";
        return text + "}";
      }
      default: {
        std::string text =
            R"({"model":"tiny","messages":[{"role":"user","content":"a","name":null)";
        for (std::size_t i = 0; text.size() < size; ++i)
          text += ",\"f" + std::to_string(i) + "\":1";
        return text + "}]}";
      }
    }
  }

  static std::string repeated(std::string_view piece, std::size_t size) {
    std::string text;
    while (text.size() < size) text += piece;
    return text;
  }

  // Mostly as it is; else with bytes lost, changed, repeated or put in.
  std::string broken(std::string text) {
    if (text.empty() || !one_in(3)) return text;
    for (std::size_t n = 1 + below(3); n > 0 && !text.empty(); --n) {
      const std::size_t at = below(text.size());
      switch (below(7)) {
        case 0:
          text.resize(at);
          break;
        case 1:
          text[at] = static_cast<char>(random_());
          break;
        case 2:
          text.erase(at, 1 + below(8));
          break;
        case 3:
          text.insert(at, text.substr(at, 1 + below(20)));
          break;
        case 4:
          text.insert(at, any_of(kInsertions));
          break;
        case 5:
          replace_number(text, at);
          break;
        default:
          // A name twice: what stands first in the body again at its end.
          if (const auto comma = text.find(','); comma != std::string::npos && text.size() > 2) {
            text.insert(text.size() - 1, "," + text.substr(1, comma - 1));
          }
      }
    }
    return text;
  }

  void replace_number(std::string& text, std::size_t from) {
    const std::size_t at = text.find_first_of("0123456789", from);
    if (at == std::string::npos) return;
    const std::size_t end = std::min(text.find_first_not_of("0123456789.e-", at), text.size());
    text.replace(at, end - at, any_of(kNoNumbers));
  }

  static constexpr std::int64_t kIntegers[] = {
      0,         1,        -1,   2,      16,         17,         255,        256,
      511,       512,      4096, 65'536, 2147483647, 4294967295, 4294967296, 9007199254740993,
      INT64_MAX, INT64_MIN};
  static constexpr double kNumbers[] = {0.0,    -0.0,      0.5,  1e-300, 1e300,
                                        -1e300, 2.0000001, 1e19, 5e-324};
  const std::vector<std::string> kTexts = {"",
                                           "a",
                                           "tiny",
                                           "user",
                                           "assistant",
                                           "tool",
                                           "text",
                                           "refusal",
                                           "role",
                                           "content",
                                           "type",
                                           "<|im_start|>",
                                           "<|im_end|>",
                                           "\xC3\xA9",
                                           "\xF0\x9F\x98\x80",
                                           std::string("\0x", 2),
                                           "\xEF\xBF\xBD",
                                           "stop",
                                           "made_up",
                                           "..\\..",
                                           "\r\nset-cookie: a",
                                           std::string(256, 'y'),
                                           std::string(257, 'y'),
                                           "{{ 1 }}",
                                           "request_id",
                                           "timing"};
  static constexpr std::string_view kPieces[] = {
      "{",        "}", "[",  "]",      ":",    ",",    "\"model\"", "\"prompt\"", "\"messages\"",
      "\"tiny\"", "1", "-1", "1e999",  "null", "true", "false",     "\"\"",       "\"\\ud800\"",
      "NaN",      " ", "\n", "\"a\":1"};
  static constexpr std::string_view kOpenings[] = {"[", "{\"a\":", "[[", "{\"a\":[", "[{\"b\":"};
  static constexpr std::string_view kInsertions[] = {"NaN",
                                                     "Infinity",
                                                     "-",
                                                     "\\ud800",
                                                     "\\udc00\\ud800",
                                                     "\\u0000",
                                                     "\xFF",
                                                     "\xED\xA0\x80",
                                                     "\xC0\xAF",
                                                     "\xF4\x90\x80\x80",
                                                     "\xE2\x82",
                                                     "/*x*/",
                                                     "//",
                                                     "\"",
                                                     "\\",
                                                     "\x01",
                                                     "\xEF\xBB\xBF",
                                                     ",",
                                                     "[",
                                                     "{",
                                                     "1e999",
                                                     "0x10",
                                                     "'"};
  static constexpr std::string_view kNoNumbers[] = {"NaN",
                                                    "Infinity",
                                                    "-Infinity",
                                                    "1e999",
                                                    "-1e999",
                                                    "1e-999",
                                                    "00",
                                                    "1.",
                                                    ".5",
                                                    "+1",
                                                    "99999999999999999999999999",
                                                    "-99999999999999999999",
                                                    "0x1",
                                                    "1e",
                                                    "9007199254740993",
                                                    "18446744073709551615",
                                                    "18446744073709551616",
                                                    "1E400",
                                                    "-0",
                                                    "2.0"};

  const openai::FieldTable& table_;
  std::mt19937_64 random_;
  std::vector<std::vector<Json>> good_;  // by row of the table
  std::vector<std::vector<Json>> bad_;
};

}  // namespace penstock::frontend
