// The library by name: filters, tests and global functions. Threading: pure look-ups.
#pragma once

#include <optional>
#include <string_view>

#include "chat_template/values/runtime.h"
#include "chat_template/values/value.h"

namespace penstock::chat_template {

// Null when there is none. The argument of a filter or test comes as `self`.
[[nodiscard]] const NativeDef* find_filter(std::string_view name) noexcept;
[[nodiscard]] const NativeDef* find_test(std::string_view name) noexcept;
[[nodiscard]] const NativeDef* find_global(std::string_view name) noexcept;

namespace internal {
// The parts of the filter table, one per source file.
extern const std::span<const NativeDef> kTextFilters;
extern const std::span<const NativeDef> kMarkupFilters;
extern const std::span<const NativeDef> kNumberFilters;
extern const std::span<const NativeDef> kSequenceFilters;
extern const std::span<const NativeDef> kSelectFilters;
extern const std::span<const NativeDef> kSortFilters;
}  // namespace internal

}  // namespace penstock::chat_template
