// A named thread that is joined by its owner. Detached threads do not exist here.
#pragma once

#include <functional>
#include <string>
#include <thread>

namespace penstock {

// At most 15 characters are shown by the system (`ps -T`, debuggers).
void set_thread_name(const std::string& name);

class NamedThread final {
 public:
  NamedThread() = default;
  NamedThread(std::string name, std::function<void()> body);
  ~NamedThread();
  NamedThread(NamedThread&&) noexcept = default;
  // Only onto one that is not running.
  NamedThread& operator=(NamedThread&& other) noexcept;

  // The owner has already told the body to end; a body that does not is a bug.
  void join();
  [[nodiscard]] bool joinable() const noexcept { return thread_.joinable(); }

 private:
  std::thread thread_;
};

}  // namespace penstock
