// What separates the prefix caches of tenants: the salt that enters the hash seed of KV blocks
// (kv/sequence_hash.h). Threading: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace penstock::frontend {

// 0x1F and the first 32 hex digits of HMAC-SHA256(salt_key, tenant). A client cannot write 0x1F in
// its `cache_salt`, so no request of another tenant can have this salt.
[[nodiscard]] std::string private_salt(std::string_view salt_key, std::string_view tenant);

// `tenant_salt`: private_salt(), or empty for a tenant that shares publicly. `requested`: the
// request's `cache_salt`, may be empty. It narrows sharing within the tenant, never widens it.
[[nodiscard]] std::string effective_salt(std::string_view tenant_salt, std::string_view requested);

}  // namespace penstock::frontend
