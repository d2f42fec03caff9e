// One sequence as the scheduler sees it: counts of tokens, blocks, and a state. Token values,
// sampling and text are the engine's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "kv/block_table.h"

namespace penstock::sched {

using SequenceId = StrongId<struct SequenceIdTag, std::uint64_t>;

// Waiting -> Running <-> Waiting (preempted), and from either -> Finished.
enum class SequenceState : std::uint8_t { kWaiting, kRunning, kFinished };
[[nodiscard]] std::string_view to_string(SequenceState state) noexcept;
[[nodiscard]] bool is_legal_transition(SequenceState from, SequenceState to) noexcept;

// A choice of a prompt that another sequence computes: this one waits until that one has computed
// the common tokens, and starts from its full blocks.
struct SharedPrompt {
  SequenceId with;
  std::uint32_t num_tokens = 0;  // leading tokens equal in both, at most num_known_tokens of each
};

// What the engine asks for.
struct SequenceSpec {
  SequenceId id;
  std::uint32_t num_known_tokens = 0;  // prompt, and output a migrated request already has; >= 1
  std::uint32_t max_tokens = 0;        // most tokens whose KV it may ever need; >= known
  std::uint32_t strict_priority = 0;   // higher bands first
  std::int32_t priority = 0;           // seconds ahead of its arrival, within a band
  std::uint32_t migrations = 0;        // above 0: ahead of all that never ran
  MonotonicTime arrival;
  std::optional<SharedPrompt> shared_prompt;
};

struct Sequence {
  explicit Sequence(const SequenceSpec& s, std::uint32_t block_size)
      : spec(s), num_known(s.num_known_tokens), blocks(block_size) {}

  SequenceSpec spec;
  SequenceState state = SequenceState::kWaiting;
  std::uint32_t num_known = 0;     // tokens whose ids are known
  std::uint32_t num_computed = 0;  // of these, tokens whose KV is in the blocks
  std::uint32_t num_preemptions = 0;
  kv::BlockTable blocks;

  [[nodiscard]] std::uint32_t num_uncomputed() const noexcept { return num_known - num_computed; }
  // Only the token sampled last is uncomputed: the sequence produces one token per step.
  [[nodiscard]] bool is_decoding() const noexcept {
    return num_uncomputed() == 1 && num_known > spec.num_known_tokens;
  }
  void move_to(SequenceState next);
};

}  // namespace penstock::sched
