#include "rpc/messages.h"

namespace penstock::rpc {
namespace {

// Fixed cost of a message or list element: headers, small fields, allocator overhead.
constexpr std::size_t kFixedBytes = 128;

template <class T>
std::size_t bytes_of(const std::vector<T>& items) noexcept {
  return items.size() * sizeof(T);
}

std::size_t bytes_of(const std::vector<TokenLogprobs>& logprobs) noexcept {
  std::size_t total = bytes_of<TokenLogprobs>(logprobs);
  for (const TokenLogprobs& entry : logprobs) total += bytes_of(entry.top);
  return total;
}

std::size_t bytes_of(const Submit& submit) noexcept {
  std::size_t total = 4 * kFixedBytes + submit.key.request_id.size() + submit.tenant.size() +
                      submit.salt.size() + bytes_of(submit.token_ids) +
                      bytes_of(submit.logit_bias) + bytes_of(submit.allowed_token_ids) +
                      bytes_of(submit.stop_token_ids) + bytes_of(submit.eos_token_ids);
  for (const auto& bad : submit.bad_sequences) total += kFixedBytes + bytes_of(bad);
  for (const auto& sequence : submit.sequences) total += kFixedBytes + bytes_of(sequence.generated);
  return total;
}

std::size_t bytes_of(const StepOutputs& step) noexcept {
  std::size_t total = 2 * kFixedBytes;
  for (const Output& output : step.outputs) {
    total += 2 * kFixedBytes + output.key.request_id.size() + bytes_of(output.token_ids) +
             bytes_of(output.logprobs) + bytes_of(output.prompt_logprobs) +
             output.finish.message.size();
  }
  return total;
}

std::size_t bytes_of(const Cancel& cancel) noexcept {
  return kFixedBytes + cancel.request_id.size() + cancel.reason.size();
}

std::size_t bytes_of(const GoAway& go_away) noexcept {
  return kFixedBytes + go_away.reason.size();
}

// Messages of a few numbers.
template <class Message>
std::size_t bytes_of(const Message&) noexcept {
  return kFixedBytes;
}

}  // namespace

std::size_t approximate_bytes(const DownMessage& message) noexcept {
  return std::visit([](const auto& m) { return bytes_of(m); }, message);
}

std::size_t approximate_bytes(const UpMessage& message) noexcept {
  return std::visit([](const auto& m) { return bytes_of(m); }, message);
}

}  // namespace penstock::rpc
