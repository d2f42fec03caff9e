// A bounded queue from one thread to one other, without locks and without waits.
//
// For a thread that must not be held up by whoever reads (the engine, by a trace file): a full ring
// refuses, and the producer counts what it lost. Nobody is woken; the consumer looks by itself.
// Threading: one producer calls try_push(), one consumer try_pop(); they may be different threads.
// Memory: all of it at construction.
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <vector>

namespace penstock {

template <class T>
class SpscRing final {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit SpscRing(std::size_t capacity) : slots_(capacity) {}

  // False when the ring is full.
  [[nodiscard]] bool try_push(const T& item) noexcept {
    const std::size_t end = num_pushed_.load(std::memory_order_relaxed);
    if (end - num_popped_.load(std::memory_order_acquire) >= slots_.size()) return false;
    slots_[end % slots_.size()] = item;
    num_pushed_.store(end + 1, std::memory_order_release);
    return true;
  }

  [[nodiscard]] std::optional<T> try_pop() noexcept {
    const std::size_t begin = num_popped_.load(std::memory_order_relaxed);
    if (begin == num_pushed_.load(std::memory_order_acquire)) return std::nullopt;
    const T item = slots_[begin % slots_.size()];
    num_popped_.store(begin + 1, std::memory_order_release);
    return item;
  }

 private:
  std::vector<T> slots_;
  // Each on a cache line of its own: the two threads write them all the time.
  alignas(64) std::atomic<std::size_t> num_pushed_{0};
  alignas(64) std::atomic<std::size_t> num_popped_{0};
};

}  // namespace penstock
