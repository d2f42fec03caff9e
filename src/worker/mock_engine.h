// An engine that serves made-up text at a stated pace: everything of a worker but the computing.
//
// For load tests of what stands in front of engines, and for fleets larger than the machine. It
// needs a model's tokenizer and configuration, not its weights.
#pragma once

#include <memory>
#include <string>

#include "engine/mock_runner.h"
#include "worker/hosted_engine.h"

namespace penstock::model {
class ModelFiles;
}

namespace penstock::worker {

class MockEngine final : public HostedEngine {
 public:
  // Without `num_kv_blocks`: 16,384 blocks.
  [[nodiscard]] static Result<std::unique_ptr<MockEngine>> load(
      const model::ModelFiles& files, const tokenizer::Tokenizer& tokenizer,
      const EngineSettings& settings, engine::MockTiming timing);

  [[nodiscard]] std::unique_ptr<engine::EngineLoop> make_loop(const LoopDeps& deps,
                                                              engine::StepSink sink) override;
  [[nodiscard]] std::string description() const override;

 private:
  MockEngine(const EngineSettings& settings, engine::MockOptions options)
      : HostedEngine(settings), options_(std::move(options)) {}

  const engine::MockOptions options_;
};

// Ids whose text is whole and printable, so that what a mock says reads like words; all ids of a
// tokenizer that has none.
[[nodiscard]] std::vector<engine::TokenId> printable_ids(const tokenizer::Tokenizer& tokenizer);

}  // namespace penstock::worker
