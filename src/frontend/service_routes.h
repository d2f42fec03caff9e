// The routes that answer at once: models, health, metrics. Threading: pure functions of their
// arguments.
#pragma once

#include <string>
#include <string_view>

#include "frontend/models.h"
#include "frontend/options.h"
#include "frontend/preparation.h"
#include "net/http_server.h"
#include "openai/errors.h"

namespace penstock::frontend {

[[nodiscard]] std::string models_body(const Models& models);
// kModelNotFound for an id that is not served.
[[nodiscard]] openai::ApiResult<std::string> model_body(const Models& models, std::string_view id);

// `model`: one id, or empty for "any".
[[nodiscard]] bool is_ready(const Models& models, bool is_draining, std::string_view model);
[[nodiscard]] std::string health_body(const Models& models, bool is_draining,
                                      std::string_view version);

// The description of the public API, from the tables that `preparer` validates with.
[[nodiscard]] std::string openapi_body(const Preparer& preparer, std::string_view version);

// What /live says of the first model whose engine is stuck; empty when none is.
[[nodiscard]] std::string stalled_body(const Models& models);

// The value of `name` in a raw query string, percent-decoded; empty when absent.
[[nodiscard]] std::string query_value(std::string_view query, std::string_view name);

}  // namespace penstock::frontend
