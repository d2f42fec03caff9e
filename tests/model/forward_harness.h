// Runs a forward pass as an engine would: sequences with block tables from a shuffled pool.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "device/cpu/host_buffer.h"
#include "device/cpu/thread_team.h"
#include "kernels/cpu/kernels.h"
#include "model/forward.h"
#include "model/model_files.h"

namespace penstock::model::testing {

struct HarnessSpec {
  ForwardOptions options;
  int num_threads = 1;
  std::uint32_t num_blocks = 64;
  std::uint64_t shuffle_seed = 1;  // of the order in which blocks are given out
};

// Tokens that a sequence takes in one forward pass.
struct Piece {
  std::uint32_t sequence = 0;
  std::span<const std::uint32_t> token_ids;
  bool wants_all_logits = false;  // else those of its last token
};

class ForwardHarness final {
 public:
  ForwardHarness(const ModelFiles& files, const HarnessSpec& spec);

  [[nodiscard]] std::uint32_t new_sequence();
  [[nodiscard]] std::uint32_t length(std::uint32_t sequence) const {
    return sequences_[sequence].length;
  }
  // Logits [rows asked for, vocab], in the order of the pieces.
  [[nodiscard]] std::vector<float> run(std::span<const Piece> pieces);
  // Feeds `token_ids` in pieces of at most `chunk`; all logits.
  [[nodiscard]] std::vector<float> feed(std::uint32_t sequence,
                                        std::span<const std::uint32_t> token_ids,
                                        std::uint32_t chunk);

  [[nodiscard]] const ForwardPass& pass() const { return *pass_; }
  [[nodiscard]] std::uint32_t vocab_size() const { return vocab_size_; }

 private:
  struct Sequence {
    std::vector<std::uint32_t> block_table;
    std::uint32_t length = 0;
  };

  std::uint32_t block_size_;
  std::uint32_t vocab_size_;
  device::ThreadTeam team_;
  std::unique_ptr<ForwardPass> pass_;
  device::HostBuffer pool_;
  std::vector<std::uint32_t> free_blocks_;
  std::deque<Sequence> sequences_;
};

// The kernel tables that this machine can run.
[[nodiscard]] std::vector<kernels::CpuIsa> runnable_isas();

}  // namespace penstock::model::testing
