#include <algorithm>

#include "chat_template/library/registry.h"

namespace penstock::chat_template {

const NativeDef* find_filter(std::string_view name) noexcept {
  for (const std::span<const NativeDef> table :
       {internal::kTextFilters, internal::kSequenceFilters, internal::kSelectFilters,
        internal::kSortFilters, internal::kNumberFilters, internal::kMarkupFilters}) {
    const auto at = std::ranges::find(table, name, &NativeDef::name);
    if (at != table.end()) return &*at;
  }
  return nullptr;
}

}  // namespace penstock::chat_template
