// Random sequences share, grow, fork, end and are evicted in a small pool; after every operation
// the pool agrees with CacheModel, and what listeners make of its events agrees with its content.
//
// PENSTOCK_KV_OPERATIONS sets how many operations.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <vector>

#include "kv/block_pool.h"
#include "kv/block_table.h"
#include "kv/event_log.h"
#include "kv/token_chain.h"
#include "tests/kv/cache_model.h"
#include "tests/kv/event_mirror.h"

namespace penstock::kv {
namespace {

using testing::CacheModel;
using testing::EventMirror;
using Insertion = PrefixCache::Insertion;

constexpr std::uint32_t kBlockSize = 2;
constexpr std::uint32_t kMaxSequences = 6;
constexpr std::uint32_t kMaxTokens = 17;

struct Sequence {
  TokenChain chain;
  BlockTable table;
  std::uint32_t num_inserted = 0;  // leading blocks that were offered to the cache
};

struct Pending {
  std::uint32_t block = 0;
  std::uint32_t index = 0;
  const Sequence* owner = nullptr;
};

class RandomUse final {
 public:
  struct Options {
    unsigned seed = 0;
    std::uint32_t num_blocks = 0;
    std::uint64_t hash_mask = ~0ULL;  // fewer bits make hashes collide
  };

  explicit RandomUse(Options options)
      : options_(options),
        random_(options.seed),
        pool_(options.num_blocks, kBlockSize),
        model_(options.num_blocks) {
    sequences_.reserve(kMaxSequences);
  }

  void run(std::uint64_t num_operations) {
    for (std::uint64_t i = 0; i < num_operations; ++i) {
      operate();
      compare_counts();
      if (i % 8 == 0) compare_listeners();
      if (::testing::Test::HasFailure()) FAIL() << "operation " << i << ", seed " << options_.seed;
    }
    settle();
    while (!sequences_.empty()) end(sequences_.size() - 1);
    while (!anonymous_.empty()) drop_anonymous();
    EXPECT_EQ(pool_.num_active(), 0U);
    compare_counts();
    compare_listeners();
  }

 private:
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }

  void operate() {
    const std::uint32_t choice = below(1000);
    if (choice < 180) return start();
    if (choice < 210) return take_anonymous();
    if (choice < 250) return drop_anonymous();
    if (choice < 253) return clear();
    if (choice < 300) return set_priority();
    if (choice < 400) return commit_some();
    if (choice < 420) return withdraw_some();
    if (sequences_.empty()) return;
    const std::size_t at = below(static_cast<std::uint32_t>(sequences_.size()));
    if (choice < 600) return grow(sequences_[at]);
    if (choice < 700) return offer(sequences_[at], true);
    if (choice < 800) return offer(sequences_[at], false);
    if (choice < 840) return fork(at);
    if (choice < 850) return cut(sequences_[at]);
    end(at);
  }

  // What the cache is told, with as few bits of the hash as this run wants.
  [[nodiscard]] BlockContent named(const TokenChain& chain, std::uint32_t i) const {
    BlockContent content = chain.block(i);
    content.sequence_hash = masked(chain.sequence_hash(i));
    return content;
  }
  [[nodiscard]] SequenceHash masked(SequenceHash hash) const {
    return SequenceHash(hash.value() & options_.hash_mask);
  }

  [[nodiscard]] CacheModel::Content modelled(const TokenChain& chain, std::uint32_t i) const {
    const auto prefix = [&](std::uint32_t num_blocks) {
      std::string text(1, static_cast<char>('A' + chain.seed()));
      for (std::uint32_t t = 0; t < num_blocks * kBlockSize; ++t) {
        text.push_back(static_cast<char>('a' + chain.token_ids()[t]));
      }
      return text;
    };
    CacheModel::Content content;
    content.prefix = prefix(i + 1);
    if (i > 0) content.parent = prefix(i);
    content.names = {masked(chain.sequence_hash(i)), chain.local_hash(i)};
    if (i > 0) content.parent_hash = masked(chain.sequence_hash(i - 1));
    content.position = i * kBlockSize;
    return content;
  }

