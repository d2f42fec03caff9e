// The models this frontend serves, each with its tokenizer, template and worker.
//
// Threading: immutable after construction, but for streams and stalls, which are safe from any
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "chat_template/chat_template.h"
#include "discovery/model_card.h"
#include "frontend/backlog.h"
#include "frontend/worker_stream.h"
#include "net/io_pool.h"
#include "rpc/channel.h"
#include "tokenizer/tokenizer.h"

namespace penstock::frontend {

// An engine that has work and makes no progress.
struct WorkerStall {
  std::string phase;  // of its step
  Duration age{};     // since its last sign of progress
};

// What an operator may tell a worker in this process, from any thread; none for others.
struct WorkerControl {
  std::function<void()> drain{};  // takes no new requests; what runs goes on
  std::function<void()> resume{};
};

// What `apps/` hands over for each model.
struct ServedModel {
  discovery::ModelCard card;
  std::shared_ptr<const tokenizer::Tokenizer> tokenizer;  // in `serve` the worker shares it
  std::shared_ptr<const chat_template::ChatTemplate> chat_template;  // null: completions only
  std::unique_ptr<rpc::FrontendEnd> worker;
  // Of a worker in this process, from any thread; none for others.
  std::function<std::optional<WorkerStall>()> stall{};
  std::uint64_t worker_id = 1;
  WorkerControl control{};
};

struct Model {
  Model(net::IoPool& pool, const Clock& clock, ServedModel served);

  const discovery::ModelCard card;
  const std::shared_ptr<const tokenizer::Tokenizer> tokenizer;
  const std::shared_ptr<const chat_template::ChatTemplate> chat_template;
  const std::string fingerprint;                                 // system_fingerprint
  const std::function<std::optional<WorkerStall>()> find_stall;  // may be empty
  const std::uint64_t worker_id;
  const WorkerControl control;
  Backlog backlog;
  WorkerStream stream;  // tells the backlog of the worker's load

  [[nodiscard]] std::optional<WorkerStall> stall() const;
  // It takes new requests: its worker is there and makes progress.
  [[nodiscard]] bool is_ready() const { return stream.is_ready() && !stall(); }
};

class Models final {
 public:
  // `pool` and `clock` outlive it.
  Models(net::IoPool& pool, const Clock& clock, std::vector<ServedModel> served);

  // By exact name or alias; null when there is none.
  [[nodiscard]] Model* find(std::string_view name) const noexcept;
  [[nodiscard]] const std::vector<std::unique_ptr<Model>>& all() const noexcept { return models_; }

 private:
  std::vector<std::unique_ptr<Model>> models_;
};

}  // namespace penstock::frontend
