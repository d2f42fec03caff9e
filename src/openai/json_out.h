// Appending JSON text directly, without a tree: what is written per token.
#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

#include "text/json.h"

namespace penstock::openai {

void append_integer(std::string& out, std::integral auto value) {
  char buffer[24];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value);
  out.append(buffer, end.ptr);
}

// Shortest form that reads back as the same float. `value` is finite.
inline void append_float(std::string& out, float value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value);
  out.append(buffer, end.ptr);
}

// "name":"value"
inline void append_string_member(std::string& out, std::string_view name, std::string_view value) {
  out += '"';
  out += name;
  out += "\":";
  text::append_json_string(out, value);
}

// [1,2,3]
template <class Range>
void append_integers(std::string& out, const Range& values) {
  out += '[';
  for (bool first = true; const auto value : values) {
    if (!first) out += ',';
    first = false;
    append_integer(out, value);
  }
  out += ']';
}

}  // namespace penstock::openai
