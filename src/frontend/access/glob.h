// Shell-like patterns over model names: `*` is any text, `?` any one byte, all else itself.
// Threading: pure function.
#pragma once

#include <string_view>

namespace penstock::frontend {

// O(pattern * text) at worst, no recursion.
[[nodiscard]] bool matches_glob(std::string_view pattern, std::string_view text) noexcept;

}  // namespace penstock::frontend