  static std::optional<BlockId> block_before(const BlockTable& table, std::uint32_t i) {
    if (i == 0) return std::nullopt;
    return BlockId(table.block_ids()[i - 1]);
  }
  static std::optional<std::uint32_t> raw(std::optional<BlockId> block) {
    if (!block) return std::nullopt;
    return block->value();
  }

  [[nodiscard]] std::vector<BlockId> match(const TokenChain& chain) const {
    std::vector<BlockId> hits;
    if (options_.hash_mask == ~0ULL) {
      pool_.cache().match(chain, 0, chain.num_full_blocks(), std::nullopt, hits);
      return hits;
    }
    std::optional<BlockId> parent;
    for (std::uint32_t i = 0; i < chain.num_full_blocks(); ++i) {
      parent = pool_.cache().find(named(chain, i), parent);
      if (!parent) break;
      hits.push_back(*parent);
    }
    return hits;
  }

  // A prompt of its own or, more often, one that starts as another's does.
  void start() {
    if (sequences_.size() == kMaxSequences) return;
    std::vector<std::uint32_t> tokens;
    if (!sequences_.empty() && below(4) > 0) {
      const auto other =
          sequences_[below(static_cast<std::uint32_t>(sequences_.size()))].chain.token_ids();
      tokens.assign(other.begin(), other.begin() + below(static_cast<std::uint32_t>(other.size())));
    }
    const std::uint32_t num_own = 1 + below(6);
    for (std::uint32_t i = 0; i < num_own && tokens.size() < kMaxTokens; ++i) {
      tokens.push_back(below(2));
    }
    Sequence sequence{TokenChain({.block_size = kBlockSize, .seed = below(2)}, tokens),
                      BlockTable(kBlockSize)};
    const std::vector<BlockId> hits = match(sequence.chain);
    std::optional<std::uint32_t> expected;
    for (std::uint32_t i = 0; i < sequence.chain.num_full_blocks(); ++i) {
      expected = model_.find(modelled(sequence.chain, i), expected);
      ASSERT_EQ(i < hits.size(), expected.has_value());
      if (!expected) break;
      ASSERT_EQ(hits[i].value(), *expected);
    }
    for (const BlockId hit : hits) {
      sequence.table.append(pool_.reference(hit));
      model_.reference(hit.value());
    }
    sequence.num_inserted = static_cast<std::uint32_t>(hits.size());
    sequences_.push_back(std::move(sequence));
  }

  void grow(Sequence& sequence) {
    const std::uint32_t num_new = 1 + below(4);
    for (std::uint32_t i = 0; i < num_new && sequence.chain.size() < kMaxTokens; ++i) {
      sequence.chain.append(below(2));
    }
    const std::uint32_t before = sequence.table.num_blocks();
    const std::uint32_t missing = sequence.table.missing_for(sequence.chain.size());
    const bool fits = missing <= model_.num_free() + model_.num_cached();
    ASSERT_EQ(sequence.table.grow_to(sequence.chain.size(), pool_), fits);
    if (!fits) return;
    for (std::uint32_t i = 0; i < missing; ++i) {
      ASSERT_EQ(sequence.table.block_ids()[before + i], model_.allocate()) << "the same victim";
    }
  }

  // Offers the next full block, or all of them, as computed or to be computed.
  void offer(Sequence& sequence, bool as_pending) {
    do {
      const std::uint32_t i = sequence.num_inserted;
      if (i >= sequence.chain.num_full_blocks() || i >= sequence.table.num_blocks()) return;
      const std::optional<BlockId> parent = block_before(sequence.table, i);
      const BlockId block(sequence.table.block_ids()[i]);
      if (!as_pending && parent && model_.is_pending(parent->value())) return;
      ++sequence.num_inserted;
      if (model_.is_cached(block.value())) continue;  // a fork has offered it
      const BlockContent content = named(sequence.chain, i);
      const Insertion inserted = as_pending ? pool_.cache().insert_pending(content, parent, block)
                                            : pool_.cache().insert_stored(content, parent, block);
      ASSERT_EQ(inserted,
                model_.insert(modelled(sequence.chain, i), raw(parent), block.value(), as_pending));
      if (inserted == Insertion::kDuplicate) replace(sequence, i, parent);
      if (inserted == Insertion::kInserted && as_pending) {
        pending_.push_back({block.value(), i, &sequence});
      }
    } while (below(3) > 0);
  }

