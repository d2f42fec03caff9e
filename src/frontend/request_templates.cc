#include "frontend/request_templates.h"

#include <algorithm>
#include <utility>

namespace penstock::frontend {

using chat_template::ChatTemplate;

std::shared_ptr<const ChatTemplate> RequestTemplates::find(const std::string& source) {
  const MutexLock lock(mutex_);
  const auto at = std::ranges::find(entries_, source, &Entry::source);
  if (at == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, at);
  return at->compiled;
}

openai::ApiResult<std::shared_ptr<const ChatTemplate>> RequestTemplates::get(
    const std::string& source) {
  if (auto known = find(source)) return known;
  auto made = ChatTemplate::compile(source);
  if (!made) {
    return openai::make_api_error(openai::ApiErrorCode::kInvalidValue, "chat_template",
                                  "chat_template does not compile: {}",
                                  openai::clipped(made.error().message(), 1024));
  }
  auto compiled = std::make_shared<const ChatTemplate>(std::move(*made));
  const MutexLock lock(mutex_);
  entries_.push_front({source, compiled});
  if (entries_.size() > capacity_) entries_.pop_back();
  return compiled;
}

}  // namespace penstock::frontend
