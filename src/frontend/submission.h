// From a prepared request to what goes to the worker and what frames the answer.
// Threading: pure functions.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "frontend/admin/explain_store.h"
#include "frontend/answer.h"
#include "frontend/preparation.h"
#include "frontend/request_context.h"
#include "rpc/messages.h"

namespace penstock::frontend {

// The band it waits in: what was wished, at most what its tenant may have.
[[nodiscard]] std::uint32_t granted_strict_priority(const RequestContext& context,
                                                    const openai::HintWish& hints);

// All choices of one prompt.
[[nodiscard]] rpc::Submit make_submit(const Prepared& prepared, const RequestContext& context,
                                      std::uint32_t prompt_index, MonotonicTime now);

// What is known of a request from its headers on: ids, caller, priorities, time of arrival.
// `hints`: its own, when they are known.
[[nodiscard]] RequestRecord begin_record(const RequestContext& context,
                                         const openai::HintWish& hints, const Clock& clock);

// `created`: Unix seconds.
[[nodiscard]] AnswerFrame make_frame(const Prepared& prepared, const RequestContext& context,
                                     std::int64_t created);

// x-penstock-ignored: the names, comma-separated. They are the client's text, so whatever could
// break a header becomes '?', and a long list is cut.
[[nodiscard]] std::string ignored_header(const std::vector<std::string>& names);

}  // namespace penstock::frontend
