#include "frontend/admin/explain_store.h"

#include <algorithm>
#include <utility>

namespace penstock::frontend {
namespace {

constexpr std::size_t kMaxMessageBytes = 512;

std::size_t bytes_of(const RequestRecord& record) noexcept {
  return sizeof(RequestRecord) + record.request_id.size() + record.correlation_id.size() +
         record.tenant.size() + record.key_id.size() + record.model.size() + record.message.size();
}

}  // namespace

void ExplainStore::add(RequestRecord record) {
  if (record.message.size() > kMaxMessageBytes) record.message.resize(kMaxMessageBytes);
  const std::size_t size = bytes_of(record);
  if (max_records_ == 0 || size > max_bytes_) return;
  std::deque<RequestRecord> gone;  // destroyed outside the lock
  const MutexLock lock(mutex_);
  while (!records_.empty() && (records_.size() >= max_records_ || num_bytes_ + size > max_bytes_)) {
    num_bytes_ -= bytes_of(records_.front());
    gone.push_back(std::move(records_.front()));
    records_.pop_front();
  }
  num_bytes_ += size;
  records_.push_back(std::move(record));
}

std::optional<RequestRecord> ExplainStore::find(std::string_view id) const {
  const MutexLock lock(mutex_);
  for (auto at = records_.rbegin(); at != records_.rend(); ++at) {
    if (at->request_id == id || at->correlation_id == id) return *at;
  }
  return std::nullopt;
}

std::vector<RequestRecord> ExplainStore::last(std::size_t num_records) const {
  const MutexLock lock(mutex_);
  const std::size_t count = std::min(num_records, records_.size());
  return {records_.rbegin(), records_.rbegin() + static_cast<std::ptrdiff_t>(count)};
}

std::size_t ExplainStore::num_records() const {
  const MutexLock lock(mutex_);
  return records_.size();
}

std::size_t ExplainStore::num_bytes() const {
  const MutexLock lock(mutex_);
  return num_bytes_;
}

}  // namespace penstock::frontend
