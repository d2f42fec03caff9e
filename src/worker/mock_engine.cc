#include "worker/mock_engine.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <string_view>

#include "model/model_files.h"
#include "text/utf8.h"

namespace penstock::worker {
namespace {

constexpr std::uint64_t kDefaultBlocks = 16'384;
constexpr std::uint64_t kMaxBlocks = std::numeric_limits<std::uint32_t>::max() / 2;

bool is_printable(std::string_view bytes) {
  return !bytes.empty() && text::find_invalid_utf8(bytes) == std::string_view::npos &&
         std::ranges::none_of(
             bytes, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

}  // namespace

std::vector<engine::TokenId> printable_ids(const tokenizer::Tokenizer& tokenizer) {
  std::vector<engine::TokenId> ids;
  for (engine::TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    if (!tokenizer.is_special(id) && is_printable(tokenizer.token_bytes(id))) ids.push_back(id);
  }
  if (ids.empty()) {
    ids.resize(tokenizer.vocab_size());
    std::iota(ids.begin(), ids.end(), engine::TokenId{0});
  }
  return ids;
}

Result<std::unique_ptr<MockEngine>> MockEngine::load(const model::ModelFiles& files,
                                                     const tokenizer::Tokenizer& tokenizer,
                                                     const EngineSettings& settings,
                                                     engine::MockTiming timing) {
  const std::uint64_t num_blocks = settings.num_kv_blocks.value_or(kDefaultBlocks);
  if (num_blocks == 0 || num_blocks > kMaxBlocks) {
    return make_error(ErrorCode::kInvalid, "--kv-blocks {} must be 1 to {}", num_blocks,
                      kMaxBlocks);
  }
  auto engine =
      std::unique_ptr<MockEngine>(new MockEngine(settings, {.vocab_size = tokenizer.vocab_size(),
                                                            .drawn_ids = printable_ids(tokenizer),
                                                            .timing = timing}));
  ASSIGN_OR_RETURN(const std::uint32_t context, engine->context_length(files.config()));
  engine->set_facts(num_blocks, context);
  engine->facts_.kind = "mock";
  engine->facts_.numerics = "mock-1";
  engine->facts_.kv_layout = "none";
  return engine;
}

std::unique_ptr<engine::EngineLoop> MockEngine::make_loop(const LoopDeps& deps,
                                                          engine::StepSink sink) {
  return loop_over(std::make_unique<engine::MockRunner>(options_), deps, std::move(sink));
}

std::string MockEngine::description() const {
  const engine::MockTiming& timing = options_.timing;
  if (timing.speedup <= 0) return "mock, a step takes no time";
  return format("mock, a step takes ({} us + {} us per token + {} ns per attended pair) / {}",
                timing.fixed_us, timing.per_row_us, timing.per_attended_ns, timing.speedup);
}

}  // namespace penstock::worker
