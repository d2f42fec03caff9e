#include "penstock/api_keys_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <string>

namespace penstock::apps {
namespace {

// sha256 of "key-1" and "key-2".
const std::string kDigest1 = to_hex(sha256("key-1"));
const std::string kDigest2 = to_hex(sha256("key-2"));

std::string good_file() {
  return "salt_key = \"3f7a\"\n"
         "[[tenant]]\n"
         "name = \"acme\"\n"
         "weight = 2\n"
         "models = [\"llama-*\", \"qwen?\"]\n"
         "max_concurrent = 16\n"
         "requests_per_minute = 600\n"
         "tokens_per_minute = 1_000_000\n"
         "max_priority = 5\n"
         "max_strict_priority = 1\n"
         "allow_routing = true\n"
         "max_deadline_ms = 60000\n"
         "[[tenant]]\n"
         "name = \"public\"\n"
         "share_cache = true\n"
         "[[key]]\n"
         "id = \"acme-ci\"\n"
         "sha256 = \"" +
         kDigest1 +
         "\"\n"
         "tenant = \"acme\"\n"
         "expires = 2027-01-31T01:30:00+01:30\n"
         "[[key]]\n"
         "id = \"demo\"\n"
         "sha256 = \"" +
         kDigest2 +
         "\"\n"
         "tenant = \"public\"\n"
         "expires = 2027-01-31\n";
}

std::string with(std::string_view from, std::string_view to) {
  std::string text = good_file();
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string error_of(const std::string& text) {
  const auto config = parse_api_keys(text, "keys.toml");
  return config ? "no error" : config.error().message();
}

TEST(ApiKeysFile, reads_every_member) {
  const auto config = parse_api_keys(good_file(), "keys.toml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->salt_key, "3f7a");
  ASSERT_EQ(config->tenants.size(), 2U);
  const frontend::TenantPolicy& acme = config->tenants[0];
  EXPECT_EQ(acme.name, "acme");
  EXPECT_FALSE(acme.share_cache);
  EXPECT_EQ(acme.weight, 2);
  EXPECT_EQ(acme.models, (std::vector<std::string>{"llama-*", "qwen?"}));
  EXPECT_EQ(acme.limits.max_concurrent, 16U);
  EXPECT_EQ(acme.limits.requests_per_minute, 600U);
  EXPECT_EQ(acme.limits.tokens_per_minute, 1'000'000U);
  EXPECT_EQ(acme.max_priority, 5);
  EXPECT_EQ(acme.max_strict_priority, 1U);
  EXPECT_TRUE(acme.allow_routing);
  EXPECT_EQ(acme.max_deadline, std::chrono::seconds(60));
  ASSERT_EQ(config->keys.size(), 2U);
  EXPECT_EQ(config->keys[0].id, "acme-ci");
  EXPECT_EQ(config->keys[0].tenant, "acme");
  EXPECT_EQ(config->keys[0].digest, sha256("key-1"));
  EXPECT_EQ(config->keys[0].expires_unix_s, 1'801'353'600) << "midnight in UTC";
  EXPECT_EQ(config->keys[1].expires_unix_s, 1'801'353'600);
}

TEST(ApiKeysFile, what_is_left_out_has_the_safe_default) {
  const auto config = parse_api_keys(good_file(), "keys.toml");
  ASSERT_TRUE(config);
  const frontend::TenantPolicy& open = config->tenants[1];
  EXPECT_EQ(open.weight, 1);
  EXPECT_EQ(open.models, std::vector<std::string>{"*"});
  EXPECT_FALSE(open.limits.max_concurrent || open.limits.requests_per_minute ||
               open.limits.tokens_per_minute || open.max_deadline || open.allow_routing);
  EXPECT_EQ(open.max_priority, 0);
  EXPECT_EQ(open.max_strict_priority, 0U);
}

TEST(ApiKeysFile, an_error_names_line_entry_value_and_remedy) {
  EXPECT_EQ(
      error_of(with("weight = 2", "weight = -1")),
      "keys.toml: line 4: [[tenant]] 'acme': weight is -1; it must be between 0.001 and 1000");
  EXPECT_EQ(error_of(with("max_concurrent = 16", "max_concurrent = 0")),
            "keys.toml: line 6: [[tenant]] 'acme': max_concurrent is 0; it must be between 1 and "
            "2147483647, or be left out");
  EXPECT_EQ(error_of(with("allow_routing = true", "allow_routing = \"yes\"")),
            "keys.toml: line 11: [[tenant]] 'acme': allow_routing is a string; it must be true or "
            "false");
  EXPECT_EQ(error_of(with("max_priority", "max_prioriti")).substr(0, 69),
            "keys.toml: line 9: [[tenant]]: 'max_prioriti' is unknown; the members");
  EXPECT_EQ(error_of(with("tenant = \"acme\"", "tenant = \"acmee\"")),
            "keys.toml: line 19: [[key]] 'acme-ci': there is no [[tenant]] with the name 'acmee'; "
            "add one");
  EXPECT_EQ(error_of("salt_key = \"a\"\nx = \n"),
            "keys.toml: line 2, column 5: this is not TOML; see https://toml.io for how to write "
            "it");
}

TEST(ApiKeysFile, refuses_what_could_be_meant_in_two_ways) {
  struct Case {
    const char* from;
    std::string to;
    const char* says;
  };
  const Case cases[] = {
      {"name = \"public\"", "name = \"acme\"", "the name is taken"},
      {"id = \"demo\"", "id = \"acme-ci\"", "the id is taken"},
      {"name = \"public\"", "name = \"pub lic\"", "must have 1 to 64 characters"},
      {"name = \"public\"", "", "name is missing"},
      {"salt_key = \"3f7a\"", "", "needs the top-level salt_key"},
      {"salt_key = \"3f7a\"", "salt_key = 7", "salt_key is an integer"},
      {"weight = 2", "weight = nan", "weight is nan"},
      {"weight = 2", "weight = \"2\"", "weight is a string"},
      {"models = [\"llama-*\", \"qwen?\"]", "models = []", "one or more globs"},
      {"models = [\"llama-*\", \"qwen?\"]", "models = \"*\"", "one or more globs"},
      {"models = [\"llama-*\", \"qwen?\"]", "models = [1]", "one or more globs"},
      {"600", "600.0", "requests_per_minute is a number with a fraction"},
      {"2027-01-31T01:30:00+01:30", "2027-01-31T01:30:00", "with its offset"},
      {"2027-01-31T01:30:00+01:30", "\"2027-01-31\"", "without quotes"},
  };
  for (const Case& each : cases) {
    const std::string error = error_of(with(each.from, each.to));
    EXPECT_TRUE(error.contains(each.says)) << each.from << ": " << error;
    EXPECT_TRUE(error.starts_with("keys.toml: line ")) << error;
  }
  EXPECT_TRUE(error_of(with(kDigest2, kDigest1)).contains("has the same key"));
  EXPECT_TRUE(error_of("[tenant]\nname = \"a\"\n").contains("with two brackets"));
  EXPECT_TRUE(error_of("key = [7]\n").contains("as [[key]]"));
  EXPECT_TRUE(error_of("").contains("no [[key]]"));
}

// Whoever writes the key itself where its digest belongs finds it in no log.
TEST(ApiKeysFile, no_error_shows_what_may_be_secret) {
  const std::string plain = error_of(with(kDigest1, "sk-my-own-key"));
  EXPECT_TRUE(plain.contains("13 characters")) << plain;
  EXPECT_TRUE(plain.contains("sha256sum")) << plain;
  EXPECT_FALSE(plain.contains("sk-my"));
  EXPECT_FALSE(error_of(with("\"3f7a\"", "3f7a-secret")).contains("secret"));
}

TEST(ApiKeysFile, a_file_that_is_not_there_is_named) {
  const auto config = read_api_keys_file("/nowhere/keys.toml");
  ASSERT_FALSE(config);
  EXPECT_TRUE(config.error().message().starts_with("--api-keys-file /nowhere/keys.toml: "));
  EXPECT_FALSE(read_api_keys_file(::testing::TempDir())) << "a folder is no file";
}

TEST(ApiKeysFile, the_example_of_the_documents_is_a_good_file) {
  std::ifstream page(PENSTOCK_SOURCE_DIR "/docs/access.md");
  const std::string text(std::istreambuf_iterator<char>(page), {});
  const std::size_t begin = text.find("```toml\n") + 8;
  const std::size_t end = text.find("```", begin);
  ASSERT_LT(end, text.size());
  const auto config = parse_api_keys(text.substr(begin, end - begin), "docs/access.md");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->tenants.size(), 2U);
  EXPECT_EQ(config->keys[0].digest, sha256("123"));
}

// Bytes changed, cut, doubled and moved: an answer or an error with a place, never anything else.
TEST(ApiKeysFile, survives_any_text) {
  std::mt19937 random(11);
  const auto below = [&random](std::size_t limit) { return random() % limit; };
  const std::string pieces[] = {"[[key]]\n",
                                "[[tenant]]\n",
                                "[key]",
                                "= ",
                                "\"",
                                "'''",
                                "expires",
                                "1e999",
                                "[[[[",
                                "{a={b={",
                                "2027-02-30",
                                "\xFF\xFE",
                                "\\u0000",
                                "inf",
                                "salt_key",
                                "models = [",
                                "99999999999999999999",
                                "\n",
                                "# ",
                                "tenant.name"};
  std::size_t num_good = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = good_file();
    for (std::size_t change = 0; change <= below(4); ++change) {
      const std::size_t at = below(text.size());
      switch (below(5)) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, 1 + below(20));
          break;
        case 2:
          text.insert(at, pieces[below(std::size(pieces))]);
          break;
        case 3:
          text.resize(at + 1);
          break;
        default:
          text.insert(at, text.substr(below(text.size()), below(60)));
      }
      if (text.empty()) text = "x";
    }
    const auto config = parse_api_keys(text, "keys.toml");
    if (config) {
      ++num_good;
      EXPECT_FALSE(config->keys.empty());
    } else {
      EXPECT_TRUE(config.error().message().starts_with("keys.toml: line "))
          << config.error().message();
    }
  }
  EXPECT_GT(num_good, 100U);
}

}  // namespace
}  // namespace penstock::apps
