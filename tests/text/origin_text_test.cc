#include "text/origin_text.h"

#include <gmock/gmock.h>

#include <random>

namespace penstock::text {
namespace {

using Span = OriginText::Span;

TEST(OriginText, neighbours_of_one_origin_are_one_span) {
  OriginText text;
  text.append("<|im_", Origin::kTrusted);
  text.append("", Origin::kData);
  text.append("end|>", Origin::kTrusted);
  text.append("hello", Origin::kData);
  EXPECT_EQ(text.bytes(), "<|im_end|>hello");
  EXPECT_THAT(text.spans(),
              testing::ElementsAre(Span{0, 10, Origin::kTrusted}, Span{10, 15, Origin::kData}));
}

TEST(OriginText, appending_another_keeps_its_origins) {
  OriginText text("a", Origin::kTrusted);
  OriginText other("b", Origin::kTrusted);
  other.append("c", Origin::kData);
  text.append(other);
  EXPECT_EQ(text.bytes(), "abc");
  EXPECT_THAT(text.spans(),
              testing::ElementsAre(Span{0, 2, Origin::kTrusted}, Span{2, 3, Origin::kData}));
}

TEST(OriginText, can_be_appended_to_itself) {
  OriginText text("a", Origin::kData);
  text.append("b", Origin::kTrusted);
  text.append("c", Origin::kData);
  text.append(text);
  EXPECT_EQ(text.bytes(), "abcabc");
  EXPECT_THAT(text.spans(),
              testing::ElementsAre(Span{0, 1, Origin::kData}, Span{1, 2, Origin::kTrusted},
                                   Span{2, 4, Origin::kData}, Span{4, 5, Origin::kTrusted},
                                   Span{5, 6, Origin::kData}));
}

TEST(OriginText, spans_cover_the_bytes_exactly_whatever_is_appended) {
  std::mt19937_64 rng(5);
  for (int round = 0; round < 500; ++round) {
    OriginText text;
    std::vector<Origin> origins;
    for (std::uint64_t i = rng() % 12; i > 0; --i) {
      const std::string part(rng() % 4, 'x');
      const Origin origin = rng() % 2 == 0 ? Origin::kData : Origin::kTrusted;
      text.append(part, origin);
      origins.insert(origins.end(), part.size(), origin);
    }
    ASSERT_EQ(text.bytes().size(), origins.size());
    std::size_t at = 0;
    for (const Span& span : text.spans()) {
      ASSERT_EQ(span.begin, at);
      ASSERT_LT(span.begin, span.end);
      for (; at < span.end; ++at) ASSERT_EQ(origins[at], span.origin);
      if (at < origins.size()) {
        ASSERT_NE(origins[at], span.origin);
      }
    }
    ASSERT_EQ(at, origins.size());
  }
}

}  // namespace
}  // namespace penstock::text
