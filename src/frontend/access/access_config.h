// Who may ask, as the keys file says it (docs/access.md): a plain value.
//
// `apps/` parses and checks the file; what reaches the frontend keeps these rules: key ids and
// digests are unique, tenant names too; every key's tenant is listed; `salt_key` is set as soon as
// one tenant does not share its cache. Threading: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"

namespace penstock::frontend {

// Unset = no limit.
struct TenantLimits {
  std::optional<std::uint32_t> max_concurrent{};
  std::optional<std::uint64_t> requests_per_minute{};
  std::optional<std::uint64_t> tokens_per_minute{};
};

struct TenantPolicy {
  std::string name{};
  bool share_cache = false;              // with every other tenant that shares
  double weight = 1;                     // fair share in the queues
  std::vector<std::string> models{"*"};  // globs (glob.h)
  TenantLimits limits{};
  std::int32_t max_priority = 0;
  std::uint32_t max_strict_priority = 0;
  bool allow_routing = false;
  std::optional<Duration> max_deadline{};
};

struct KeyEntry {
  std::string id{};  // what logs and metrics may show
  Sha256Digest digest{};
  std::string tenant{};
  std::optional<std::int64_t> expires_unix_s{};  // refused from then on
};

struct AccessConfig {
  std::string salt_key{};  // equal in all frontends
  std::vector<KeyEntry> keys{};
  std::vector<TenantPolicy> tenants{};
};

}  // namespace penstock::frontend
