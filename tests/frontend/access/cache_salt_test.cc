#include "frontend/access/cache_salt.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "kv/sequence_hash.h"

namespace penstock::frontend {
namespace {

constexpr std::string_view kSaltKey = "penstock-test-key";

std::uint64_t seed_of(const std::string& salt) {
  return kv::hash_seed("", salt);
}

TEST(CacheSalt, of_a_private_tenant_is_the_one_of_the_vectors) {
  const std::string acme = private_salt(kSaltKey, "acme");
  EXPECT_EQ(acme,
            "\x1F"
            "1a989a19cd36e906815e1f0fab41d7c5");
  EXPECT_EQ(seed_of(effective_salt(acme, "")), 0x49f78fae3cd97a60U);
  EXPECT_EQ(seed_of(effective_salt(acme, "proj-x")), 0x4610578381170ab7U);
}

TEST(CacheSalt, of_a_tenant_that_shares_is_what_the_request_says) {
  EXPECT_EQ(effective_salt("", ""), "");
  EXPECT_EQ(seed_of(effective_salt("", "")), kv::kChainSeed);
  EXPECT_EQ(seed_of(effective_salt("", "tenant-a")), 0x1b095b6229544fb6U);
}

// Whatever another tenant sends (its characters are checked before), the salts stay apart.
TEST(CacheSalt, no_two_tenants_or_narrowings_meet) {
  const std::string tenants[] = {"", private_salt(kSaltKey, "a"), private_salt(kSaltKey, "b"),
                                 private_salt("other-key", "a")};
  const std::string requested[] = {
      "", "a", "b", "1a989a19cd36e906815e1f0fab41d7c5", tenants[1].substr(1), tenants[2].substr(1)};
  std::vector<std::string> seen;
  for (const std::string& tenant : tenants) {
    for (const std::string& wish : requested) seen.push_back(effective_salt(tenant, wish));
  }
  std::vector<std::uint64_t> seeds;
  for (const std::string& salt : seen) seeds.push_back(seed_of(salt));
  std::sort(seeds.begin(), seeds.end());
  EXPECT_EQ(std::adjacent_find(seeds.begin(), seeds.end()), seeds.end());
}

}  // namespace
}  // namespace penstock::frontend
