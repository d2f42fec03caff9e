// The file of --api-keys-file: TOML with API keys, as digests, and the tenants they belong to
// (docs/access.md describes it).
//
//   ASSIGN_OR_RETURN(frontend::AccessConfig config, read_api_keys_file(path));
//
// Anything that is not understood is an error that names file, line, entry, value and remedy, so
// that a slip of the pen never widens what someone may do. No error shows a key, a digest or the
// salt key: a key written where its digest belongs would end in the log.
// Threading: free functions on values.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "frontend/access/access_config.h"

namespace penstock::apps {

[[nodiscard]] Result<frontend::AccessConfig> read_api_keys_file(const std::string& path);

// `path` is for errors.
[[nodiscard]] Result<frontend::AccessConfig> parse_api_keys(std::string_view text,
                                                            const std::string& path);

}  // namespace penstock::apps
