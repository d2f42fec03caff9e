#include "base/ledger.h"

#include <algorithm>

#include "base/check.h"

namespace penstock {

std::string_view to_string(LedgerKind kind) noexcept {
  switch (kind) {
    case LedgerKind::kRequest:
      return "request";
    case LedgerKind::kSequence:
      return "sequence";
    case LedgerKind::kBlocks:
      return "blocks";
    case LedgerKind::kStream:
      return "stream";
    case LedgerKind::kConnection:
      return "connection";
    case LedgerKind::kLease:
      return "lease";
    case LedgerKind::kFile:
      return "file";
  }
  return "unknown";
}

Ledger::~Ledger() {
  CHECK(held_.empty(), "base invariant 5: {} of '{}' outlives the ledger",
        to_string(held_.begin()->second.kind), held_.begin()->second.owner);
}

Ledger::Entry Ledger::hold(LedgerKind kind, std::string owner, std::uint64_t count) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t id = next_id_++;
  held_.emplace(id, Held{kind, std::move(owner), count, clock_.now()});
  totals_[static_cast<std::size_t>(kind)] += count;
  return {this, id};
}

void Ledger::Entry::set_count(std::uint64_t count) {
  CHECK(ledger_ != nullptr);
  const std::lock_guard lock(ledger_->mutex_);
  Held& held = ledger_->held_.at(id_);
  std::uint64_t& total = ledger_->totals_[static_cast<std::size_t>(held.kind)];
  total = total - held.count + count;
  held.count = count;
}

void Ledger::Entry::release() noexcept {
  if (ledger_ == nullptr) return;
  const std::lock_guard lock(ledger_->mutex_);
  const auto it = ledger_->held_.find(id_);
  CHECK(it != ledger_->held_.end());
  ledger_->totals_[static_cast<std::size_t>(it->second.kind)] -= it->second.count;
  ledger_->held_.erase(it);
  ledger_ = nullptr;
}

std::uint64_t Ledger::held(LedgerKind kind) const {
  const std::lock_guard lock(mutex_);
  return totals_[static_cast<std::size_t>(kind)];
}

bool Ledger::is_empty() const {
  const std::lock_guard lock(mutex_);
  return held_.empty();
}

std::vector<LedgerLine> Ledger::lines() const {
  const std::lock_guard lock(mutex_);
  const MonotonicTime now = clock_.now();
  std::vector<LedgerLine> lines;
  lines.reserve(held_.size());
  for (const auto& [id, held] : held_) {
    lines.push_back({held.kind, held.owner, held.count, now - held.since});
  }
  return lines;
}

}  // namespace penstock
