// Binding the arguments of a library function to its parameters. Threading: pure functions.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "chat_template/values/runtime.h"
#include "chat_template/values/value.h"

namespace penstock::chat_template {

// What a function takes. Parameters after `num_required` may be left out.
struct Parameters {
  std::string_view function;
  std::span<const std::string_view> names;
  std::size_t num_required = 0;
  bool by_position_only = false;
};
[[nodiscard]] Status bind_into(const Parameters& parameters, const Args& args,
                               std::span<Value> out);

// The arguments in parameter order; kMissing where one was left out.
//
//   ASSIGN_OR_RETURN(const auto bound, bind<2>("indent", args, {"width", "first"}));
template <std::size_t N>
[[nodiscard]] Result<std::array<Value, N>> bind(std::string_view function, const Args& args,
                                                const std::array<std::string_view, N>& names,
                                                std::size_t num_required = 0) {
  std::array<Value, N> out;
  RETURN_IF_ERROR(
      bind_into({.function = function, .names = names, .num_required = num_required}, args, out));
  return out;
}
// For functions whose parameters have no names, as most methods of str.
template <std::size_t N>
[[nodiscard]] Result<std::array<Value, N>> bind_positional(std::string_view function,
                                                           const Args& args,
                                                           std::size_t num_required = 0) {
  constexpr std::array<std::string_view, N> kNames{};
  std::array<Value, N> out;
  RETURN_IF_ERROR(bind_into({.function = function,
                             .names = kNames,
                             .num_required = num_required,
                             .by_position_only = true},
                            args, out));
  return out;
}
[[nodiscard]] Status no_arguments(std::string_view function, const Args& args);

// An integer argument, or `fallback` when left out.
[[nodiscard]] Result<std::int64_t> int_or(Runtime& runtime, const Value& value,
                                          std::int64_t fallback);
// A string argument, or null when left out or None.
[[nodiscard]] Result<const Str*> str_or_null(const Value& value);
[[nodiscard]] Result<const Str*> need_str(const Value& value);

}  // namespace penstock::chat_template
