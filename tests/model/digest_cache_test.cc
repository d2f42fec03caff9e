#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "model/model_digest.h"
#include "model/model_files.h"
#include "tests/model/tiny_model.h"
#include "text/json.h"

namespace penstock::model {
namespace {

namespace fs = std::filesystem;
using testing::TempDir;
using testing::TinyModel;
using testing::write_file;

const std::string kDigest = "sha256:" + std::string(64, 'a');

std::vector<FileStamp> stamps() {
  return {{"/models/a b.gguf", 100, 7}, {"/models/c", 1, 2}};
}

TEST(DigestCache, finds_only_what_was_stored_under_the_same_path_size_and_time) {
  const TempDir dir;
  const DigestCache cache(dir.path() / "sub" / "models");
  EXPECT_EQ(cache.find(stamps()), std::nullopt);
  cache.store(stamps(), kDigest);
  EXPECT_EQ(cache.find(stamps()), kDigest);
  EXPECT_EQ(DigestCache(dir.path() / "sub" / "models").find(stamps()), kDigest);
  auto other = stamps();
  other[0].modified_ns = 8;
  EXPECT_EQ(cache.find(other), std::nullopt);
  other = stamps();
  other[1].size_bytes = 2;
  EXPECT_EQ(cache.find(other), std::nullopt);
  other = stamps();
  other[1].path = "/models/d";
  EXPECT_EQ(cache.find(other), std::nullopt);
  other.pop_back();
  EXPECT_EQ(cache.find(other), std::nullopt);
}

TEST(DigestCache, leaves_one_file_that_only_the_user_reads) {
  const TempDir dir;
  const DigestCache cache(dir.path());
  cache.store(stamps(), kDigest);
  cache.store(stamps(), kDigest);
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(dir.path())) files.push_back(entry.path());
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(fs::status(files[0]).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST(DigestCache, a_damaged_entry_is_no_entry) {
  const TempDir dir;
  const DigestCache cache(dir.path());
  cache.store(stamps(), kDigest);
  const fs::path entry = fs::directory_iterator(dir.path())->path();
  for (const char* text : {"", "sha256:", "penstock model 1\n"}) {
    write_file(entry, text);
    EXPECT_EQ(cache.find(stamps()), std::nullopt);
  }
}

TEST(DigestCache, without_a_place_to_write_nothing_is_kept_and_nothing_fails) {
  const DigestCache none{fs::path()};
  none.store(stamps(), kDigest);
  EXPECT_EQ(none.find(stamps()), std::nullopt);
  const DigestCache impossible("/proc/no/such/place");
  impossible.store(stamps(), kDigest);
  EXPECT_EQ(impossible.find(stamps()), std::nullopt);
}

TEST(DigestCache, is_where_the_users_caches_are) {
  const TempDir dir;
  ::setenv("XDG_CACHE_HOME", (dir.path() / "xdg").c_str(), 1);
  DigestCache::of_user().store(stamps(), kDigest);
  EXPECT_TRUE(fs::exists(dir.path() / "xdg" / "penstock" / "models"));
  ::setenv("XDG_CACHE_HOME", "relative", 1);
  ::setenv("HOME", (dir.path() / "home").c_str(), 1);
  DigestCache::of_user().store(stamps(), kDigest);
  EXPECT_TRUE(fs::exists(dir.path() / "home" / ".cache" / "penstock" / "models"));
}

TEST(DigestCache, a_model_is_digested_again_only_after_a_change) {
  const TempDir dir;
  ::setenv("XDG_CACHE_HOME", (dir.path() / "cache").c_str(), 1);
  const TinyModel model({});
  const fs::path file = dir.path() / "tiny.gguf";
  model.write_gguf(file);
  const auto digest = [&] { return ModelFiles::open(file).value()->compute_digest(); };
  const std::string first = digest();
  // What is in the cache is believed: that is how we see that it is asked.
  const fs::path entry =
      fs::directory_iterator(dir.path() / "cache" / "penstock" / "models")->path();
  const auto stamp = stamp_now(file);
  ASSERT_TRUE(stamp);
  fs::remove(entry);
  DigestCache::of_user().store(std::vector{*stamp}, kDigest);
  EXPECT_EQ(digest(), kDigest);
  fs::last_write_time(file, fs::last_write_time(file) + std::chrono::seconds(1));
  EXPECT_EQ(digest(), first);
  // A file that changed after it was opened is neither looked up nor stored.
  const auto opened = ModelFiles::open(file).value();
  model.write_gguf(dir.path() / "new.gguf");
  fs::rename(dir.path() / "new.gguf", file);
  DigestCache::of_user().store(std::vector{*stamp_now(file)}, kDigest);
  EXPECT_EQ(opened->compute_digest(), first);
  EXPECT_EQ(digest(), kDigest);
}

TEST(CanonicalConfig, sorts_members_and_drops_remarks) {
  const auto json = text::parse_json(R"({"b": [{"z": 1, "_y": 2}], "_name": "x", "a": 1.50})");
  EXPECT_EQ(canonical_config(*json), R"({"a":1.5,"b":[{"_y":2,"z":1}]})");
}

// The byte stream is written down in docs/formats.md; this value was made by model_digest.py.
TEST(ModelDigest, equals_the_documented_stream) {
  const std::vector<float> values = {1.0F, 2.0F, 3.0F};
  const formats::TensorView tensor{
      .name = "w", .shape = {1, 3}, .bytes = std::as_bytes(std::span(values))};
  const std::vector<const formats::TensorView*> tensors = {&tensor};
  EXPECT_EQ(digest_model(R"({"a":1})", tensors),
            "sha256:aef2e171d06dfb6087328ef1883c2ee91986438380353c5f6d8bf1a1acfd6b7c");
}

}  // namespace
}  // namespace penstock::model
