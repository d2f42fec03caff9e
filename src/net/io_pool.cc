#include "net/io_pool.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "net/loop_context.h"

namespace penstock::net {
namespace asio = boost::asio;
namespace {

constexpr auto kTickInterval = std::chrono::seconds(1);

}  // namespace

LoopInbox::LoopInbox() : signal_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  CHECK(signal_fd_ >= 0, "no eventfd for an io thread: raise the limit of open files");
}

LoopInbox::~LoopInbox() {
  ::close(signal_fd_);
}

bool LoopInbox::post(LoopTask task) {
  {
    const MutexLock lock(mutex_);
    if (closed_) return false;
    tasks_.push_back(std::move(task));
    if (tasks_.size() > 1) return true;
  }
  // Fails only when the counter is full, and then the loop is being woken already.
  (void)::eventfd_write(signal_fd_, 1);
  return true;
}

void LoopInbox::take_all(std::vector<LoopTask>& into) {
  eventfd_t count = 0;
  (void)::eventfd_read(signal_fd_, &count);  // before the tasks: a later one signals again
  const MutexLock lock(mutex_);
  into.swap(tasks_);
}

void LoopInbox::close() {
  const MutexLock lock(mutex_);
  closed_ = true;
}

bool LoopInbox::is_closed() const {
  const MutexLock lock(mutex_);
  return closed_;
}

IoPool::Loop::Loop(std::size_t loop_index)
    : index(loop_index),
      context(std::make_shared<Context>()),
      inbox(std::make_shared<LoopInbox>()) {
  context->signal.assign(inbox->signal_fd());
}

IoPool::Loop::~Loop() {
  (void)context->signal.release();
}

void IoPool::Loop::run_posted() noexcept {
  const Turn turn(*this);
  inbox->take_all(posted_);
  for (LoopTask& task : posted_) run_guarded(std::move(task));
  posted_.clear();
}

void IoPool::Loop::at_turn_end(LoopTask task) {
  turn_end_.push_back(std::move(task));
  if (turn_depth_ == 0 && turn_end_.size() == 1) {
    asio::post(context->io, [this] { const Turn turn(*this); });
  }
}

void IoPool::Loop::run_turn_end() noexcept {
  // Tasks may add tasks: an answer that is out makes room for the next pipelined request.
  for (std::size_t i = 0; i < turn_end_.size(); ++i) run_guarded(std::move(turn_end_[i]));
  turn_end_.clear();
}

void IoPool::Loop::run(LoopTask task) noexcept {
  const Turn turn(*this);
  run_guarded(std::move(task));
}

// By value: what the task holds is given back before the next one runs.
void IoPool::Loop::run_guarded(LoopTask task) noexcept {
  try {
    task();
  } catch (const std::exception& e) {
    BUG("net invariant 3: a task on loop {} threw: {}", index, e.what());
  }
}

struct IoPool::Impl {
  struct Member {
    Member(std::size_t index, const LoopDelayObserver& delay_observer)
        : observer(delay_observer),
          loop(index),
          work(asio::make_work_guard(loop.context->io)),
          ticker(loop.context->io) {}

    void tick() {
      loop.last_tick_ns.store(SystemClock().now().ns, std::memory_order_relaxed);
      ticker.expires_after(kTickInterval);
      ticker.async_wait([this](const boost::system::error_code& ec) {
        if (ec) return;
        if (observer) {
          const auto delay = std::chrono::steady_clock::now() - ticker.expiry();
          loop.run([this, delay] { observer(loop.index, delay); });
        }
        tick();
      });
    }

    void await_signal() {
      loop.context->signal.async_wait(asio::posix::stream_descriptor::wait_read,
                                      [this](const boost::system::error_code& ec) {
                                        if (ec) return;
                                        loop.run_posted();
                                        await_signal();
                                      });
    }

    void run() {
      loop.inbox->set_thread(std::this_thread::get_id());
      loop.context->io.run();
    }

    const LoopDelayObserver& observer;
    Loop loop;
    asio::executor_work_guard<asio::io_context::executor_type> work;
    asio::steady_timer ticker;
    NamedThread thread;
  };

  explicit Impl(LoopDelayObserver delay_observer) : observer(std::move(delay_observer)) {}

  const LoopDelayObserver observer;
  std::vector<std::unique_ptr<Member>> members;
  Mutex mutex;
  CondVar ended;
  std::size_t num_running GUARDED_BY(mutex) = 0;
};

IoPool::IoPool(std::size_t num_threads, LoopDelayObserver observer)
    : impl_(std::make_unique<Impl>(std::move(observer))) {
  CHECK(num_threads > 0);
  for (std::size_t i = 0; i < num_threads; ++i) {
    impl_->members.push_back(std::make_unique<Impl::Member>(i, impl_->observer));
  }
  {
    const MutexLock lock(impl_->mutex);
    impl_->num_running = num_threads;
  }
  for (const auto& member : impl_->members) {
    member->tick();
    member->await_signal();
    member->thread = NamedThread(format("net-io-{}", member->loop.index),
                                 [impl = impl_.get(), member = member.get()] {
                                   member->run();
                                   const MutexLock lock(impl->mutex);
                                   --impl->num_running;
                                   impl->ended.notify_all();
                                 });
  }
}

IoPool::~IoPool() {
  stop(std::chrono::seconds(1));
}

std::size_t IoPool::num_loops() const noexcept {
  return impl_->members.size();
}

void IoPool::post(std::size_t index, std::move_only_function<void()> task) {
  loop(index).inbox->post(std::move(task));
}

MonotonicTime IoPool::last_tick(std::size_t index) const noexcept {
  return {impl_->members[index]->loop.last_tick_ns.load(std::memory_order_relaxed)};
}

IoPool::Loop& IoPool::loop(std::size_t index) noexcept {
  return impl_->members[index]->loop;
}

void IoPool::stop(Duration timeout) {
  for (const auto& member : impl_->members) {
    if (!member->thread.joinable()) return;
    member->loop.inbox->close();
    // What was accepted runs first; the second hop lets completions that it has caused (closed
    // sockets) run too.
    asio::io_context& io = member->loop.context->io;
    asio::post(io, [&io, &loop = member->loop] {
      loop.run_posted();
      asio::post(io, [&io] { io.stop(); });
    });
  }
  {
    const MutexLock lock(impl_->mutex);
    impl_->ended.wait_for(impl_->mutex, timeout,
                          [this]() REQUIRES(impl_->mutex) { return impl_->num_running == 0; });
  }
  for (const auto& member : impl_->members) {
    member->loop.context->io.stop();
    member->thread.join();
  }
}

}  // namespace penstock::net
