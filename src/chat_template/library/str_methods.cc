#include <algorithm>
#include <vector>

#include "chat_template/library/methods.h"

namespace penstock::chat_template {

const NativeDef* find_str_method(std::string_view name) noexcept {
  for (const std::span<const NativeDef> table :
       {internal::kStrSearchMethods, internal::kStrCaseMethods, internal::kStrSplitMethods,
        internal::kStrFormatMethods}) {
    const auto at = std::ranges::lower_bound(table, name, {}, &NativeDef::name);
    if (at != table.end() && at->name == name) return &*at;
  }
  return nullptr;
}

}  // namespace penstock::chat_template
