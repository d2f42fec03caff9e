// The merging against the definition of it, carried out step by step.

#include "tokenizer/bpe.h"

#include <gmock/gmock.h>

#include <map>
#include <random>

namespace penstock::tokenizer {
namespace {

using Ids = std::vector<TokenId>;

// A vocabulary of merges drawn at random over a few letters.
struct Vocabulary {
  std::vector<std::string> texts;
  Definition definition;
  std::map<std::pair<TokenId, TokenId>, std::pair<std::uint32_t, TokenId>> ranks;
  TokenBytes bytes;
};

Vocabulary draw_vocabulary(std::mt19937_64& rng, std::string_view letters, std::size_t num_merges) {
  Vocabulary out;
  for (const char letter : letters) out.texts.emplace_back(1, letter);
  std::vector<std::pair<TokenId, TokenId>> merges;
  while (merges.size() < num_merges) {
    const auto left = static_cast<TokenId>(rng() % out.texts.size());
    const auto right = static_cast<TokenId>(rng() % out.texts.size());
    if (out.ranks.contains({left, right}) ||
        out.texts[left].size() + out.texts[right].size() > 12) {
      continue;
    }
    const std::string text = out.texts[left] + out.texts[right];
    auto id = static_cast<TokenId>(std::ranges::find(out.texts, text) - out.texts.begin());
    if (id == out.texts.size()) out.texts.push_back(text);
    out.ranks[{left, right}] = {static_cast<std::uint32_t>(merges.size()), id};
    merges.emplace_back(left, right);
  }
  for (TokenId id = 0; id < out.texts.size(); ++id) {
    out.definition.pieces.emplace_back(out.texts[id]);
    out.bytes.set(id, out.texts[id]);
  }
  for (const auto& [left, right] : merges) {
    out.definition.merges.emplace_back(out.texts[left], out.texts[right]);
  }
  return out;
}

Bpe bpe_of(const Vocabulary& vocabulary) {
  TokenIndex index(vocabulary.bytes, vocabulary.bytes.size());
  for (TokenId id = 0; id < vocabulary.bytes.size(); ++id) index.add(id);
  return Bpe::create(vocabulary.definition, vocabulary.bytes, index).value();
}

Ids merged_step_by_step(const Vocabulary& vocabulary, std::string_view word) {
  Ids ids;
  for (const char letter : word) {
    ids.push_back(static_cast<TokenId>(std::ranges::find(vocabulary.texts, std::string(1, letter)) -
                                       vocabulary.texts.begin()));
  }
  while (true) {
    std::uint32_t least = 0xFFFF'FFFF;
    std::size_t at = 0;
    TokenId merged = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto found = vocabulary.ranks.find({ids[i], ids[i + 1]});
      if (found != vocabulary.ranks.end() && found->second.first < least) {
        least = found->second.first;
        at = i;
        merged = found->second.second;
      }
    }
    if (least == 0xFFFF'FFFF) return ids;
    ids[at] = merged;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

TEST(Bpe, merges_short_and_long_words_as_its_definition_says) {
  std::mt19937_64 rng(41);
  for (int round = 0; round < 60; ++round) {
    const std::string_view letters = std::string_view("abcdefgh").substr(0, 2 + rng() % 7);
    const Vocabulary vocabulary = draw_vocabulary(rng, letters, 3 + rng() % 60);
    const Bpe bpe = bpe_of(vocabulary);
    for (int i = 0; i < 60; ++i) {
      std::string word(rng() % (i % 10 == 0 ? 400 : 60), ' ');
      for (char& letter : word) letter = letters[rng() % letters.size()];
      Ids ids = {7};
      bpe.encode(word, ids);
      ASSERT_EQ(ids.front(), 7U);
      ids.erase(ids.begin());
      ASSERT_EQ(ids, merged_step_by_step(vocabulary, word)) << word;
    }
  }
}

TEST(Bpe, of_equal_ranks_the_leftmost_merges_first) {
  std::mt19937_64 rng(43);
  for (std::size_t size = 1; size < 120; ++size) {
    const Vocabulary vocabulary = draw_vocabulary(rng, "a", 1 + size % 3);
    const std::string word(size, 'a');
    Ids ids;
    bpe_of(vocabulary).encode(word, ids);
    ASSERT_EQ(ids, merged_step_by_step(vocabulary, word));
  }
}

TEST(Bpe, a_word_of_a_hundred_thousand_letters_is_no_trouble) {
  std::mt19937_64 rng(47);
  const Vocabulary vocabulary = draw_vocabulary(rng, "abcd", 60);
  std::string word(100'000, 'a');
  for (char& letter : word) letter = "abcd"[rng() % 4];
  Ids ids;
  bpe_of(vocabulary).encode(word, ids);
  std::string back;
  for (const TokenId id : ids) back += vocabulary.texts[id];
  EXPECT_EQ(back, word);
  EXPECT_LT(ids.size(), word.size());
}

TEST(Bpe, of_a_pair_listed_twice_the_later_rank_counts) {
  Vocabulary vocabulary;
  vocabulary.texts = {"a", "b", "c", "ab", "bc"};
  for (const auto& [left, right] :
       {std::pair("a", "b"), std::pair("b", "c"), std::pair("a", "b")}) {
    vocabulary.definition.merges.emplace_back(left, right);
  }
  for (TokenId id = 0; id < vocabulary.texts.size(); ++id)
    vocabulary.bytes.set(id, vocabulary.texts[id]);
  Ids ids;
  bpe_of(vocabulary).encode("abc", ids);
  EXPECT_THAT(ids, testing::ElementsAre(0, 4));
}

TEST(Bpe, a_merge_of_unknown_pieces_is_refused_by_name) {
  Vocabulary vocabulary;
  vocabulary.texts = {"a", "b"};
  vocabulary.definition.merges.emplace_back("a", "b");
  for (TokenId id = 0; id < 2; ++id) vocabulary.bytes.set(id, vocabulary.texts[id]);
  TokenIndex index(vocabulary.bytes, 2);
  index.add(0);
  index.add(1);
  const auto bpe = Bpe::create(vocabulary.definition, vocabulary.bytes, index);
  ASSERT_FALSE(bpe);
  EXPECT_EQ(bpe.error().message(),
            "merge 0 of 'a' and 'b' needs a token that the vocabulary lacks");
}

TEST(TokenIndex, finds_keys_of_every_length_and_no_others) {
  std::mt19937_64 rng(53);
  TokenBytes bytes;
  std::map<std::string, TokenId> expected;
  for (TokenId id = 0; id < 5000; ++id) {
    std::string key(1 + rng() % 20, '\0');
    for (char& c : key) c = static_cast<char>(rng() % 3);
    bytes.set(id, key);
    expected.emplace(key, id);
  }
  TokenIndex index(bytes, bytes.size());
  for (TokenId id = 0; id < bytes.size(); ++id) index.add(id);
  for (const auto& [key, id] : expected) ASSERT_EQ(index.find(key), id);
  for (int i = 0; i < 20'000; ++i) {
    std::string key(rng() % 20, '\0');
    for (char& c : key) c = static_cast<char>(rng() % 3);
    const auto found = expected.find(key);
    ASSERT_EQ(index.find(key),
              found == expected.end() ? std::nullopt : std::optional(found->second));
  }
}

}  // namespace
}  // namespace penstock::tokenizer
