#include "frontend/tokenizer_pool.h"

#include "base/check.h"
#include "base/format.h"

namespace penstock::frontend {
namespace {

constexpr Duration kWait = std::chrono::seconds(1);

}  // namespace

TokenizerPool::TokenizerPool(std::size_t num_threads, std::size_t queue_capacity)
    : queue_(queue_capacity) {
  CHECK(num_threads > 0);
  for (std::size_t i = 0; i < num_threads; ++i) {
    threads_.emplace_back(format("tokenize-{}", i), [this] { run(); });
  }
}

TokenizerPool::~TokenizerPool() {
  queue_.close();
  for (NamedThread& thread : threads_) thread.join();
}

void TokenizerPool::run() {
  while (true) {
    if (auto job = queue_.pop(kWait)) {
      (*job)();
    } else if (queue_.is_closed()) {
      return;
    }
  }
}

}  // namespace penstock::frontend
