#include "tokenizer/normalizer.h"

#include <gmock/gmock.h>

namespace penstock::tokenizer {
namespace {

using text::Origin;
using text::OriginText;
using Span = OriginText::Span;

OriginText text_of(std::vector<std::pair<std::string_view, Origin>> parts) {
  OriginText text;
  for (const auto& [part, origin] : parts) text.append(part, origin);
  return text;
}

TEST(Normalizer, text_that_does_not_change_is_not_copied) {
  const OriginText text("plain ä", Origin::kData);
  EXPECT_FALSE(Normalizer({NfcRule{}}).normalize(OriginView(text)));
  EXPECT_FALSE(Normalizer({ReplaceRule{"x", "y"}}).normalize(OriginView(text)));
  EXPECT_FALSE(Normalizer({}).normalize(OriginView(text)));
}

TEST(Normalizer, nfc_keeps_the_origin_around_what_it_composes) {
  const OriginText text = text_of({{"<s>a", Origin::kTrusted},
                                   {"bo\u0308c", Origin::kData},
                                   {"e\u0301</s>", Origin::kTrusted}});
  const auto normal = Normalizer({NfcRule{}}).normalize(OriginView(text));
  ASSERT_TRUE(normal);
  EXPECT_EQ(
      *normal,
      text_of({{"<s>a", Origin::kTrusted}, {"böc", Origin::kData}, {"é</s>", Origin::kTrusted}}));
}

TEST(Normalizer, what_composes_across_origins_is_data) {
  const OriginText text = text_of({{"xe", Origin::kTrusted}, {"\u0301y", Origin::kData}});
  EXPECT_EQ(*Normalizer({NfcRule{}}).normalize(OriginView(text)),
            text_of({{"x", Origin::kTrusted}, {"éy", Origin::kData}}));
}

TEST(Normalizer, prepend_and_replace_spell_spaces_for_sentencepiece) {
  const Normalizer normalizer({PrependRule{"▁"}, ReplaceRule{" ", "▁"}});
  const OriginText text = text_of({{"a ", Origin::kTrusted}, {" b", Origin::kData}});
  EXPECT_EQ(*normalizer.normalize(OriginView(text)),
            text_of({{"▁", Origin::kData}, {"a▁", Origin::kTrusted}, {"▁b", Origin::kData}}));
  EXPECT_EQ(normalizer.normalize(""), "");
  EXPECT_EQ(normalizer.normalize("x"), "▁x");
}

TEST(Normalizer, works_on_a_part_of_a_text) {
  const OriginText text =
      text_of({{"e\u0301 ", Origin::kTrusted}, {"o\u0308 a\u0300", Origin::kData}});
  const auto normal = Normalizer({NfcRule{}}).normalize(OriginView(text).sub(3, 8));
  EXPECT_EQ(*normal, text_of({{" ", Origin::kTrusted}, {"ö ", Origin::kData}}));
}

}  // namespace
}  // namespace penstock::tokenizer
