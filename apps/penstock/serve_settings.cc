#include "penstock/serve_settings.h"

#include <algorithm>
#include <cmath>
#include <thread>

namespace penstock::apps {
namespace {

using std::chrono::milliseconds;

constexpr double kMaxMs = 86'400'000;  // a day
constexpr double kMaxCount = 1 << 30;

// cores/4, between 1 and 8.
std::size_t default_threads() {
  return std::clamp<std::size_t>(std::thread::hardware_concurrency() / 4, 1, 8);
}

void add_model_settings(Settings& table, ServeSettings& v) {
  table.section("Model");
  table.add("model", &v.model, "A .gguf file, or a folder with config.json and safetensors");
  table.add("served-model-name", &v.served_model_name,
            "Name clients use, and aliases (default: the file's or folder's name)");
  table.add("chat-template,custom-jinja-template", &v.chat_template,
            "Jinja file to use instead of the model's chat template");
  table.add("max-model-len", &v.max_model_len, SettingRange{2, kMaxCount},
            "Context length, at most the model's (default: the model's)");
  table.add("generation-config", &v.generation_config,
            "Take sampling defaults from the model's generation_config.json");
}

void add_engine_settings(Settings& table, ServeSettings& v) {
  table.section("Engine");
  table.add("engine", &v.engine, {"native", "mock"},
            "native computes the model; mock makes up tokens at a stated pace, for load tests");
  table.add("compute", &v.compute, {"f32", "bf16"}, "Arithmetic of the matrix products");
  table.add("kv-dtype", &v.kv_dtype, {"auto", "f32", "bf16"},
            "Type of the KV cache; auto: f32 with --compute f32, else bf16");
  table.add("threads", &v.threads, SettingRange{1, 1024},
            "Compute threads (default: physical cores)");
  table.add("block-size", &v.block_size, SettingRange{16, 1024},
            "Tokens per KV block, a multiple of 16");
  table.add("enable-prefix-caching", &v.enable_prefix_caching,
            "Keep KV blocks of computed prefixes and reuse them");
  table.add("kv-blocks,num-gpu-blocks-override", &v.kv_blocks, SettingRange{1, kMaxCount},
            "KV blocks in the pool");
  table.add("kv-cache-gb", &v.kv_cache_gb, SettingRange{0.001, 1e6},
            "Size of the KV pool in GiB (default: a quarter of free memory, at most 8)");
  table.add("max-num-seqs", &v.max_num_seqs, SettingRange{1, 65'536}, "Sequences that run at once");
  table.add("max-num-batched-tokens", &v.max_num_batched_tokens, SettingRange{16, 1 << 20},
            "Most tokens of one engine step");
  table.add("max-queue", &v.max_queue, SettingRange{1, 1 << 20},
            "Sequences that wait in the engine");
  table.add("itl-target-ms", &v.itl_target_ms, SettingRange{0.1, kMaxMs},
            "Time a step aims at while others decode (default: 1.5 times the pure decode step)");
  table.add("canary-timeout-ms", &v.canary_timeout_ms, SettingRange{1, kMaxMs},
            "Time for the first token through the engine at start");
  table.add("stall-timeout-ms", &v.stall_timeout_ms, SettingRange{100, kMaxMs},
            "Time without an engine step, while there is work, until /live fails");
  table.add("mock-step-us", &v.mock_step_us, SettingRange{0, 1e7},
            "Mock engine: time of a step (defaults: an 8B model on one H200)");
  table.add("mock-token-us", &v.mock_token_us, SettingRange{0, 1e6},
            "Mock engine: and of each token in it");
  table.add("mock-attended-ns", &v.mock_attended_ns, SettingRange{0, 1e6},
            "Mock engine: and of each pair of a token and one it attends to");
  table.add("mock-speedup", &v.mock_speedup, SettingRange{0, 1e6},
            "Mock engine: all of it divided by this; 0 = no time at all");
  table.add("trace", &v.trace,
            "Write every engine step to this file, for ui.perfetto.dev or chrome://tracing");
}

void add_http_settings(Settings& table, ServeSettings& v) {
  table.section("HTTP");
  table.add("http-host", &v.http_host, "Address to listen on");
  table.add("http-port", &v.http_port, SettingRange{0, 65'535}, "Port; 0 picks a free one");
  table.add("http-body-limit-mb", &v.http_body_limit_mb, SettingRange{1, 4096},
            "Largest request body");
  table.add("http-body-memory-mb", &v.http_body_memory_mb, SettingRange{1, 1 << 20},
            "Memory for all request bodies together; more is refused as overload (default: a "
            "quarter of the memory, at most 1024)");
  table.add("http-header-limit-kb", &v.http_header_limit_kb, SettingRange{1, 1024},
            "Largest request line and headers");
  table.add("http-header-timeout-ms", &v.http_header_timeout_ms, SettingRange{1, kMaxMs},
            "Time to receive the headers");
  table.add("http-body-timeout-ms", &v.http_body_timeout_ms, SettingRange{1, kMaxMs},
            "Time to receive the body");
  table.add("http-idle-timeout-ms", &v.http_idle_timeout_ms, SettingRange{1, kMaxMs},
            "Life of an idle connection");
  table.add("http-write-timeout-ms", &v.http_write_timeout_ms, SettingRange{1, kMaxMs},
            "Time without progress of a client that does not read");
  table.add("max-connections", &v.max_connections, SettingRange{1, 1 << 20},
            "Open connections; accepting pauses above");
  table.add("tls-cert-path", &v.tls_cert_path,
            "PEM file: the server's certificate, then its chain; makes HTTP HTTPS");
  table.add("tls-key-path", &v.tls_key_path, "PEM file: the key of that certificate");
  table.add("tls-client-ca-path", &v.tls_client_ca_path,
            "PEM file: clients must show a certificate that one of these has signed");
  table.add("io-threads", &v.io_threads, SettingRange{1, 64},
            "Event loops (default: cores/4, 1 to 8)");
  table.add("http-grace-secs", &v.http_grace_secs, SettingRange{0, 3600},
            "After SIGTERM: how long connections are still accepted (and answered 503)");
  table.add("drain-timeout-ms", &v.drain_timeout_ms, SettingRange{0, kMaxMs},
            "After SIGTERM: how long running requests may go on");
}

void add_access_settings(Settings& table, ServeSettings& v) {
  table.section("Access");
  table.add("api-keys-file", &v.api_keys_file,
            "TOML file with API keys and tenants, read again on SIGHUP (docs/access.md); without "
            "it everyone may ask");
  table.add("cors-origin", &v.cors_origin,
            "Origin of web pages that may call this server, or *; repeatable (default: none)");
  table.add("http-path", &v.http_path,
            "NAME=PATH moves a route, as in chat=/x/chat; repeatable. Names: chat, completions, "
            "responses, embeddings, models, messages, health, live, ready, metrics");
}

void add_admin_settings(Settings& table, ServeSettings& v) {
  table.section("Admin port");
  table.add("admin-host", &v.admin_host,
            "Address of the operator's port (docs/admin.md); one that other machines reach needs "
            "--admin-token-file");
  table.add("admin-port", &v.admin_port, SettingRange{-1, 65'535},
            "Port; 0 picks a free one, -1 switches it off");
  table.add("admin-token-file", &v.admin_token_file,
            "File with the token that every request to it must carry as Authorization: Bearer");
  table.add("explain-records", &v.explain_records, SettingRange{0, 1 << 20},
            "How many of the last requests /explain knows");
}

void add_request_settings(Settings& table, ServeSettings& v) {
  table.section("Requests");
  table.add("max-inflight", &v.max_inflight, SettingRange{1, 1 << 20}, "Requests at once");
  table.add("overload-status", &v.overload_status, SettingRange{400, 599},
            "Status when overloaded: 429, 503 or 529");
  table.add("tokenizer-threads", &v.tokenizer_threads, SettingRange{1, 64},
            "Threads that render and tokenize (default: cores/4, 1 to 8)");
  table.add("tokenizer-cache-mb", &v.tokenizer_cache_mb, SettingRange{0, 1 << 20},
            "Memory for tokenized beginnings of chats, so that a turn costs only what it adds; "
            "0 = off");
  table.add("tokenize-queue", &v.tokenize_queue, SettingRange{1, 1 << 20},
            "Requests that wait for them");
  table.add("default-deadline-ms", &v.default_deadline_ms, SettingRange{1, kMaxMs},
            "Time budget of a request that names none");
  table.add("max-deadline-ms", &v.max_deadline_ms, SettingRange{1, kMaxMs},
            "Largest time budget a request may name");
  table.add("sse-keepalive-ms", &v.sse_keepalive_ms, SettingRange{0, kMaxMs},
            "Comment lines in silent streams; 0 = off");
  table.add("force-include-usage", &v.force_include_usage, "Every stream ends with its usage");
  table.add("max-n", &v.max_n, SettingRange{1, 128}, "Largest n of a request");
  table.add("allow-request-template", &v.allow_request_template,
            "Take chat_template from requests; whoever sends one can write special tokens");
  table.add("unknown-fields", &v.unknown_fields, {"ignore", "reject"},
            "What to do with request fields that are not in the API");
}

void add_operation_settings(Settings& table, ServeSettings& v) {
  table.section("Operation");
  table.add("http-metrics", &v.http_metrics,
            "Serve /metrics on the public port too, not on the admin port alone");
  table.add("metrics-prefix", &v.metrics_prefix, "Prefix of the frontend's metric names");
  table.add("metrics-buckets", &v.metrics_buckets,
            "NAME=MIN,MAX,COUNT: log-spaced bounds of one of the frontend's histograms");
  table.add("log-level", &v.log_level, {"trace", "debug", "info", "warning", "error"},
            "Least severe lines to log");
  table.add("log-format", &v.log_format, {"text", "json"}, "Form of the log lines");
}

}  // namespace

Settings make_serve_settings(ServeSettings& values) {
  Settings table("penstock serve",
                 "Serve a model over the OpenAI API: frontend and engine in one process.\n"
                 "Each flag is also an environment variable (--http-port = PENSTOCK_HTTP_PORT) and "
                 "a line of the --config file (http-port = 8000).");
  add_model_settings(table, values);
  add_engine_settings(table, values);
  add_http_settings(table, values);
  add_access_settings(table, values);
  add_admin_settings(table, values);
  add_request_settings(table, values);
  add_operation_settings(table, values);
  return table;
}

net::HttpServerOptions http_options(const ServeSettings& v) {
  net::HttpServerOptions options;
  options.host = v.http_host;
  options.port = static_cast<std::uint16_t>(v.http_port);
  options.body_limit_bytes = static_cast<std::size_t>(v.http_body_limit_mb) << 20;
  if (v.http_body_memory_mb) {
    options.max_buffered_body_bytes = static_cast<std::size_t>(*v.http_body_memory_mb) << 20;
  }
  options.header_limit_bytes = static_cast<std::size_t>(v.http_header_limit_kb) << 10;
  options.header_timeout = milliseconds(v.http_header_timeout_ms);
  options.body_timeout = milliseconds(v.http_body_timeout_ms);
  options.idle_timeout = milliseconds(v.http_idle_timeout_ms);
  options.write_timeout = milliseconds(v.http_write_timeout_ms);
  options.max_connections = static_cast<std::size_t>(v.max_connections);
  options.tls = {.cert_path = v.tls_cert_path,
                 .key_path = v.tls_key_path,
                 .client_ca_path = v.tls_client_ca_path};
  return options;
}

net::HttpServerOptions admin_http_options(const ServeSettings& v) {
  net::HttpServerOptions options;
  options.host = v.admin_host;
  options.port = static_cast<std::uint16_t>(v.admin_port);
  options.body_limit_bytes = 1UL << 20;
  options.max_connections = 1024;
  return options;
}

Result<frontend::FrontendOptions> frontend_options(const ServeSettings& v) {
  frontend::FrontendOptions options;
  options.default_deadline = milliseconds(v.default_deadline_ms);
  options.max_deadline = milliseconds(v.max_deadline_ms);
  options.overload_status = static_cast<int>(v.overload_status);
  options.max_inflight = static_cast<std::size_t>(v.max_inflight);
  options.tokenizer_threads =
      v.tokenizer_threads ? static_cast<std::size_t>(*v.tokenizer_threads) : default_threads();
  options.tokenizer_cache_bytes = static_cast<std::size_t>(v.tokenizer_cache_mb) << 20;
  options.tokenize_queue = static_cast<std::size_t>(v.tokenize_queue);
  options.sse_keepalive = milliseconds(v.sse_keepalive_ms);
  options.force_include_usage = v.force_include_usage;
  options.max_n = static_cast<std::uint32_t>(v.max_n);
  options.allow_request_template = v.allow_request_template;
  options.unknown_fields = v.unknown_fields == "reject" ? openai::UnknownFields::kReject
                                                        : openai::UnknownFields::kIgnore;
  options.use_generation_config = v.generation_config;
  options.http_metrics = v.http_metrics;
  options.metrics.prefix = v.metrics_prefix;
  ASSIGN_OR_RETURN(options.metrics.buckets, frontend::parse_metrics_buckets(v.metrics_buckets));
  options.explain_records = static_cast<std::size_t>(v.explain_records);
  ASSIGN_OR_RETURN(options.routes, frontend::RouteTable::moved(v.http_path));
  ASSIGN_OR_RETURN(options.cors, frontend::Cors::allow(v.cors_origin));
  return options;
}

worker::EngineSettings engine_settings(const ServeSettings& v) {
  worker::EngineSettings settings;
  settings.block_size = static_cast<std::uint32_t>(v.block_size);
  if (v.kv_blocks) settings.num_kv_blocks = static_cast<std::uint64_t>(*v.kv_blocks);
  if (v.max_model_len) settings.max_model_len = static_cast<std::uint32_t>(*v.max_model_len);
  settings.prefix_caching = v.enable_prefix_caching;
  settings.max_num_seqs = static_cast<std::uint32_t>(v.max_num_seqs);
  settings.max_num_batched_tokens = static_cast<std::uint32_t>(v.max_num_batched_tokens);
  settings.max_queue = static_cast<std::uint32_t>(v.max_queue);
  if (v.itl_target_ms) settings.itl_target = Duration(std::llround(*v.itl_target_ms * 1e6));
  return settings;
}

worker::NativeEngineOptions native_options(const ServeSettings& v) {
  worker::NativeEngineOptions options;
  options.common = engine_settings(v);
  const bool is_f32 = v.compute == "f32";
  const bool is_f32_kv = v.kv_dtype == "auto" ? is_f32 : v.kv_dtype == "f32";
  options.compute = is_f32 ? model::ComputeType::kF32 : model::ComputeType::kBF16;
  options.kv_dtype = is_f32_kv ? model::KvDType::kF32 : model::KvDType::kBF16;
  if (v.kv_cache_gb) {
    options.kv_cache_bytes = static_cast<std::uint64_t>(std::llround(*v.kv_cache_gb * 0x1p30));
  }
  options.num_threads = static_cast<int>(v.threads.value_or(0));
  return options;
}

engine::MockTiming mock_timing(const ServeSettings& v) {
  return {.fixed_us = v.mock_step_us,
          .per_row_us = v.mock_token_us,
          .per_attended_ns = v.mock_attended_ns,
          .speedup = v.mock_speedup};
}

}  // namespace penstock::apps
