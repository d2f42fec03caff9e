// Token counts of an answer, and why a choice ended. Threading: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::openai {

struct Usage {
  std::uint64_t prompt_tokens = 0;      // once per prompt, whatever n is
  std::uint64_t completion_tokens = 0;  // all choices, as delivered
  std::uint64_t cached_tokens = 0;      // prompt tokens not computed
  std::uint64_t reasoning_tokens = 0;
};

void append_usage(std::string& out, const Usage& usage);

enum class FinishReason : std::uint8_t { kStop, kLength, kDeadline };
[[nodiscard]] std::string_view to_string(FinishReason reason) noexcept;

}  // namespace penstock::openai
