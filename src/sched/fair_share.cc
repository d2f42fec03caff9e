#include "sched/fair_share.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "base/check.h"

namespace penstock::sched {
namespace {

constexpr std::size_t kMaxIdleTenants = 4096;

}  // namespace

Tenant& FairShare::enter(std::string_view name, double weight) {
  CHECK(weight > 0);
  auto it = tenants_.find(name);
  if (it == tenants_.end()) {
    if (tenants_.size() >= kMaxIdleTenants) forget_some();
    it = tenants_.try_emplace(std::string(name)).first;
    it->second.name = name;
  }
  Tenant& tenant = it->second;
  tenant.weight = weight;
  if (tenant.num_live++ == 0) {
    double least = std::numeric_limits<double>::infinity();
    for (const auto& [other_name, other] : tenants_) {
      if (&other != &tenant && other.num_live > 0) least = std::min(least, other.served);
    }
    if (least < std::numeric_limits<double>::infinity()) {
      tenant.served = std::max(tenant.served, least);
    }
  }
  return tenant;
}

void FairShare::leave(Tenant& tenant) {
  CHECK(tenant.num_live > 0);
  --tenant.num_live;
}

// Drops the half of the idle tenants that was served least.
void FairShare::forget_some() {
  std::vector<double> served;
  for (const auto& [name, tenant] : tenants_) {
    if (tenant.num_live == 0) served.push_back(tenant.served);
  }
  if (served.empty()) return;
  const auto middle = served.begin() + static_cast<std::ptrdiff_t>(served.size() / 2);
  std::ranges::nth_element(served, middle);
  std::erase_if(tenants_, [limit = *middle](const auto& entry) {
    return entry.second.num_live == 0 && entry.second.served <= limit;
  });
}

}  // namespace penstock::sched
