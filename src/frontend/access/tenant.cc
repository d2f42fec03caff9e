#include "frontend/access/tenant.h"

#include <algorithm>
#include <utility>

#include "frontend/access/cache_salt.h"
#include "frontend/access/glob.h"

namespace penstock::frontend {

Tenant::Tenant(TenantPolicy policy, std::string_view salt_key,
               std::shared_ptr<TenantAccount> account)
    : policy_(std::move(policy)),
      salt_(policy_.share_cache ? std::string() : private_salt(salt_key, policy_.name)),
      account_(std::move(account)) {}

bool Tenant::may_use(const discovery::ModelCard& card) const noexcept {
  return std::ranges::any_of(policy_.models, [&card](const std::string& glob) {
    return matches_glob(glob, card.name) ||
           std::ranges::any_of(card.aliases, [&glob](const std::string& alias) {
             return matches_glob(glob, alias);
           });
  });
}

std::string Tenant::salt(std::string_view requested) const {
  return effective_salt(salt_, requested);
}

}  // namespace penstock::frontend
