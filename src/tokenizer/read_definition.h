// The two file formats a tokenizer comes in, read into a Definition.
//
// Files are untrusted: what is wrong is kInvalid and what is not built is kUnsupported, both naming
// the member or key. Threading: pure functions.
#pragma once

#include "base/result.h"
#include "tokenizer/definition.h"

namespace penstock::formats {
class GgufFile;
}
namespace penstock::text {
class Json;
}

namespace penstock::tokenizer {

// Ids are below this, in any file.
inline constexpr std::uint32_t kMaxTokens = 1U << 24;

// tokenizer.json and tokenizer_config.json, an empty object when there is none.
[[nodiscard]] Result<Definition> read_definition(const text::Json& tokenizer,
                                                 const text::Json& config);
// The metadata tokenizer.ggml.*.
[[nodiscard]] Result<Definition> read_definition(const formats::GgufFile& file);

}  // namespace penstock::tokenizer
