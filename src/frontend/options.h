// The settings of a frontend. Threading: a value, constant once a Frontend has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "frontend/access/cors.h"
#include "frontend/metrics_buckets.h"
#include "frontend/routes.h"
#include "openai/field_table.h"

namespace penstock::frontend {

struct FrontendOptions {
  Duration default_deadline = std::chrono::seconds(600);
  Duration max_deadline = std::chrono::seconds(3600);
  int overload_status = 429;  // or 503, 529
  std::size_t max_inflight = 8192;
  std::size_t tokenizer_threads = 1;
  std::size_t tokenize_queue = 1024;
  std::size_t tokenizer_cache_bytes = std::size_t{64} << 20;  // 0 = off
  Duration sse_keepalive = std::chrono::seconds(10);          // 0 = off
  bool force_include_usage = false;
  std::uint32_t max_n = 16;
  openai::UnknownFields unknown_fields = openai::UnknownFields::kIgnore;
  bool allow_request_template = false;  // chat_template of a request; its literals are trusted
  bool use_generation_config = true;    // the card's sampling defaults
  bool http_metrics = true;             // /metrics on the public port
  std::size_t explain_records = 10'000;
  MetricsNaming metrics{};
  std::string version = "0";  // shown by /health
  RouteTable routes{};
  Cors cors{};
};

}  // namespace penstock::frontend
