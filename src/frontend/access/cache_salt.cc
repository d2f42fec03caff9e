#include "frontend/access/cache_salt.h"

#include "base/secret.h"

namespace penstock::frontend {
namespace {

constexpr char kUnitSeparator = '\x1F';
constexpr std::size_t kNumHexDigits = 32;

}  // namespace

std::string private_salt(std::string_view salt_key, std::string_view tenant) {
  return kUnitSeparator + to_hex(hmac_sha256(salt_key, tenant)).substr(0, kNumHexDigits);
}

std::string effective_salt(std::string_view tenant_salt, std::string_view requested) {
  std::string salt(tenant_salt);
  if (!tenant_salt.empty() && !requested.empty()) salt += kUnitSeparator;
  salt += requested;
  return salt;
}

}  // namespace penstock::frontend
