#include "base/thread.h"

#include <pthread.h>

#include "base/check.h"

namespace penstock {

void set_thread_name(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

NamedThread::NamedThread(std::string name, std::function<void()> body)
    : thread_([name = std::move(name), body = std::move(body)] {
        set_thread_name(name);
        body();
      }) {}

NamedThread& NamedThread::operator=(NamedThread&& other) noexcept {
  CHECK(!thread_.joinable(), "a running thread is replaced: join it first");
  thread_ = std::move(other.thread_);
  return *this;
}

NamedThread::~NamedThread() {
  CHECK(!thread_.joinable(), "a thread outlives its owner: join it before destruction");
}

void NamedThread::join() {
  CHECK(thread_.joinable(), "a thread that never ran, or was joined before, is joined");
  thread_.join();
}

}  // namespace penstock
