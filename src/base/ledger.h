// The ledger: what is held, by whom, since when.
//
// Every block, lease, slot, stream, file and request in flight has one entry while it is held. An
// idle process shows zero of each kind; tests assert it, `ctl ledger` prints it.
// Threading: any thread; one lock, taken a few times per request, never per token.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace penstock {

enum class LedgerKind : std::uint8_t {
  kRequest,
  kSequence,
  kBlocks,
  kStream,
  kConnection,
  kLease,
  kFile,  // open for writing as long as the process runs: a trace
};
inline constexpr std::size_t kNumLedgerKinds = 7;
[[nodiscard]] std::string_view to_string(LedgerKind kind) noexcept;

struct LedgerLine {
  LedgerKind kind{};
  std::string owner;
  std::uint64_t count = 0;  // units held by this owner: blocks for kBlocks, else 1
  Duration age{};
};

class Ledger final {
 public:
  explicit Ledger(const Clock& clock) : clock_(clock) {}
  // Entries point here: one that outlives its ledger is a bug.
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // A held thing; leaving scope gives it back. Movable, not copyable.
  class [[nodiscard]] Entry {
   public:
    Entry() = default;
    ~Entry() { release(); }
    Entry(Entry&& other) noexcept { swap(other); }
    Entry& operator=(Entry&& other) noexcept {
      if (this != &other) {
        release();
        swap(other);
      }
      return *this;
    }
    [[nodiscard]] explicit operator bool() const noexcept { return ledger_ != nullptr; }
    void set_count(std::uint64_t count);
    void release() noexcept;

   private:
    friend class Ledger;
    Entry(Ledger* ledger, std::uint64_t id) : ledger_(ledger), id_(id) {}
    void swap(Entry& other) noexcept {
      std::swap(ledger_, other.ledger_);
      std::swap(id_, other.id_);
    }
    Ledger* ledger_ = nullptr;
    std::uint64_t id_ = 0;
  };

  [[nodiscard]] Entry hold(LedgerKind kind, std::string owner, std::uint64_t count = 1);
  // Units held of a kind.
  [[nodiscard]] std::uint64_t held(LedgerKind kind) const;
  [[nodiscard]] bool is_empty() const;
  // Oldest first.
  [[nodiscard]] std::vector<LedgerLine> lines() const;

 private:
  struct Held {
    LedgerKind kind;
    std::string owner;
    std::uint64_t count;
    MonotonicTime since;
  };

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Held> held_;                   // guarded by mutex_; id order is age order
  std::array<std::uint64_t, kNumLedgerKinds> totals_{};  // guarded by mutex_
  std::uint64_t next_id_ = 1;                            // guarded by mutex_
};

}  // namespace penstock
