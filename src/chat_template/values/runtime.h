// What every operation of a render shares: its heap, its step budget, its depth, its clock.
//
//   DepthGuard guard(runtime);
//   RETURN_IF_ERROR(guard.status());
//   RETURN_IF_ERROR(runtime.charge(1));
//
// Threading: belongs to one render.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "chat_template/values/heap.h"
#include "chat_template/values/value.h"

namespace penstock::chat_template {

struct RuntimeLimits {
  std::uint64_t max_steps = 0;
  std::uint64_t max_heap_bytes = 0;
  std::int64_t now_unix_us = 0;
};

class Runtime {
 public:
  explicit Runtime(const RuntimeLimits& limits)
      : heap_(limits.max_heap_bytes),
        max_steps_(limits.max_steps),
        steps_left_(limits.max_steps),
        now_unix_us_(limits.now_unix_us) {}

  [[nodiscard]] Heap& heap() noexcept { return heap_; }
  [[nodiscard]] std::int64_t now_unix_us() const noexcept { return now_unix_us_; }

  // Spends steps of the budget; also notices a used-up heap.
  [[nodiscard]] bool spend(std::uint64_t steps) noexcept {
    if (steps > steps_left_ || heap_.exhausted()) [[unlikely]]
      return false;
    steps_left_ -= steps;
    return true;
  }
  [[nodiscard]] Status charge(std::uint64_t steps) {
    if (spend(steps)) [[likely]]
      return {};
    return out_of_budget();
  }
  // Remembers that the failure to come is the template's own, in its author's words.
  void mark_raised() noexcept { raised_ = true; }
  [[nodiscard]] bool is_raised() const noexcept { return raised_; }
  // Work that is linear in bytes of text; 1 KiB costs a step.
  [[nodiscard]] Status charge_bytes(std::uint64_t bytes) { return charge(bytes >> 10); }
  // Why spend() said no.
  [[nodiscard]] std::unexpected<Error> out_of_budget();

 private:
  friend class DepthGuard;
  Heap heap_;
  std::uint64_t max_steps_;
  std::uint64_t steps_left_;
  std::int64_t now_unix_us_;
  int depth_ = 0;
  bool raised_ = false;
};

// One level of recursion over values or syntax, released with the scope.
class DepthGuard final {
 public:
  // Fits 256 KiB of stack in a release build and 8 MiB under AddressSanitizer (a test measures).
  static constexpr int kMaxDepth = 300;

  explicit DepthGuard(Runtime& runtime) noexcept : runtime_(runtime) { ++runtime_.depth_; }
  ~DepthGuard() { --runtime_.depth_; }
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;

  [[nodiscard]] bool ok() const noexcept { return runtime_.depth_ <= kMaxDepth; }
  [[nodiscard]] Status status() const {
    if (ok()) [[likely]]
      return {};
    return too_deep();
  }
  [[nodiscard]] static std::unexpected<Error> too_deep();

 private:
  Runtime& runtime_;
};

// A wrong use of values, as a template author sees it.
template <class... Args>
[[nodiscard]] std::unexpected<Error> fail(format_string<Args...> text, Args&&... args) {
  return make_error(ErrorCode::kInvalid, text, std::forward<Args>(args)...);
}
[[nodiscard]] std::unexpected<Error> fail_undefined(Runtime& runtime, const Value& value);
[[nodiscard]] Value make_undefined(Runtime& runtime, const Value& object, const Value& name);
[[nodiscard]] Value make_undefined_hint(Runtime& runtime, std::string_view hint);

// Collects the items of a new list or tuple; stops with the budget.
class ListBuilder final {
 public:
  explicit ListBuilder(Runtime& runtime) : runtime_(runtime) {}
  [[nodiscard]] Status append(const Value& value) {
    RETURN_IF_ERROR(runtime_.charge(items_.size() % 16 == 0 ? 1 : 0));
    if (!runtime_.heap().fits((items_.size() + 1) * sizeof(Value))) {
      return memory_exhausted(runtime_.heap());
    }
    items_.push_back(value);
    return {};
  }
  [[nodiscard]] std::vector<Value>& items() noexcept { return items_; }
  [[nodiscard]] Value finish_list() { return new_list(runtime_.heap(), items_); }
  [[nodiscard]] Value finish_tuple() { return new_tuple(runtime_.heap(), items_); }

 private:
  Runtime& runtime_;
  std::vector<Value> items_;
};

}  // namespace penstock::chat_template
