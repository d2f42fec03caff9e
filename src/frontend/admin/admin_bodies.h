// What the admin port shows, as JSON. Threading: functions of their arguments, which any thread may
// read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ledger.h"
#include "frontend/access/access.h"
#include "frontend/admin/explain_store.h"
#include "frontend/models.h"
#include "text/json.h"

namespace penstock::frontend {

[[nodiscard]] text::Json workers_json(const Models& models);
// Null for an id that is none.
[[nodiscard]] const Model* find_worker(const Models& models, std::uint64_t worker_id);
[[nodiscard]] text::Json worker_json(const Model& model);

[[nodiscard]] text::Json tenants_json(const Access& access, MonotonicTime now);

[[nodiscard]] text::Json record_json(const RequestRecord& record);
[[nodiscard]] text::Json records_json(const std::vector<RequestRecord>& records);

struct LedgerWish {
  bool only_nonzero = false;
  std::optional<std::uint64_t> worker_id;  // this worker's alone
};
// Of a process whose parts share one ledger: what a kind of entry is held by tells the frontend's
// from the worker's. With only_nonzero an idle server has nothing to show: neither open connections
// nor files that stay open as long as the process runs are listed then.
[[nodiscard]] text::Json ledger_json(const Ledger& ledger, const Models& models, LedgerWish wish);

}  // namespace penstock::frontend
