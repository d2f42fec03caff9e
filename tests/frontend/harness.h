// A frontend with one scripted worker, and requests to it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "fake_exchange.h"
#include "fake_worker.h"
#include "frontend/frontend.h"
#include "test_models.h"
#include "text/json.h"

namespace penstock::frontend {

class Harness {
 public:
  using FindStall = std::function<std::optional<WorkerStall>()>;

  // `keys`: what every request then needs a key of.
  explicit Harness(FakeWorker::Scripter scripter, FrontendOptions options = {},
                   FindStall find_stall = {},
                   std::shared_ptr<const tokenizer::Tokenizer> tokenizer = make_byte_tokenizer(),
                   std::optional<AccessConfig> keys = {})
      : pool_(2) {
    const auto tell = [this](std::string what) { return [this, what] { told_ += what; }; };
    if (keys) access_.emplace(clock_, std::move(*keys));
    rpc::ChannelPair channel = rpc::make_in_process_channel();
    worker_ = std::make_unique<FakeWorker>(std::move(channel.worker), std::move(scripter));
    std::vector<ServedModel> models;
    discovery::ModelCard card = make_card();
    card.vocab_size = tokenizer->vocab_size();
    models.push_back({std::move(card), std::move(tokenizer), make_chat_template(),
                      std::move(channel.frontend), std::move(find_stall), 1,
                      WorkerControl{tell("drain "), tell("resume ")}});
    frontend_ = std::make_unique<Frontend>(
        std::move(options),
        FrontendDeps{pool_, ledger_, clock_, registry_, access_ ? &*access_ : nullptr},
        std::move(models));
  }
  ~Harness() {
    frontend_->drain(std::chrono::milliseconds(0));
    EXPECT_TRUE(eventually([this] { return ledger_.is_empty(); })) << ledger_text();
    worker_.reset();
    pool_.stop(std::chrono::seconds(5));
  }

  std::shared_ptr<FakeExchange> send(std::string method, std::string path, std::string body = "",
                                     net::HttpHeaders headers = {}) {
    net::HttpRequest request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.headers = std::move(headers);
    request.body = std::move(body);
    request.received_at = clock_.now();
    if (const auto mark = request.path.find('?'); mark != std::string::npos) {
      request.query = request.path.substr(mark + 1);
      request.path.resize(mark);
    }
    return send_to(frontend_->handler(), std::move(request));
  }
  // To another port's handler.
  std::shared_ptr<FakeExchange> send_to(net::HttpHandler handler, net::HttpRequest request) {
    const auto exchange =
        std::make_shared<FakeExchange>(pool_, next_loop_++ % pool_.num_loops(), std::move(request));
    exchange->post([handler = std::move(handler), exchange] { handler(exchange); });
    return exchange;
  }
  std::shared_ptr<FakeExchange> chat(const std::string& more = "") {
    return send("POST", "/v1/chat/completions",
                R"({"model":"tiny","messages":[{"role":"user","content":"hi"}])" + more + "}");
  }
  std::shared_ptr<FakeExchange> complete(const std::string& more = "") {
    return send("POST", "/v1/completions", R"({"model":"tiny","prompt":"hi")" + more + "}");
  }

  template <class Condition>
  static bool eventually(Condition condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
  std::string ledger_text() const {
    std::string out;
    for (const auto& line : ledger_.lines()) out += line.owner + "\n";
    return out;
  }

  FakeWorker& worker() { return *worker_; }
  Frontend& frontend() { return *frontend_; }
  Access& access() { return *access_; }
  // What the worker's control was told so far; a loop writes it.
  std::string told() const { return told_; }
  Ledger& ledger() { return ledger_; }
  ManualClock& clock() { return clock_; }
  metrics::Registry& registry() { return registry_; }

 private:
  ManualClock clock_;
  std::optional<Access> access_;
  Ledger ledger_{clock_};
  metrics::Registry registry_;
  net::IoPool pool_;
  std::unique_ptr<FakeWorker> worker_;
  std::unique_ptr<Frontend> frontend_;
  std::size_t next_loop_ = 0;
  std::string told_;
};

inline text::Json json_of(const Recorded& recorded) {
  auto parsed = text::parse_json(recorded.body);
  EXPECT_TRUE(parsed.has_value()) << recorded.body;
  return parsed ? std::move(*parsed) : text::Json();
}
// "status code param" of an error answer.
inline std::string error_of(const Recorded& recorded) {
  const text::Json body = json_of(recorded);
  const text::Json* error = body.find("error");
  if (error == nullptr) return "no error: " + recorded.body;
  const text::Json* param = error->find("param");
  return std::to_string(recorded.status) + " " + error->find("code")->as_string() + " " +
         (param->is_string() ? param->as_string() : "null");
}

// One frame of a stream.
struct Frame {
  std::string event;
  std::string data;
};
inline std::vector<Frame> frames_of(const std::string& body) {
  std::vector<Frame> frames;
  for (std::size_t at = 0; at < body.size();) {
    const std::size_t end = body.find("\n\n", at);
    if (end == std::string::npos) {
      ADD_FAILURE() << "an unfinished frame: " << body.substr(at);
      break;
    }
    Frame frame;
    std::string_view text = std::string_view(body).substr(at, end - at);
    while (!text.empty()) {
      const std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(text.size(), line.size() + 1));
      if (line.starts_with("event: ")) frame.event = line.substr(7);
      if (line.starts_with("data: ")) frame.data = line.substr(6);
      if (line.starts_with(": ")) frame.event = line;
    }
    frames.push_back(frame);
    at = end + 2;
  }
  return frames;
}

}  // namespace penstock::frontend
