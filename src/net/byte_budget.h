// A number of bytes that many holders share, with a limit: what bodies on their way in may take of
// the memory together.
//
//   ByteBudget::Lease lease(budget);
//   if (!lease.grow_to(body.size())) refuse();
//
// Threading: any thread; one atomic add per growth. A lease belongs to one thread at a time and
// keeps the budget alive: it may outlive the server.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace penstock::net {

class ByteBudget final {
 public:
  explicit ByteBudget(std::size_t limit_bytes) noexcept : limit_bytes_(limit_bytes) {}

  [[nodiscard]] std::size_t limit_bytes() const noexcept { return limit_bytes_; }
  [[nodiscard]] std::size_t held_bytes() const noexcept {
    return held_bytes_.load(std::memory_order_relaxed);
  }
  // Whether `num_bytes` more would fit now.
  [[nodiscard]] bool has_room_for(std::size_t num_bytes) const noexcept {
    const std::size_t held = held_bytes();
    return held <= limit_bytes_ && num_bytes <= limit_bytes_ - held;
  }

  // A share, given back by its destruction. Movable, not copyable; an empty one holds nothing.
  class Lease final {
   public:
    Lease() = default;
    explicit Lease(std::shared_ptr<ByteBudget> budget) noexcept : budget_(std::move(budget)) {}
    ~Lease() { release(); }
    Lease(Lease&& other) noexcept
        : budget_(std::move(other.budget_)), num_bytes_(std::exchange(other.num_bytes_, 0)) {}
    Lease& operator=(Lease&& other) noexcept {
      if (this != &other) {
        release();
        budget_ = std::move(other.budget_);
        num_bytes_ = std::exchange(other.num_bytes_, 0);
      }
      return *this;
    }

    [[nodiscard]] std::size_t num_bytes() const noexcept { return num_bytes_; }
    // False when the budget has no room; the share then stays as it was. Never shrinks.
    [[nodiscard]] bool grow_to(std::size_t num_bytes) noexcept;
    void release() noexcept;

   private:
    std::shared_ptr<ByteBudget> budget_;  // shared by all leases and the server
    std::size_t num_bytes_ = 0;
  };

 private:
  const std::size_t limit_bytes_;
  std::atomic<std::size_t> held_bytes_{0};
};

// For request bodies: 1 GiB, or a quarter of what the machine (or the memory cgroup) has if that is
// less.
[[nodiscard]] std::size_t default_body_budget_bytes() noexcept;

}  // namespace penstock::net
