#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "frontend/answer.h"
#include "frontend/error_response.h"
#include "openai/chunk_writer.h"

namespace penstock::frontend {
namespace {

void append_all(openai::Delta& to, openai::Delta from) {
  to.text += from.text;
  std::ranges::move(from.logprobs, std::back_inserter(to.logprobs));
  std::ranges::move(from.token_ids, std::back_inserter(to.token_ids));
}

class StreamAnswer final : public Answer {
 public:
  StreamAnswer(std::shared_ptr<net::HttpExchange> exchange, AnswerFrame frame,
               const openai::Usage& usage, const FrontendOptions& options)
      : exchange_(std::move(exchange)),
        frame_(std::move(frame)),
        usage_(usage),
        options_(options),
        writer_(frame_.head, frame_.options),
        is_open_(frame_.num_choices(), false),
        held_(frame_.echo_top ? frame_.num_choices() : 0),
        echoed_(frame_.num_prompts) {}

  void add(std::uint32_t index, openai::Delta delta) override {
    if (delta.empty()) return;
    if (waits_for_echo(index)) return append_all(held_[index], std::move(delta));
    open(index);
    writer_.append_content(out_, place(index), delta, usage_);
  }

  void end_choice(std::uint32_t index, openai::Delta rest, openai::ChoiceEnd end) override {
    open(index);
    release(index);
    if (!rest.text.empty()) {
      writer_.append_content(out_, place(index), rest, usage_);
      rest = {};
    }
    writer_.append_finish(out_, place(index), rest, end, usage_);
  }

  void add_prompt_logprobs(std::uint32_t prompt,
                           std::vector<openai::TokenLogprob> logprobs) override {
    if (!frame_.echo_top) return BUG("prompt_logprobs in a stream, which validation refuses");
    echoed_[prompt] = echo_logprobs(frame_.echo[prompt], logprobs, *frame_.echo_top);
    const std::uint32_t n = frame_.choices_per_prompt;
    for (std::uint32_t index = prompt * n; index < (prompt + 1) * n; ++index) release(index);
  }

  bool flush() override {
    if (out_.empty()) return false;
    begin();
    exchange_->write(std::exchange(out_, {}));
    return true;
  }

  void complete() override {
    if (frame_.options.include_usage) writer_.append_final_usage(out_, usage_);
    openai::ChunkWriter::append_done(out_);
    flush();
    exchange_->finish_stream();
  }

  // Before the first byte an error has its true status; after it, it is an event.
  void fail(const openai::ApiError& error) override {
    if (!has_begun_) {
      exchange_->respond(error_response(error, options_, std::move(frame_.headers)));
      return;
    }
    openai::ChunkWriter::append_error(out_, error);
    flush();
    exchange_->finish_stream();
  }

  void keep_alive() override {
    openai::ChunkWriter::append_keep_alive(out_);
    flush();
  }

 private:
  void begin() {
    if (std::exchange(has_begun_, true)) return;
    net::HttpHeaders headers = std::move(frame_.headers);
    headers.push_back({"content-type", "text/event-stream"});
    headers.push_back({"cache-control", "no-store"});
    exchange_->start_stream(200, std::move(headers));
    exchange_->set_probe(openai::ChunkWriter::kKeepAlive);
  }

  // The choice's own part of a chunk. Prompt token ids ride in the first chunk that can carry
  // them: of the whole answer in chat, of each prompt's first choice in completions.
  openai::ChunkPlace place(std::uint32_t index) {
    openai::ChunkPlace place;
    place.index = index;
    const std::uint32_t prompt = index / frame_.choices_per_prompt;
    if (!frame_.echo.empty()) place.first_offset = frame_.echo[prompt].num_characters;
    if (prompt < frame_.prompt_token_ids.size()) {
      const bool is_first =
          frame_.head.api == openai::Api::kChat ? true : index % frame_.choices_per_prompt == 0;
      if (is_first) {
        shown_prompt_ids_ = std::exchange(frame_.prompt_token_ids[prompt], {});
        place.prompt_token_ids = shown_prompt_ids_;
      }
    }
    return place;
  }

  void open(std::uint32_t index) {
    for (const auto& [name, json] : std::exchange(frame_.annotations, {})) {
      openai::ChunkWriter::append_event(out_, name, json);
    }
    if (is_open_[index]) return;
    is_open_[index] = true;
    if (frame_.head.api == openai::Api::kChat) {
      writer_.append_role(out_, place(index), usage_);
    } else if (!frame_.echo.empty()) {
      const std::uint32_t prompt = index / frame_.choices_per_prompt;
      openai::ChunkPlace where = place(index);
      where.first_offset = 0;
      writer_.append_content(
          out_, where, {.text = frame_.echo[prompt].text, .logprobs = echoed_[prompt]}, usage_);
    }
  }

  // The echo goes out with its logprobs, so what follows it waits for them.
  bool waits_for_echo(std::uint32_t index) const {
    return frame_.echo_top && echoed_[index / frame_.choices_per_prompt].empty();
  }

  void release(std::uint32_t index) {
    if (held_.empty() || held_[index].empty()) return;
    open(index);
    writer_.append_content(out_, place(index), std::exchange(held_[index], {}), usage_);
  }

  const std::shared_ptr<net::HttpExchange> exchange_;  // shared with the connection
  AnswerFrame frame_;
  const openai::Usage& usage_;
  const FrontendOptions& options_;
  const openai::ChunkWriter writer_;
  std::vector<bool> is_open_;
  std::vector<openai::Delta> held_;                        // per choice; empty without echo_top
  std::vector<std::vector<openai::TokenLogprob>> echoed_;  // per prompt, once they are known
  std::vector<openai::TokenId> shown_prompt_ids_;
  std::string out_;
  bool has_begun_ = false;
};

}  // namespace

std::unique_ptr<Answer> make_stream_answer(std::shared_ptr<net::HttpExchange> exchange,
                                           AnswerFrame frame, const openai::Usage& usage,
                                           const FrontendOptions& options) {
  return std::make_unique<StreamAnswer>(std::move(exchange), std::move(frame), usage, options);
}

}  // namespace penstock::frontend
