// The rows of the tables: every field of every request, with its limits, default and meaning.
#pragma once

#include <span>

#include "openai/field_spec.h"

namespace penstock::openai {

// Fields that chat and completions have with one meaning.
[[nodiscard]] std::span<const FieldSpec> shared_rows() noexcept;
// Of chat, besides the shared ones.
[[nodiscard]] std::span<const FieldSpec> chat_rows() noexcept;
// Of completions, besides the shared ones; where a name is in both, this row holds.
[[nodiscard]] std::span<const FieldSpec> completion_rows() noexcept;
// penstock, or nvext.
extern const ObjectSpec kExtensionObject;

inline constexpr std::int64_t kMaxU32 = 4294967295;
inline constexpr std::size_t kMaxPrompts = 128;
// Deeper conversations than any model's context holds.
inline constexpr std::size_t kMaxMessages = 4096;
inline constexpr std::size_t kMaxTemplateBytes = 64 * 1024;

}  // namespace penstock::openai
