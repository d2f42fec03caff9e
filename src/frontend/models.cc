#include "frontend/models.h"

#include <algorithm>

#include "openai/answer_parts.h"

namespace penstock::frontend {

Model::Model(net::IoPool& pool, const Clock& clock, ServedModel served)
    : card(std::move(served.card)),
      tokenizer(std::move(served.tokenizer)),
      chat_template(std::move(served.chat_template)),
      fingerprint(openai::system_fingerprint(card.digests.model)),
      find_stall(std::move(served.stall)),
      worker_id(served.worker_id),
      control(std::move(served.control)),
      backlog(clock),
      stream(pool, std::move(served.worker),
             [this](const rpc::Load& load) { backlog.on_load(load); }) {}

std::optional<WorkerStall> Model::stall() const {
  return find_stall ? find_stall() : std::nullopt;
}

Models::Models(net::IoPool& pool, const Clock& clock, std::vector<ServedModel> served) {
  for (ServedModel& model : served) {
    models_.push_back(std::make_unique<Model>(pool, clock, std::move(model)));
  }
}

Model* Models::find(std::string_view name) const noexcept {
  for (const auto& model : models_) {
    if (model->card.name == name ||
        std::ranges::find(model->card.aliases, name) != model->card.aliases.end()) {
      return model.get();
    }
  }
  return nullptr;
}

}  // namespace penstock::frontend
