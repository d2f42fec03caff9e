#include "tests/model/forward_harness.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "base/check.h"

namespace penstock::model::testing {

ForwardHarness::ForwardHarness(const ModelFiles& files, const HarnessSpec& spec)
    : block_size_(spec.options.block_size),
      vocab_size_(files.config().vocab_size),
      team_(spec.num_threads),
      free_blocks_(spec.num_blocks) {
  auto pass = make_cpu_forward(files, spec.options, team_);
  CHECK(pass, "{}", pass.error().message());
  pass_ = std::move(*pass);
  auto pool = device::HostBuffer::allocate(spec.num_blocks * pass_->kv_block_bytes());
  CHECK(pool, "{}", pool.error().message());
  pool_ = std::move(*pool);
  // What a block holds before it is written must not matter: these bytes are NaN in every type.
  std::ranges::fill(pool_.bytes(), std::byte{0xFF});
  std::iota(free_blocks_.begin(), free_blocks_.end(), 0U);
  std::mt19937_64 random(spec.shuffle_seed);
  std::ranges::shuffle(free_blocks_, random);
}

std::uint32_t ForwardHarness::new_sequence() {
  sequences_.emplace_back();
  return static_cast<std::uint32_t>(sequences_.size() - 1);
}

std::vector<float> ForwardHarness::run(std::span<const Piece> pieces) {
  std::vector<std::uint32_t> token_ids;
  std::vector<std::uint32_t> logit_rows;
  std::vector<ForwardSequence> batch;
  for (const Piece& piece : pieces) {
    Sequence& sequence = sequences_[piece.sequence];
    const auto first_row = static_cast<std::uint32_t>(token_ids.size());
    const auto num_rows = static_cast<std::uint32_t>(piece.token_ids.size());
    token_ids.insert(token_ids.end(), piece.token_ids.begin(), piece.token_ids.end());
    for (std::uint32_t row = piece.wants_all_logits ? 0 : num_rows - 1; row < num_rows; ++row) {
      logit_rows.push_back(first_row + row);
    }
    const std::uint32_t first_position = sequence.length;
    sequence.length += num_rows;
    while (sequence.block_table.size() * block_size_ < sequence.length) {
      CHECK(!free_blocks_.empty(), "the test's pool is too small");
      sequence.block_table.push_back(free_blocks_.back());
      free_blocks_.pop_back();
    }
    batch.push_back({first_row, num_rows, first_position, sequence.block_table});
  }
  const auto logits = pass_->forward(
      {.token_ids = token_ids, .sequences = batch, .logit_rows = logit_rows}, pool_.bytes());
  return {logits.begin(), logits.end()};
}

std::vector<float> ForwardHarness::feed(std::uint32_t sequence,
                                        std::span<const std::uint32_t> token_ids,
                                        std::uint32_t chunk) {
  std::vector<float> logits;
  for (std::size_t at = 0; at < token_ids.size(); at += chunk) {
    const Piece piece{
        sequence, token_ids.subspan(at, std::min<std::size_t>(chunk, token_ids.size() - at)), true};
    const std::vector<float> more = run({&piece, 1});
    logits.insert(logits.end(), more.begin(), more.end());
  }
  return logits;
}

std::vector<kernels::CpuIsa> runnable_isas() {
  using kernels::CpuIsa;
  std::vector<CpuIsa> isas;
  for (const CpuIsa isa :
       {CpuIsa::kPortable, CpuIsa::kAvx2, CpuIsa::kAvx512, CpuIsa::kAvx512Bf16}) {
    if (kernels::find_cpu_kernels(isa, device::detect_cpu_features()) != nullptr) {
      isas.push_back(isa);
    }
  }
  return isas;
}

}  // namespace penstock::model::testing
