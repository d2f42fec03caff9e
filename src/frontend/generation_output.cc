// The worker's half of a Generation: outputs, finishes, the end of the stream.
#include "base/log.h"
#include "frontend/generation.h"
#include "frontend/token_names.h"
#include "frontend/worker_errors.h"

namespace penstock::frontend {
namespace {

using openai::ApiErrorCode;
using openai::FinishReason;
using openai::make_api_error;

// What may wait for a client that reads too slowly.
constexpr std::size_t kMaxUnsentBytes = 64ULL << 20;

Duration from_us(std::uint64_t us) noexcept {
  return std::chrono::microseconds(static_cast<std::int64_t>(us));
}

}  // namespace

void Generation::on_output(rpc::Output output) {
  const bool is_ours = output.sequence < choices_.size() && output.key.attempt == 1 &&
                       output.key.leg == rpc::Leg::kWhole;
  if (!is_ours || !choices_[output.sequence]->is_running()) return;
  Choice& choice = *choices_[output.sequence];
  const bool is_last = output.finish.kind != rpc::FinishKind::kNone;
  if (is_last) {
    choice.set_running(false);
    --num_running_;
  }
  if (phase_ != Phase::kEnded && !choice.has_ended()) {
    take_output(output);
  } else if (is_last) {
    release_if_done();
  } else if (cancel_was_refused_) {
    cancel_all("not_wanted");
  }
}

void Generation::take_output(const rpc::Output& output) {
  Choice& choice = *choices_[output.sequence];
  const Choice::Taken taken = choice.take_tokens(output);
  if (taken.has_gap) {
    log_error("request {}: output at position {} after {} tokens", context_.request_id,
              output.position, choice.num_tokens());
    return fail(worker_lost());
  }
  if (!take_prompt_logprobs(output)) {
    log_error("request {}: {} prompt logprobs for a prompt of {} tokens", context_.request_id,
              output.prompt_logprobs.size(),
              prepared_->prompts[output.sequence / prepared_->request.n].token_ids.size());
    return fail(worker_lost());
  }
  count_output(output, taken.num_tokens);
  if (choice.has_stop_string()) {
    if (choice.is_running()) {
      cancel(output.key.prompt_index, output.sequence, "stop_string");
    }
    end_choice(output.sequence, {.reason = FinishReason::kStop});
  } else if (output.finish.kind != rpc::FinishKind::kNone) {
    finish_choice(output);
  } else {
    answer_->add(output.sequence, choice.take());
  }
}

bool Generation::take_prompt_logprobs(const rpc::Output& output) {
  const auto wanted = prepared_->request.output.computed_prompt_logprobs();
  const std::uint32_t prompt = output.sequence / prepared_->request.n;
  if (!wanted || has_prompt_logprobs_[prompt]) return true;
  const std::vector<openai::TokenId>& token_ids = prepared_->prompts[prompt].token_ids;
  if (output.prompt_logprobs.size() + 1 != token_ids.size()) return output.prompt_logprobs.empty();
  has_prompt_logprobs_[prompt] = true;
  answer_->add_prompt_logprobs(prompt, name_prompt_logprobs(*prepared_->model->tokenizer, token_ids,
                                                            output.prompt_logprobs, *wanted));
  return true;
}

void Generation::count_output(const rpc::Output& output, std::uint32_t num_tokens) {
  const std::uint32_t prompt = output.sequence / prepared_->request.n;
  if (!has_cached_count_[prompt]) {
    has_cached_count_[prompt] = true;
    usage_.cached_tokens += output.cached_tokens;
  }
  if (num_tokens == 0) return;
  places_[prompt].leave();
  usage_.completion_tokens += num_tokens;
  meters_->output_tokens_total.add(num_tokens);
  const MonotonicTime now = services_.clock.now();
  const auto gap_s = std::chrono::duration<double>(now - last_output_[output.sequence]).count();
  const bool is_first_of_choice = choices_[output.sequence]->num_tokens() == num_tokens;
  last_output_[output.sequence] = now;
  if (!is_first_of_choice) {
    meters_->inter_token_s.observe(gap_s / num_tokens, num_tokens);
    meters_->last_inter_token_s.set(gap_s / num_tokens);
  } else if (phase_ == Phase::kWaiting) {
    phase_ = Phase::kAnswering;
    meters_->queued.subtract();
    meters_->first_token_s.observe(gap_s);
    meters_->last_first_token_s.set(gap_s);
    marks_ = {from_us(output.queue_us), from_us(output.prefill_us), now, {}};
    services_.probe.stage_took(Stage::kQueue, from_us(output.queue_us));
    services_.probe.stage_took(Stage::kPrefill, from_us(output.prefill_us));
  }
}

void Generation::finish_choice(const rpc::Output& output) {
  const std::uint32_t index = output.sequence;
  switch (output.finish.kind) {
    case rpc::FinishKind::kStop: {
      openai::ChoiceEnd end{.reason = FinishReason::kStop};
      if (output.finish.stop_token_id) end.stop = *output.finish.stop_token_id;
      return end_choice(index, std::move(end));
    }
    case rpc::FinishKind::kLength:
      return end_choice(index, {.reason = FinishReason::kLength});
    case rpc::FinishKind::kDeadline:
      if (has_output()) return end_choice(index, {.reason = FinishReason::kDeadline});
      return fail(make_api_error(ApiErrorCode::kDeadlineExceeded, "",
                                 "the deadline passed before the first output, in the phase {}; "
                                 "allow more time with x-penstock-timeout-ms",
                                 phase_name())
                      .error());
    case rpc::FinishKind::kError:
      return fail(error_of_finish(output.finish));
    case rpc::FinishKind::kHandoff:
    case rpc::FinishKind::kCancelled:
    case rpc::FinishKind::kNone:
      log_error("request {}: the worker ended it with finish {} that nobody asked for",
                context_.request_id, static_cast<int>(output.finish.kind));
      return fail(worker_lost());
  }
}

void Generation::end_choice(std::uint32_t index, openai::ChoiceEnd end) {
  Choice& choice = *choices_[index];
  openai::Delta rest = choice.end();
  // The last bytes of a cut character may complete a stop string after all.
  if (choice.has_stop_string()) {
    end = {.reason = FinishReason::kStop, .stop = choice.stop_string()};
  }
  --num_open_;
  marks_.finish = to_string(end.reason);
  answer_->end_choice(index, std::move(rest), std::move(end));
}

void Generation::on_step_end() {
  if (phase_ == Phase::kEnded) return;
  if (num_open_ == 0) return complete();
  if (!answer_->flush()) return;
  last_sent_ = services_.clock.now();
  if (exchange_->unsent_bytes() > kMaxUnsentBytes) {
    fail(make_api_error(ApiErrorCode::kSlowConsumer, "",
                        "the client is {} bytes behind; read faster", exchange_->unsent_bytes())
             .error());
  }
}

void Generation::on_stream_lost() {
  for (const auto& choice : choices_) choice->set_running(false);
  num_running_ = 0;
  if (phase_ == Phase::kEnded) return release_if_done();
  fail(worker_lost());
}

}  // namespace penstock::frontend