  void replace(Sequence& sequence, std::uint32_t i, std::optional<BlockId> parent) {
    const auto holder = pool_.cache().find(named(sequence.chain, i), parent);
    ASSERT_EQ(raw(holder), model_.find(modelled(sequence.chain, i), raw(parent)));
    model_.reference(holder->value());
    model_.release(sequence.table.block_ids()[i]);
    sequence.table.replace(i, pool_.reference(*holder));
  }

  void commit_some() {
    const std::size_t num = pending_.empty() ? 0 : 1 + random_() % pending_.size();
    for (std::size_t i = 0; i < num; ++i) {
      pool_.cache().commit(BlockId(pending_[i].block));
      model_.commit(pending_[i].block);
    }
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(num));
  }

  void withdraw_some() {
    for (std::size_t num = pending_.empty() ? 0 : 1 + random_() % pending_.size(); num > 0; --num) {
      const Pending last = pending_.back();
      pending_.pop_back();
      pool_.cache().withdraw(BlockId(last.block));
      model_.withdraw(last.block);
      // A block of its owner's alone may be offered again.
      if (model_.num_references(last.block) > 1) continue;
      for (Sequence& sequence : sequences_) {
        if (&sequence == last.owner) sequence.num_inserted = last.index;
      }
    }
  }

  void settle() {
    while (!pending_.empty()) below(4) > 0 ? commit_some() : withdraw_some();
  }

  // A sequence that takes over the first blocks of another.
  void fork(std::size_t at) {
    if (sequences_.size() == kMaxSequences) return;
    const Sequence& other = sequences_[at];
    const std::uint32_t num_blocks =
        below(std::min(other.num_inserted, other.table.num_blocks()) + 1);
    Sequence sequence{
        TokenChain({.block_size = kBlockSize, .seed = other.chain.seed()},
                   other.chain.token_ids().first(std::size_t{num_blocks} * kBlockSize)),
        BlockTable(kBlockSize), num_blocks};
    sequence.chain.append(below(2));
    sequence.table.share_prefix(other.table, num_blocks, pool_);
    for (const std::uint32_t block : sequence.table.block_ids()) model_.reference(block);
    sequences_.push_back(std::move(sequence));
  }

  void give_back(Sequence& sequence, std::uint32_t num_kept) {
    const auto ids = sequence.table.block_ids();
    for (std::uint32_t i = num_kept; i < ids.size(); ++i) {
      if (model_.is_pending(ids[i])) settle();
    }
    for (auto i = static_cast<std::uint32_t>(ids.size()); i > num_kept; --i) {
      model_.release(ids[i - 1]);
    }
    sequence.table.truncate(num_kept);
    sequence.num_inserted = std::min(sequence.num_inserted, num_kept);
  }

  void cut(Sequence& sequence) { give_back(sequence, below(sequence.table.num_blocks() + 1)); }

  void end(std::size_t at) {
    give_back(sequences_[at], 0);
    if (!pending_.empty()) settle();  // owners are known by address
    if (at + 1 < sequences_.size()) std::swap(sequences_[at], sequences_.back());
    sequences_.pop_back();
  }

  void take_anonymous() {
    std::optional<BlockRef> ref = pool_.allocate();
    ASSERT_EQ(ref ? std::optional(ref->id().value()) : std::nullopt, model_.allocate())
        << "the same victim";
    if (ref) anonymous_.push_back(std::move(*ref));
  }

  void drop_anonymous() {
    if (anonymous_.empty()) return;
    std::swap(anonymous_[below(static_cast<std::uint32_t>(anonymous_.size()))], anonymous_.back());
    model_.release(anonymous_.back().id().value());
    anonymous_.pop_back();
  }

