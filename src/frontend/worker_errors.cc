#include "frontend/worker_errors.h"

namespace penstock::frontend {

using openai::ApiError;
using openai::ApiErrorCode;
using openai::make_api_error;

ApiError error_of_finish(const rpc::Finish& finish) {
  switch (finish.error) {
    case rpc::WorkerErrorCode::kInvalid:
      return make_api_error(ApiErrorCode::kInvalidValue, "", "{}", finish.message).error();
    case rpc::WorkerErrorCode::kGrammar:
      return make_api_error(ApiErrorCode::kInvalidSchema, "", "{}", finish.message).error();
    case rpc::WorkerErrorCode::kKvCapacity:
      return make_api_error(ApiErrorCode::kKvCapacityExceeded, "", "{}", finish.message).error();
    case rpc::WorkerErrorCode::kOverloaded:
      return make_api_error(ApiErrorCode::kOverloaded, "worker_queue",
                            "the worker's queue is full; try again later")
          .error();
    case rpc::WorkerErrorCode::kDraining:
      return no_ready_worker();
    case rpc::WorkerErrorCode::kSlowConsumer:
      return make_api_error(ApiErrorCode::kSlowConsumer, "",
                            "the output could not be taken as fast as it was made")
          .error();
    case rpc::WorkerErrorCode::kInternal:
      break;
  }
  return worker_lost();
}

ApiError error_of_send(const Error& error) {
  if (error.code() == ErrorCode::kResourceExhausted) {
    return make_api_error(ApiErrorCode::kOverloaded, "worker_stream",
                          "the worker takes requests too slowly; try again later")
        .error();
  }
  return no_ready_worker();
}

ApiError worker_lost() {
  return make_api_error(ApiErrorCode::kWorkerLost, "",
                        "the worker that ran this request was lost; send it again")
      .error();
}

ApiError no_ready_worker() {
  return make_api_error(ApiErrorCode::kNoReadyWorker, "",
                        "no worker of this model takes requests now; try again later")
      .error();
}

}  // namespace penstock::frontend
