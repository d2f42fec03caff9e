// What `penstock serve` can be told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "frontend/options.h"
#include "net/http_server.h"
#include "penstock/settings.h"
#include "worker/mock_engine.h"
#include "worker/native_engine.h"

namespace penstock::apps {

// As given; names follow the flags.
struct ServeSettings {
  std::string model;
  std::vector<std::string> served_model_name;
  std::string chat_template;

  std::string http_host = "127.0.0.1";
  std::int64_t http_port = 8000;
  std::vector<std::string> http_path;
  std::vector<std::string> cors_origin;
  std::string api_keys_file;
  std::string admin_host = "127.0.0.1";
  std::int64_t admin_port = 8001;  // -1 = off
  std::string admin_token_file;
  std::int64_t explain_records = 10'000;
  std::int64_t http_body_limit_mb = 64;
  std::optional<std::int64_t> http_body_memory_mb;
  std::int64_t http_header_limit_kb = 64;
  std::int64_t http_header_timeout_ms = 10'000;
  std::int64_t http_body_timeout_ms = 60'000;
  std::int64_t http_idle_timeout_ms = 75'000;
  std::int64_t http_write_timeout_ms = 60'000;
  std::int64_t max_connections = 65'536;
  std::string tls_cert_path;
  std::string tls_key_path;
  std::string tls_client_ca_path;
  std::int64_t max_inflight = 8192;
  std::int64_t tokenize_queue = 1024;
  std::int64_t http_grace_secs = 5;
  std::int64_t drain_timeout_ms = 25'000;
  std::optional<std::int64_t> io_threads;
  std::optional<std::int64_t> tokenizer_threads;
  std::int64_t tokenizer_cache_mb = 64;
  std::int64_t default_deadline_ms = 600'000;
  std::int64_t max_deadline_ms = 3'600'000;
  std::int64_t overload_status = 429;
  std::string unknown_fields = "ignore";
  std::int64_t sse_keepalive_ms = 10'000;
  bool force_include_usage = false;
  std::int64_t max_n = 16;
  bool allow_request_template = false;
  bool generation_config = true;
  bool http_metrics = true;
  std::string metrics_prefix = "penstock_frontend";
  std::vector<std::string> metrics_buckets;

  std::string engine = "native";
  double mock_step_us = 4'900;
  double mock_token_us = 25;
  double mock_attended_ns = 0;
  double mock_speedup = 1;
  std::string compute = "bf16";
  std::string kv_dtype = "auto";  // f32 with --compute f32, else bf16
  std::int64_t block_size = 32;
  std::optional<std::int64_t> kv_blocks;
  std::optional<double> kv_cache_gb;
  std::optional<std::int64_t> max_model_len;
  bool enable_prefix_caching = true;
  std::int64_t max_num_seqs = 256;
  std::int64_t max_num_batched_tokens = 8192;
  std::int64_t max_queue = 1024;
  std::optional<double> itl_target_ms;
  std::optional<std::int64_t> threads;
  std::int64_t canary_timeout_ms = 30'000;
  std::int64_t stall_timeout_ms = 10'000;
  std::string trace;

  std::string log_level = "info";
  std::string log_format = "text";
};

// The table over `values`, which outlives it.
[[nodiscard]] Settings make_serve_settings(ServeSettings& values);

[[nodiscard]] net::HttpServerOptions http_options(const ServeSettings& values);
[[nodiscard]] net::HttpServerOptions admin_http_options(const ServeSettings& values);
// Fails on --http-path and --cors-origin that make no sense.
[[nodiscard]] Result<frontend::FrontendOptions> frontend_options(const ServeSettings& values);
[[nodiscard]] worker::EngineSettings engine_settings(const ServeSettings& values);
[[nodiscard]] worker::NativeEngineOptions native_options(const ServeSettings& values);
[[nodiscard]] engine::MockTiming mock_timing(const ServeSettings& values);

}  // namespace penstock::apps
