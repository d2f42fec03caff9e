// The pre-tokenizer patterns of GPT-2, Llama 3 and Qwen2 as scanners by hand.
//
// Each function is the pattern of that name in definition.h, applied at text[at]: it returns where
// the match ends. These patterns match at every place, so calling it again and again cuts the whole
// text. SmolLM's is GPT-2's after its digits are cut out (DigitsRule). `text` is valid UTF-8,
// `at` < text.size() is where a character begins. O(match). Threading: pure functions.
#pragma once

#include <cstddef>
#include <string_view>

namespace penstock::tokenizer {

using Scanner = std::size_t (*)(std::string_view text, std::size_t at) noexcept;

[[nodiscard]] std::size_t scan_gpt2(std::string_view text, std::size_t at) noexcept;
[[nodiscard]] std::size_t scan_llama3(std::string_view text, std::size_t at) noexcept;
[[nodiscard]] std::size_t scan_qwen2(std::string_view text, std::size_t at) noexcept;

// The scanner for a pattern as files spell it, or null.
[[nodiscard]] Scanner scanner_for(std::string_view pattern) noexcept;

// The first number (\p{N}) at or after `at`, or text.size().
[[nodiscard]] std::size_t find_number(std::string_view text, std::size_t at) noexcept;
// The first character at or after `at` that is no number, or text.size().
[[nodiscard]] std::size_t skip_numbers(std::string_view text, std::size_t at) noexcept;

}  // namespace penstock::tokenizer
