// What a worker's failure means to the client.
#pragma once

#include "base/result.h"
#include "openai/errors.h"
#include "rpc/messages.h"

namespace penstock::frontend {

// A finish of kind kError. What the worker says about the request's content is passed on as 400;
// of anything else only the kind is told.
[[nodiscard]] openai::ApiError error_of_finish(const rpc::Finish& finish);
// A submit that could not be sent.
[[nodiscard]] openai::ApiError error_of_send(const Error& error);

[[nodiscard]] openai::ApiError worker_lost();
[[nodiscard]] openai::ApiError no_ready_worker();

}  // namespace penstock::frontend
