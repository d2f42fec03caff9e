#include <algorithm>
#include <iterator>
#include <utility>

#include "frontend/answer.h"
#include "frontend/error_response.h"
#include "openai/response_writer.h"

namespace penstock::frontend {
namespace {

template <class T>
void append_all(std::vector<T>& to, std::vector<T>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

class WholeAnswer final : public Answer {
 public:
  WholeAnswer(std::shared_ptr<net::HttpExchange> exchange, AnswerFrame frame,
              const openai::Usage& usage, const FrontendOptions& options)
      : exchange_(std::move(exchange)),
        frame_(std::move(frame)),
        usage_(usage),
        options_(options),
        choices_(frame_.num_choices()),
        prompts_(frame_.num_prompts),
        echoed_(frame_.num_prompts) {
    for (std::uint32_t index = 0; index < choices_.size() && !frame_.echo.empty(); ++index) {
      const Echo& echo = frame_.echo[index / frame_.choices_per_prompt];
      choices_[index].text = echo.text;
      choices_[index].first_offset = echo.num_characters;
    }
    for (std::size_t prompt = 0; prompt < frame_.prompt_token_ids.size(); ++prompt) {
      prompts_[prompt].token_ids = std::move(frame_.prompt_token_ids[prompt]);
    }
  }

  void add(std::uint32_t index, openai::Delta delta) override {
    openai::WholeChoice& choice = choices_[index];
    choice.text += delta.text;
    append_all(choice.logprobs, delta.logprobs);
    append_all(choice.token_ids, delta.token_ids);
  }

  void end_choice(std::uint32_t index, openai::Delta rest, openai::ChoiceEnd end) override {
    add(index, std::move(rest));
    choices_[index].end = std::move(end);
  }

  void add_prompt_logprobs(std::uint32_t prompt,
                           std::vector<openai::TokenLogprob> logprobs) override {
    if (frame_.echo_top) {
      echoed_[prompt] = echo_logprobs(frame_.echo[prompt], logprobs, *frame_.echo_top);
    }
    if (!frame_.prompt_top) return;
    for (openai::TokenLogprob& entry : logprobs) {
      if (entry.top.size() > *frame_.prompt_top) entry.top.resize(*frame_.prompt_top);
    }
    prompts_[prompt].logprobs = std::move(logprobs);
  }

  bool flush() override { return false; }
  void keep_alive() override {}

  void complete() override {
    for (std::size_t index = 0; index < choices_.size(); ++index) {
      put_before(echoed_[index / frame_.choices_per_prompt], choices_[index]);
    }
    exchange_->respond(
        json_response(200,
                      openai::response_body(frame_.head, frame_.options,
                                            {.choices = choices_, .prompts = prompts_}, usage_),
                      std::move(frame_.headers)));
  }

  void fail(const openai::ApiError& error) override {
    exchange_->respond(error_response(error, options_, std::move(frame_.headers)));
  }

 private:
  // The echo's tokens, whose offsets are the text's, before the choice's own.
  static void put_before(const std::vector<openai::TokenLogprob>& echoed,
                         openai::WholeChoice& choice) {
    if (echoed.empty()) return;
    for (openai::TokenLogprob& own : choice.logprobs) own.text_offset += choice.first_offset;
    choice.first_offset = 0;
    choice.logprobs.insert(choice.logprobs.begin(), echoed.begin(), echoed.end());
  }

  const std::shared_ptr<net::HttpExchange> exchange_;  // shared with the connection
  AnswerFrame frame_;
  const openai::Usage& usage_;
  const FrontendOptions& options_;
  std::vector<openai::WholeChoice> choices_;
  std::vector<openai::WholePrompt> prompts_;
  std::vector<std::vector<openai::TokenLogprob>> echoed_;  // per prompt, once they are known
};

}  // namespace

std::unique_ptr<Answer> make_whole_answer(std::shared_ptr<net::HttpExchange> exchange,
                                          AnswerFrame frame, const openai::Usage& usage,
                                          const FrontendOptions& options) {
  return std::make_unique<WholeAnswer>(std::move(exchange), std::move(frame), usage, options);
}

}  // namespace penstock::frontend
