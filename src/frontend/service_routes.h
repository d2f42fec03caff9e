// The routes that answer at once: models, health, metrics. Threading: functions of their arguments,
// which any thread may read.
#pragma once

#include <string>
#include <string_view>

#include "frontend/access/tenant.h"
#include "frontend/models.h"
#include "frontend/options.h"
#include "frontend/preparation.h"
#include "frontend/probe.h"
#include "frontend/routes.h"
#include "metrics/registry.h"
#include "net/http_server.h"
#include "net/io_pool.h"
#include "openai/errors.h"

namespace penstock::frontend {

// What the answers are made of.
struct ServiceView {
  const Models& models;
  const net::IoPool& pool;
  const Probe& probe;
  const metrics::Registry& registry;
  std::string_view version;
  bool is_draining = false;
};
// Of kLive, kReady, kHealth and kMetrics, on either port.
[[nodiscard]] net::HttpResponse service_response(Route route, const ServiceView& view,
                                                 std::string_view query, net::HttpHeaders headers);

// What `tenant` may use; anything else is as if it were not there.
[[nodiscard]] std::string models_body(const Models& models, const Tenant& tenant);
// kModelNotFound for an id that is not served.
[[nodiscard]] openai::ApiResult<std::string> model_body(const Models& models, const Tenant& tenant,
                                                        std::string_view id);

// `model`: one id, or empty for "any".
[[nodiscard]] bool is_ready(const Models& models, bool is_draining, std::string_view model);
[[nodiscard]] std::string health_body(const Models& models, bool is_draining,
                                      std::string_view version);

// The description of the public API, from the tables that `preparer` validates with.
[[nodiscard]] std::string openapi_body(const Preparer& preparer, const FrontendOptions& options);

// What /live says of the first model whose engine is stuck; empty when none is.
[[nodiscard]] std::string stalled_body(const Models& models);

// The value of `name` in a raw query string, percent-decoded; empty when absent.
[[nodiscard]] std::string query_value(std::string_view query, std::string_view name);

}  // namespace penstock::frontend
