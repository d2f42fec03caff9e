#include "frontend/admin/explain_store.h"

#include <gtest/gtest.h>

namespace penstock::frontend {
namespace {

RequestRecord record(const std::string& id, const std::string& correlation = "") {
  return {.request_id = id, .correlation_id = correlation.empty() ? id : correlation};
}

TEST(ExplainStore, keeps_the_last_records_and_forgets_the_oldest) {
  ExplainStore store(3);
  for (const char* id : {"a", "b", "c", "d"}) store.add(record(id));
  EXPECT_FALSE(store.find("a"));
  EXPECT_TRUE(store.find("b"));
  EXPECT_EQ(store.num_records(), 3U);
  const auto last = store.last(2);
  ASSERT_EQ(last.size(), 2U);
  EXPECT_EQ(last[0].request_id, "d");
  EXPECT_EQ(last[1].request_id, "c");
  EXPECT_EQ(store.last(100).size(), 3U);
}

TEST(ExplainStore, finds_by_either_id_and_the_latest_of_a_correlation_id) {
  ExplainStore store(10);
  store.add(record("first", "mine"));
  store.add(record("second", "mine"));
  EXPECT_EQ(store.find("mine")->request_id, "second");
  EXPECT_EQ(store.find("first")->request_id, "first");
  EXPECT_FALSE(store.find("other"));
}

TEST(ExplainStore, is_bounded_in_bytes_whatever_the_records_hold) {
  ExplainStore store(1'000'000, 64 << 10);
  for (int i = 0; i < 10'000; ++i) {
    RequestRecord big = record(std::to_string(i));
    big.message.assign(100'000, 'x');
    store.add(std::move(big));
    ASSERT_LE(store.num_bytes(), 64U << 10);
  }
  EXPECT_GT(store.num_records(), 10U);
  EXPECT_TRUE(store.find("9999")->message.size() <= 512);
}

TEST(ExplainStore, of_no_records_keeps_none) {
  ExplainStore store(0);
  store.add(record("a"));
  EXPECT_EQ(store.num_records(), 0U);
  EXPECT_EQ(store.num_bytes(), 0U);
}

}  // namespace
}  // namespace penstock::frontend
