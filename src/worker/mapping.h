// Between the request plane's messages and the engine's values. Pure functions.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "engine/request.h"
#include "rpc/messages.h"

namespace penstock::worker {

// What this worker cannot honour is kInvalid and names the field; nothing is dropped in silence.
[[nodiscard]] Result<engine::EngineRequest> to_engine_request(rpc::Submit submit,
                                                              engine::RequestHandle handle,
                                                              MonotonicTime now);

[[nodiscard]] rpc::Output to_rpc_output(engine::ChoiceOutput output, const rpc::RequestKey& key);
[[nodiscard]] rpc::Load to_rpc_load(const engine::EngineLoad& load, std::uint64_t step);

// An answer for a submit that never reached the engine.
[[nodiscard]] rpc::Output refusal(const rpc::RequestKey& key, std::uint32_t sequence,
                                  rpc::WorkerErrorCode code, std::string message);

}  // namespace penstock::worker
