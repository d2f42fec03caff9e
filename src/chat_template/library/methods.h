// Methods of Python's built-in types, by name. Threading: pure look-ups.
#pragma once

#include <string_view>

#include "chat_template/values/value.h"

namespace penstock::chat_template {

// Null when the type has no such method.
[[nodiscard]] const NativeDef* find_str_method(std::string_view name) noexcept;
[[nodiscard]] const NativeDef* find_list_method(std::string_view name) noexcept;  // list, tuple
[[nodiscard]] const NativeDef* find_dict_method(std::string_view name) noexcept;
[[nodiscard]] const NativeDef* find_range_method(std::string_view name) noexcept;
[[nodiscard]] const NativeDef* find_loop_method(std::string_view name) noexcept;
[[nodiscard]] const NativeDef* find_cycler_method(std::string_view name) noexcept;

// Methods of list and dict that change the object, which the sandbox refuses.
[[nodiscard]] bool is_mutating_list_method(std::string_view name) noexcept;
[[nodiscard]] bool is_mutating_dict_method(std::string_view name) noexcept;

namespace internal {
// The parts of the str table, one per source file.
extern const std::span<const NativeDef> kStrCaseMethods;
extern const std::span<const NativeDef> kStrSearchMethods;
extern const std::span<const NativeDef> kStrSplitMethods;
extern const std::span<const NativeDef> kStrFormatMethods;
}  // namespace internal

}  // namespace penstock::chat_template
