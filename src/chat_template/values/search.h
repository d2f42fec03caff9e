// Substring search with a linear worst case, whatever the needle. Threading: pure functions.
#pragma once

#include <cstddef>
#include <string_view>

namespace penstock::chat_template {

inline constexpr std::size_t kNotFound = std::string_view::npos;

// The first place at or after `from`; an empty needle is found at `from`.
[[nodiscard]] std::size_t find_bytes(std::string_view text, std::string_view needle,
                                     std::size_t from) noexcept;
// The last place that lies wholly before `end`; an empty needle is found at `end`.
[[nodiscard]] std::size_t rfind_bytes(std::string_view text, std::string_view needle,
                                      std::size_t end) noexcept;

}  // namespace penstock::chat_template
