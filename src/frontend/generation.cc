#include "frontend/generation.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.h"
#include "frontend/error_response.h"
#include "frontend/submission.h"
#include "frontend/worker_errors.h"

namespace penstock::frontend {

using openai::ApiErrorCode;
using openai::make_api_error;

Generation::Generation(const Services& services, std::shared_ptr<net::HttpExchange> exchange,
                       RequestContext context, openai::Api api)
    : services_(services),
      exchange_(std::move(exchange)),
      context_(std::move(context)),
      api_(api),
      ledger_entry_(services.ledger.hold(LedgerKind::kRequest, context_.request_id)),
      meters_(&services.probe.meters("")),
      last_sent_(context_.received_at) {}

std::move_only_function<void()> Generation::weakly(void (Generation::*method)()) {
  return [weak = weak_from_this(), method] {
    if (const auto self = weak.lock()) ((*self).*method)();
  };
}

void Generation::start() {
  services_.in_flight.list(exchange_->loop_index(), shared_from_this());
  if (services_.clock.now() >= context_.deadline) return on_deadline();
  exchange_->on_disconnect(weakly(&Generation::on_disconnect));
  arm_timer();
  const std::size_t body_bytes = exchange_->request().body.size();
  TokenizerPool::Job job = [self = shared_from_this(), body = std::move(exchange_->request().body),
                            lease = std::move(exchange_->request().body_lease)]() mutable {
    if (self->is_abandoned_.load(std::memory_order_acquire)) return;
    auto prepared = self->prepare(body);
    body = {};
    lease.release();
    self->exchange_->post([self, prepared = std::move(prepared)]() mutable {
      self->on_prepared(std::move(prepared));
    });
  };
  if (services_.tokenizers.try_submit(body_bytes, std::move(job))) return;
  services_.probe.request_rejected(*meters_, kind(), "tokenize_queue");
  fail(make_api_error(ApiErrorCode::kOverloaded, "tokenize_queue",
                      "{} requests wait to be tokenized; try again later",
                      services_.options.tokenize_queue)
           .error());
}

// Memory that a huge body cannot get, or a bug in what reads it, is this request's failure alone.
openai::ApiResult<Prepared> Generation::prepare(std::string_view body) const {
  try {
    return services_.preparer.prepare(api_, body, *context_.caller.tenant);
  } catch (const std::exception& e) {
    log_error("request {}: preparing it failed: {}", context_.request_id, e.what());
    return std::unexpected(internal_error(context_.request_id));
  }
}

void Generation::on_prepared(openai::ApiResult<Prepared> prepared) {
  if (phase_ == Phase::kEnded) return;
  if (!prepared) {
    services_.probe.request_started(*meters_, kind());
    return fail(prepared.error());
  }
  prepared_ = std::move(*prepared);
  meters_ = &services_.probe.meters(prepared_->model->card.name);
  services_.probe.request_started(*meters_, kind());
  meters_->active.add();
  meters_->inflight.add();
  meters_->queued.add();
  services_.probe.stage_took(Stage::kParse, prepared_->times.parse);
  if (api_ == openai::Api::kChat) {
    services_.probe.stage_took(Stage::kTemplate, prepared_->times.render);
  }
  services_.probe.stage_took(Stage::kTokenize, prepared_->times.tokenize);
  services_.probe.prompts_tokenized(*meters_, prepared_->tokenizer_cache);
  if (const openai::ApiStatus allowed = check_tenant(); !allowed) return fail(allowed.error());
  make_choices();
  if (prepared_->request.max_tokens == 0) {  // echo alone: nothing to compute
    for (std::uint32_t i = 0; i < choices_.size(); ++i) {
      end_choice(i, {.reason = openai::FinishReason::kLength});
    }
    return complete();
  }
  submit();
}

void Generation::make_choices() {
  const Prepared& prepared = *prepared_;
  stops_.emplace(prepared.request.stop.strings);
  for (const PreparedPrompt& prompt : prepared.prompts) {
    usage_.prompt_tokens += prompt.token_ids.size();
    for (std::uint32_t k = 0; k < prepared.request.n; ++k) {
      choices_.push_back(std::make_unique<Choice>(*prepared.model->tokenizer, *stops_,
                                                  prepared.request, prompt.token_ids));
    }
  }
  num_open_ = static_cast<std::uint32_t>(choices_.size());
  last_output_.resize(choices_.size(), context_.received_at);
  has_cached_count_.resize(prepared.prompts.size(), false);
  has_prompt_logprobs_.resize(prepared.prompts.size(), false);
  meters_->input_tokens.observe(static_cast<double>(usage_.prompt_tokens));
  const auto make = prepared.request.output.stream ? make_stream_answer : make_whole_answer;
  answer_ = make(exchange_, make_frame(prepared, context_, services_.clock.unix_us() / 1'000'000),
                 usage_, services_.options);
}

void Generation::submit() {
  WorkerStream& stream = prepared_->model->stream;
  phase_ = Phase::kWaiting;
  if (!prepared_->model->is_ready()) return fail(no_ready_worker());
  const std::uint32_t band = granted_strict_priority(context_, prepared_->request.hints);
  Backlog& backlog = prepared_->model->backlog;
  if (const auto in_time = backlog.check({.strict_priority = band,
                                          .max_tokens = prepared_->prompts.front().max_tokens,
                                          .deadline = context_.deadline,
                                          .request_id = context_.request_id});
      !in_time) {
    services_.probe.request_rejected(*meters_, kind(), *in_time.error().param);
    return fail(in_time.error());
  }
  stream.attach(context_.request_id, exchange_->loop_index(), shared_from_this());
  const std::uint32_t n = prepared_->request.n;
  for (std::uint32_t p = 0; p < prepared_->prompts.size(); ++p) {
    const Status sent = stream.submit(make_submit(*prepared_, context_, p, services_.clock.now()));
    if (!sent) return fail(error_of_send(sent.error()));
    for (std::uint32_t k = 0; k < n; ++k) choices_[p * n + k]->set_running(true);
    num_running_ += n;
    places_.push_back(backlog.join(band, n));
  }
  arm_timer();
}

void Generation::fail(openai::ApiError error) {
  if (phase_ == Phase::kEnded) return;
  if (error.code == ApiErrorCode::kOverloaded && !error.retry_after_s && prepared_) {
    error.retry_after_s = prepared_->model->backlog.retry_after_s(
        granted_strict_priority(context_, prepared_->request.hints), context_.request_id);
  }
  if (answer_) {
    answer_->fail(error);
  } else {
    exchange_->respond(error_response(error, services_.options, context_.headers()));
  }
  services_.probe.request_failed(*meters_, kind(), error.code);
  cancel_all(openai::row_of(error.code).name);
  end_answer(&error);
}

void Generation::complete() {
  answer_->complete();
  services_.probe.request_succeeded(*meters_, kind());
  if (marks_.first_output) {
    prepared_->model->backlog.served(services_.clock.now() - *marks_.first_output + marks_.prefill,
                                     usage_.completion_tokens / choices_.size());
  }
  meters_->output_tokens.observe(static_cast<double>(usage_.completion_tokens));
  meters_->cached_tokens.observe(static_cast<double>(usage_.cached_tokens));
  end_answer(nullptr);
}

void Generation::end_answer(const openai::ApiError* error) {
  settle(error);
  places_.clear();
  if (prepared_) {
    meters_->active.subtract();
    meters_->inflight.subtract();
    if (phase_ != Phase::kAnswering) meters_->queued.subtract();
    meters_->duration_s.observe(
        std::chrono::duration<double>(services_.clock.now() - context_.received_at).count());
  }
  phase_ = Phase::kEnded;
  is_abandoned_.store(true, std::memory_order_release);
  exchange_->cancel_timer();
  services_.in_flight.leave();
  release_if_done();
}

void Generation::release_if_done() {
  if (phase_ != Phase::kEnded || num_running_ > 0) return;
  if (prepared_) prepared_->model->stream.detach(context_.request_id);
  ledger_entry_.release();
  services_.in_flight.unlist(exchange_->loop_index(), this);
}

void Generation::on_disconnect() {
  if (phase_ == Phase::kEnded) return;
  services_.probe.client_disconnected();
  services_.probe.request_cancelled(*meters_, kind(), phase_name());
  services_.probe.request_failed(*meters_, kind(), ApiErrorCode::kClientClosedRequest);
  services_.probe.tokens_wasted(*meters_, "client_gone", usage_.completion_tokens);
  const openai::ApiError gone =
      make_api_error(ApiErrorCode::kClientClosedRequest, "", "the client went away").error();
  cancel_all("client_disconnected");
  end_answer(&gone);
}

bool Generation::keeps_alive() const noexcept {
  return prepared_ && prepared_->request.output.stream &&
         services_.options.sse_keepalive > Duration::zero();
}

void Generation::arm_timer() {
  MonotonicTime next = context_.deadline;
  if (keeps_alive()) next = std::min(next, last_sent_ + services_.options.sse_keepalive);
  exchange_->set_timer(std::max(next - services_.clock.now(), Duration::zero()),
                       weakly(&Generation::on_timer));
}

// Set for the earliest moment at which something could be due; what was sent meanwhile only makes
// the keep-alive due later.
void Generation::on_timer() {
  if (phase_ == Phase::kEnded) return;
  const MonotonicTime now = services_.clock.now();
  if (now >= context_.deadline) return on_deadline();
  if (keeps_alive() && now - last_sent_ >= services_.options.sse_keepalive) {
    answer_->keep_alive();
    last_sent_ = now;
  }
  arm_timer();
}

void Generation::on_deadline() {
  if (phase_ == Phase::kEnded) return;
  if (!has_output()) {
    return fail(make_api_error(ApiErrorCode::kDeadlineExceeded, "",
                               "the deadline passed before the first output, in the phase {}; "
                               "allow more time with x-penstock-timeout-ms",
                               phase_name())
                    .error());
  }
  cancel_all("deadline");
  for (std::uint32_t i = 0; i < choices_.size(); ++i) {
    if (!choices_[i]->has_ended()) end_choice(i, {.reason = openai::FinishReason::kDeadline});
  }
  complete();
}

void Generation::cancel(std::uint32_t prompt_index, std::optional<std::uint32_t> sequence,
                        std::string_view reason) {
  rpc::Cancel message;
  message.request_id = context_.request_id;
  message.prompt_index = prompt_index;
  message.sequence = sequence;
  message.reason = std::string(reason);
  if (!prepared_->model->stream.cancel(std::move(message))) cancel_was_refused_ = true;
}

void Generation::cancel_all(std::string_view reason) {
  cancel_was_refused_ = false;
  if (num_running_ == 0) return;
  const std::uint32_t n = prepared_->request.n;
  for (std::uint32_t p = 0; p < prepared_->prompts.size(); ++p) {
    const auto of_prompt = std::span(choices_).subspan(std::size_t{p} * n, n);
    if (std::ranges::any_of(of_prompt, [](const auto& c) { return c->is_running(); })) {
      cancel(p, std::nullopt, reason);
    }
  }
}

std::string_view Generation::phase_name() const noexcept {
  switch (phase_) {
    case Phase::kPreparing:
      return "tokenize";
    case Phase::kWaiting:
      return "queue";
    case Phase::kAnswering:
    case Phase::kEnded:
      return "decode";
  }
  return "decode";
}

RequestKind Generation::kind() const noexcept {
  return {.api = api_, .stream = prepared_ && prepared_->request.output.stream};
}

}  // namespace penstock::frontend
