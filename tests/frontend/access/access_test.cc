#include "frontend/access/access.h"

#include <gtest/gtest.h>

namespace penstock::frontend {
namespace {

constexpr std::int64_t kNowS = 1'700'000'001;  // of a ManualClock

AccessConfig two_tenants() {
  AccessConfig config;
  config.salt_key = "secret";
  config.tenants = {{.name = "acme"}, {.name = "open", .share_cache = true}};
  config.keys = {
      {.id = "acme-1", .digest = sha256("key-1"), .tenant = "acme"},
      {.id = "acme-2", .digest = sha256("key-2"), .tenant = "acme"},
      {.id = "old", .digest = sha256("key-3"), .tenant = "open", .expires_unix_s = kNowS},
      {.id = "young", .digest = sha256("key-4"), .tenant = "open", .expires_unix_s = kNowS + 1}};
  return config;
}

std::string who(const Access& access, net::HttpHeaders headers) {
  net::HttpRequest request;
  request.headers = std::move(headers);
  const auto caller = access.identify(request);
  if (!caller) {
    EXPECT_EQ(caller.error().code, openai::ApiErrorCode::kInvalidApiKey);
    return caller.error().message;
  }
  return caller->tenant->policy().name + "/" + std::string(caller->key_id());
}

TEST(Access, without_keys_everyone_is_the_default_tenant_that_shares) {
  const ManualClock clock;
  const Access access(clock);
  EXPECT_EQ(who(access, {}), "default/");
  EXPECT_EQ(who(access, {{"authorization", "Bearer whatever"}}), "default/");
  const Caller caller = access.identify({}).value();
  EXPECT_EQ(caller.tenant->salt("x"), "x");
  EXPECT_TRUE(caller.tenant->policy().allow_routing);
}

TEST(Access, finds_the_tenant_by_either_header) {
  const ManualClock clock;
  const Access access(clock, two_tenants());
  EXPECT_EQ(who(access, {{"Authorization", "Bearer key-1"}}), "acme/acme-1");
  EXPECT_EQ(who(access, {{"authorization", "bearer   key-2"}}), "acme/acme-2");
  EXPECT_EQ(who(access, {{"X-API-Key", "key-2"}}), "acme/acme-2");
  EXPECT_EQ(who(access, {{"x-api-key", "key-1"}, {"authorization", "Bearer key-1"}}),
            "acme/acme-1");
}

TEST(Access, refuses_what_is_missing_unknown_expired_or_two_things_at_once) {
  const ManualClock clock;
  const Access access(clock, two_tenants());
  EXPECT_TRUE(who(access, {}).contains("carries no API key"));
  EXPECT_TRUE(who(access, {{"x-api-key", ""}}).contains("carries no API key"));
  EXPECT_TRUE(who(access, {{"authorization", "Bearer"}}).contains("scheme Bearer"));
  EXPECT_TRUE(who(access, {{"authorization", "Basic a2V5LTE="}}).contains("scheme Bearer"));
  EXPECT_TRUE(who(access, {{"x-api-key", "key-9"}}).contains("not known"));
  EXPECT_TRUE(who(access, {{"x-api-key", "key-3"}}).contains("'old' has expired"));
  EXPECT_EQ(who(access, {{"x-api-key", "key-4"}}), "open/young") << "for one second more";
  EXPECT_TRUE(
      who(access, {{"x-api-key", "key-1"}, {"authorization", "Bearer key-2"}}).contains("differ"));
  EXPECT_TRUE(who(access, {{"authorization", "Bearer key-1"}, {"authorization", "Bearer key-2"}})
                  .contains("differ"));
}

TEST(Access, never_repeats_a_key) {
  const ManualClock clock;
  const Access access(clock, two_tenants());
  for (const char* key : {"sk-secret", "key-3"}) {
    EXPECT_FALSE(who(access, {{"x-api-key", key}}).contains(key));
  }
}

TEST(Access, a_new_file_replaces_keys_and_keeps_the_counters_of_who_stays) {
  ManualClock clock;
  Access access(clock, two_tenants());
  net::HttpRequest request;
  request.headers = {{"x-api-key", "key-1"}};
  const Caller before = access.identify(request).value();
  ASSERT_FALSE(before.tenant->account().begin(clock.now()));
  before.key->usage->add_request({.prompt = 3});

  AccessConfig newer = two_tenants();
  newer.tenants.erase(newer.tenants.begin() + 1);
  newer.tenants[0].limits.max_concurrent = 1;
  newer.keys.resize(2);
  newer.keys[1] = {.id = "acme-3", .digest = sha256("key-5"), .tenant = "acme"};
  access.replace(newer);

  EXPECT_TRUE(who(access, {{"x-api-key", "key-2"}}).contains("not known"));
  EXPECT_TRUE(who(access, {{"x-api-key", "key-4"}}).contains("not known"));
  EXPECT_EQ(who(access, {{"x-api-key", "key-5"}}), "acme/acme-3");
  const Caller after = access.identify(request).value();
  EXPECT_TRUE(after.tenant->account().begin(clock.now())) << "the one before still runs";
  EXPECT_EQ(after.key->usage->totals().tokens.prompt, 3U);
  before.tenant->account().end(0, 0, clock.now());
  EXPECT_FALSE(after.tenant->account().begin(clock.now()));
  ASSERT_EQ(access.tenants().size(), 1U);
  EXPECT_EQ(access.tenants()[0].keys.size(), 2U);
}

TEST(Access, a_model_is_allowed_by_any_of_its_names) {
  discovery::ModelCard card;
  card.name = "llama-8b";
  card.aliases = {"prod-chat"};
  const auto may = [&card](std::vector<std::string> globs) {
    return Tenant({.name = "t", .models = std::move(globs)}, "k", std::make_shared<TenantAccount>())
        .may_use(card);
  };
  EXPECT_TRUE(may({"*"}));
  EXPECT_TRUE(may({"other", "llama-*"}));
  EXPECT_TRUE(may({"prod-*"}));
  EXPECT_FALSE(may({"llama"}));
  EXPECT_FALSE(may({}));
}

}  // namespace
}  // namespace penstock::frontend
