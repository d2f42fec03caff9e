// Who a request comes from: API keys to tenants, replaced as a whole when the keys file changes.
//
//   Access access(clock);                        // everyone is the tenant `default`
//   Access access(clock, std::move(config));     // every request needs a key
//   access.replace(std::move(newer));            // counters of tenants and keys that stay, stay
//
// A key is hashed when it arrives and never kept, compared or shown as it is. It is found by the
// first bytes of its SHA-256, then the whole digest is compared in constant time: what the search
// could leak are bits of a digest that the asker can compute anyway.
// Threading: any thread. A request works on with what it was identified as, whatever is replaced.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "frontend/access/access_config.h"
#include "frontend/access/tenant.h"
#include "net/http_server.h"
#include "openai/errors.h"

namespace penstock::frontend {

// One API key, as far as it may be shown.
struct ApiKey {
  std::string id;
  std::optional<std::int64_t> expires_unix_s;
  std::shared_ptr<UsageMeter> usage;  // shared with other readings of the file
};

struct Caller {
  std::shared_ptr<const Tenant> tenant;  // shared with the reading it comes from
  std::shared_ptr<const ApiKey> key;     // the same; null without keys

  // Empty without keys.
  [[nodiscard]] std::string_view key_id() const noexcept {
    return key ? std::string_view(key->id) : std::string_view();
  }
};

class Access final {
 public:
  // `clock` outlives it.
  explicit Access(const Clock& clock);
  Access(const Clock& clock, AccessConfig config);
  ~Access();

  // kInvalidApiKey: no key, an unknown or expired one, or two that differ.
  [[nodiscard]] openai::ApiResult<Caller> identify(const net::HttpRequest& request) const;
  void replace(AccessConfig config);

  struct TenantView {
    std::shared_ptr<const Tenant> tenant;
    std::vector<std::shared_ptr<const ApiKey>> keys;
  };
  // In the order of the file.
  [[nodiscard]] std::vector<TenantView> tenants() const;

 private:
  struct Reading;
  [[nodiscard]] std::shared_ptr<const Reading> reading() const;
  [[nodiscard]] std::shared_ptr<const Reading> read(AccessConfig config,
                                                    const Reading* older) const;

  const Clock& clock_;
  mutable Mutex mutex_;
  std::shared_ptr<const Reading> reading_ GUARDED_BY(mutex_);  // shared with who reads it just now
};

}  // namespace penstock::frontend
