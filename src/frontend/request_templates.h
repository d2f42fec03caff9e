// Chat templates that came with requests (--allow-request-template), compiled once each.
//
// Keeps the last few by their text; whoever renders shares ownership, so one that falls out lives
// until its last rendering ends. Threading: any thread; compiling happens outside the lock.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "chat_template/chat_template.h"
#include "openai/errors.h"

namespace penstock::frontend {

class RequestTemplates final {
 public:
  explicit RequestTemplates(std::size_t capacity) : capacity_(capacity) {}

  // A template that does not compile is the request's error.
  [[nodiscard]] openai::ApiResult<std::shared_ptr<const chat_template::ChatTemplate>> get(
      const std::string& source);

 private:
  struct Entry {
    std::string source;
    std::shared_ptr<const chat_template::ChatTemplate> compiled;
  };

  [[nodiscard]] std::shared_ptr<const chat_template::ChatTemplate> find(const std::string& source);

  const std::size_t capacity_;
  Mutex mutex_;
  std::list<Entry> entries_ GUARDED_BY(mutex_);  // last used first; few, so they are searched
};

}  // namespace penstock::frontend