  void clear() {
    settle();
    const std::uint32_t before = model_.num_free();
    model_.clear();
    EXPECT_EQ(pool_.clear_cache(), model_.num_free() - before);
    // Who shares blocks with nobody may offer them anew.
    for (Sequence& sequence : sequences_) {
      const bool is_alone = std::ranges::all_of(sequence.table.block_ids(), [&](std::uint32_t b) {
        return model_.num_references(b) == 1;
      });
      if (is_alone && below(2) == 0) sequence.num_inserted = 0;
    }
  }

  void set_priority() {
    const std::uint32_t block = below(options_.num_blocks);
    const auto priority = static_cast<RetentionPriority>(below(3));
    pool_.cache().set_priority(BlockId(block), priority);
    model_.set_priority(block, priority);
  }

  void compare_counts() {
    ASSERT_EQ(pool_.num_free(), model_.num_free());
    ASSERT_EQ(pool_.num_cached(), model_.num_cached());
    ASSERT_EQ(pool_.num_active() + pool_.num_available(), options_.num_blocks);
    ASSERT_EQ(pool_.cache().num_stored(), model_.num_stored());
    ASSERT_EQ(pool_.cache().num_evicted(), model_.num_evicted());
    ASSERT_EQ(pool_.cache().num_collisions(), model_.num_collisions());
    const std::uint32_t block = below(options_.num_blocks);
    ASSERT_EQ(pool_.ref_count(BlockId(block)), model_.num_references(block));
    ASSERT_EQ(pool_.cache().contains(BlockId(block)), model_.is_cached(block));
    ASSERT_EQ(pool_.cache().is_pending(BlockId(block)), model_.is_pending(block));
  }

  // One listener follows record by record; another comes back now and then, by the records it
  // missed or, when those are gone, by a snapshot.
  void compare_listeners() {
    for (const KvEvent& event : pool_.cache().take_events()) {
      log_.append(event);
      catch_up(steady_);
    }
    if (below(50) > 0) return;
    const EventMirror::Content expected = model_.stored_content();
    EXPECT_EQ(steady_.content(), expected);
    EXPECT_EQ(steady_.digest(), log_.digest());
    catch_up(forgetful_);
    EXPECT_EQ(forgetful_.content(), expected);
    if (below(4) > 0) return;
    forgetful_ = EventMirror(kBlockSize);
    forgetful_.apply(log_.snapshot());
  }

  void catch_up(EventMirror& mirror) {
    const auto records = log_.range(mirror.last_seq() + 1, log_.last_seq());
    if (!records) {
      mirror = EventMirror(kBlockSize);
      return mirror.apply(log_.snapshot());
    }
    for (const KvEventRecord& record : *records) mirror.apply(record);
  }

  Options options_;
  std::mt19937 random_;
  BlockPool pool_;
  CacheModel model_;
  std::vector<Sequence> sequences_;
  std::vector<BlockRef> anonymous_;
  std::vector<Pending> pending_;  // in the order of their insertion: parents first
  KvEventLog log_{{.epoch = 1, .block_size = kBlockSize, .max_records = 100}};
  EventMirror steady_{kBlockSize};
  EventMirror forgetful_{kBlockSize};
};

std::uint64_t num_operations() {
  const char* const set = std::getenv("PENSTOCK_KV_OPERATIONS");
  return set == nullptr ? 200'000 : std::strtoull(set, nullptr, 10);
}

TEST(CacheRandom, agrees_with_the_model_in_pools_of_all_sizes) {
  const std::uint64_t share = num_operations() / 8;
  for (unsigned seed = 0; seed < 4 && !HasFailure(); ++seed) {
    RandomUse({.seed = seed, .num_blocks = 6 + 8 * seed}).run(share);
  }
}

TEST(CacheRandom, agrees_with_the_model_when_hashes_collide) {
  const std::uint64_t share = num_operations() / 8;
  for (unsigned seed = 10; seed < 14 && !HasFailure(); ++seed) {
    RandomUse({.seed = seed, .num_blocks = 24, .hash_mask = seed % 2 == 0 ? 15U : 63U}).run(share);
  }
}

}  // namespace
}  // namespace penstock::kv
