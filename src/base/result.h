// Expected failure as a value.
//
// A function that can fail for reasons outside our control (user input, files, network, limits)
// returns Result<T>. A bug is a CHECK instead (base/check.h). Exceptions are not used for either.
//
//   Result<Model> load(const Path& path) {
//     ASSIGN_OR_RETURN(auto file, MappedFile::open(path));
//     RETURN_IF_ERROR(verify(file));
//     if (file.size() < kMin) {
//       return make_error(ErrorCode::kInvalid, "{} has {} bytes; a model has at least {}", ...);
//     }
//     return Model(std::move(file));
//   }
//
// A message names the value that was wrong, the limit, and what to do. Threading: values.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "base/format.h"

namespace penstock {

// What kind of failure; the front maps each to a status (openai/errors.h).
enum class ErrorCode : unsigned char {
  kInvalid,            // the input breaks a rule; repeating it will not help
  kNotFound,           // a named thing does not exist
  kUnsupported,        // valid, but this build or model does not do it
  kResourceExhausted,  // a limit was reached; later or smaller may work
  kUnavailable,        // a peer or service is not there now
  kDeadline,           // the time budget is used up
  kCancelled,          // the asker no longer wants it
  kIo,                 // the operating system refused
  kCorrupt,            // bytes that should be ours are damaged
  kInternal,           // a bug that did not have to end the process
};

[[nodiscard]] std::string_view to_string(ErrorCode code) noexcept;

class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  [[nodiscard]] ErrorCode code() const noexcept { return code_; }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }

  // The same failure seen from one level up: "loading X: <message>".
  [[nodiscard]] Error with_context(std::string_view context) && {
    message_ = format("{}: {}", context, message_);
    return std::move(*this);
  }

 private:
  ErrorCode code_;
  std::string message_;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

template <class... Args>
[[nodiscard]] std::unexpected<Error> make_error(ErrorCode code, format_string<Args...> text,
                                                Args&&... args) {
  return std::unexpected<Error>(Error(code, format(text, std::forward<Args>(args)...)));
}

}  // namespace penstock

#define PENSTOCK_CONCAT_INNER(a, b) a##b
#define PENSTOCK_CONCAT(a, b) PENSTOCK_CONCAT_INNER(a, b)

// Leaves the enclosing function with the error of the expression, a Result or Status.
#define RETURN_IF_ERROR(...)                                                         \
  do {                                                                               \
    if (auto penstock_status = (__VA_ARGS__); !penstock_status)                      \
      return std::unexpected<::penstock::Error>(std::move(penstock_status).error()); \
  } while (false)

// `decl` gets the value of the expression after it, or the enclosing function returns its error.
// The expression may contain commas; `decl` may not.
#define ASSIGN_OR_RETURN(decl, ...) \
  PENSTOCK_ASSIGN_OR_RETURN(PENSTOCK_CONCAT(penstock_result_, __LINE__), decl, __VA_ARGS__)
#define PENSTOCK_ASSIGN_OR_RETURN(result, decl, ...)                                 \
  auto result = (__VA_ARGS__);                                                       \
  if (!result) return std::unexpected<::penstock::Error>(std::move(result).error()); \
  decl = std::move(*result)
