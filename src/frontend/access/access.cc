#include "frontend/access/access.h"

#include <cstring>
#include <limits>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "base/secret.h"
#include "net/http_text.h"

namespace penstock::frontend {
namespace {

using openai::ApiErrorCode;
using openai::ApiResult;
using openai::make_api_error;

constexpr std::string_view kHowToSend = "send Authorization: Bearer KEY or x-api-key: KEY";

// The key of a request. Several headers are fine as long as they agree.
ApiResult<std::string_view> key_of(const net::HttpRequest& request) {
  std::optional<std::string_view> key;
  for (const net::HttpHeader& header : request.headers) {
    std::string_view value = header.value;
    if (net::equals_ignore_case(header.name, "authorization")) {
      constexpr std::string_view kScheme = "bearer ";
      if (!net::equals_ignore_case(value.substr(0, kScheme.size()), kScheme)) {
        return make_api_error(ApiErrorCode::kInvalidApiKey, "authorization",
                              "the Authorization header is not of the scheme Bearer; {}",
                              kHowToSend);
      }
      value.remove_prefix(kScheme.size());
      value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    } else if (!net::equals_ignore_case(header.name, "x-api-key")) {
      continue;
    }
    if (key && *key != value) {
      return make_api_error(ApiErrorCode::kInvalidApiKey, "",
                            "the request carries two API keys that differ; send one of them");
    }
    key = value;
  }
  if (key && !key->empty()) return *key;
  return make_api_error(ApiErrorCode::kInvalidApiKey, "", "the request carries no API key; {}",
                        kHowToSend);
}

std::uint64_t first_bytes(const Sha256Digest& digest) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, digest.data(), sizeof word);
  return word;
}

// Who everyone is without keys: client hints are taken as they come.
TenantPolicy open_policy() {
  return {.name = "default",
          .share_cache = true,
          .max_priority = std::numeric_limits<std::int32_t>::max(),
          .max_strict_priority = std::numeric_limits<std::uint32_t>::max(),
          .allow_routing = true};
}

}  // namespace

struct Access::Reading {
  struct Entry {
    Sha256Digest digest{};
    Caller caller;
  };

  std::vector<TenantView> tenants;
  std::unordered_multimap<std::uint64_t, Entry> keys;  // by first_bytes() of the digest
  std::shared_ptr<const Tenant> everyone;              // shared with requests; null with keys

  [[nodiscard]] const Caller* find(const Sha256Digest& digest) const {
    const auto [first, last] = keys.equal_range(first_bytes(digest));
    for (auto at = first; at != last; ++at) {
      if (equal_in_constant_time(at->second.digest, digest)) return &at->second.caller;
    }
    return nullptr;
  }
  [[nodiscard]] std::shared_ptr<TenantAccount> account_of(std::string_view tenant) const {
    for (const TenantView& view : tenants) {
      if (view.tenant->policy().name == tenant) return view.tenant->shared_account();
    }
    return nullptr;
  }
  [[nodiscard]] std::shared_ptr<UsageMeter> meter_of(std::string_view key) const {
    for (const TenantView& view : tenants) {
      for (const auto& each : view.keys) {
        if (each->id == key) return each->usage;
      }
    }
    return nullptr;
  }
};

Access::Access(const Clock& clock) : clock_(clock) {
  auto open = std::make_shared<Reading>();
  open->everyone =
      std::make_shared<const Tenant>(open_policy(), "", std::make_shared<TenantAccount>());
  open->tenants.push_back({open->everyone, {}});
  reading_ = std::move(open);
}

Access::Access(const Clock& clock, AccessConfig config)
    : clock_(clock), reading_(read(std::move(config), nullptr)) {}

Access::~Access() = default;

std::shared_ptr<const Access::Reading> Access::reading() const {
  const MutexLock lock(mutex_);
  return reading_;
}

std::shared_ptr<const Access::Reading> Access::read(AccessConfig config,
                                                    const Reading* older) const {
  auto made = std::make_shared<Reading>();
  for (TenantPolicy& policy : config.tenants) {
    auto account = older == nullptr ? nullptr : older->account_of(policy.name);
    if (!account) account = std::make_shared<TenantAccount>();
    account->set_limits(policy.limits, clock_.now());
    made->tenants.push_back(
        {std::make_shared<const Tenant>(std::move(policy), config.salt_key, std::move(account)),
         {}});
  }
  for (KeyEntry& entry : config.keys) {
    auto usage = older == nullptr ? nullptr : older->meter_of(entry.id);
    if (!usage) usage = std::make_shared<UsageMeter>();
    const auto key = std::make_shared<const ApiKey>(
        ApiKey{std::move(entry.id), entry.expires_unix_s, std::move(usage)});
    for (TenantView& view : made->tenants) {
      if (view.tenant->policy().name != entry.tenant) continue;
      view.keys.push_back(key);
      made->keys.emplace(first_bytes(entry.digest),
                         Reading::Entry{entry.digest, {view.tenant, key}});
    }
  }
  CHECK(made->keys.size() == config.keys.size(), "every key's tenant is listed");
  return made;
}

void Access::replace(AccessConfig config) {
  auto newer = read(std::move(config), reading().get());
  const MutexLock lock(mutex_);
  std::swap(reading_, newer);
}

ApiResult<Caller> Access::identify(const net::HttpRequest& request) const {
  const auto now = reading();
  if (now->everyone) return Caller{now->everyone, nullptr};
  ASSIGN_OR_RETURN_API(const std::string_view sent, key_of(request));
  const Caller* caller = now->find(sha256(sent));
  if (caller == nullptr) {
    return make_api_error(ApiErrorCode::kInvalidApiKey, "",
                          "the API key is not known here; check it, or ask the operator for one");
  }
  const auto& expires = caller->key->expires_unix_s;
  if (expires && clock_.unix_us() / 1'000'000 >= *expires) {
    return make_api_error(ApiErrorCode::kInvalidApiKey, "",
                          "the API key '{}' has expired; ask the operator for a new one",
                          caller->key->id);
  }
  return *caller;
}

std::vector<Access::TenantView> Access::tenants() const {
  return reading()->tenants;
}

}  // namespace penstock::frontend
