// The fields of each API under this process's limits: what validation checks and what the
// description of the API lists.
//
// check_fields() does all that one value alone decides, at any depth; what two fields decide
// together is the request parser's (chat_request.cc, completion_request.cc, shared_fields.cc,
// messages.cc, extension.cc). Threading: immutable.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "openai/errors.h"
#include "openai/field_spec.h"
#include "text/json.h"

namespace penstock::openai {

struct FieldLimits {
  std::uint32_t max_n = 16;
  bool allow_request_template = false;
};

enum class UnknownFields : std::uint8_t { kIgnore, kReject };

class FieldTable final {
 public:
  [[nodiscard]] static FieldTable chat(const FieldLimits& limits);
  [[nodiscard]] static FieldTable completions(const FieldLimits& limits);

  [[nodiscard]] const FieldSpec* find(std::string_view name) const noexcept;
  // Sorted by name.
  [[nodiscard]] const std::vector<FieldSpec>& specs() const noexcept { return specs_; }

 private:
  explicit FieldTable(std::vector<FieldSpec> specs);
  std::vector<FieldSpec> specs_;
};

// Checks `body` and all in it against `table`. Returns the names at its top that no row lists, in
// their order. JSON null equals absent.
[[nodiscard]] ApiResult<std::vector<std::string>> check_fields(const text::Json& body,
                                                               const FieldTable& table,
                                                               UnknownFields unknown);

}  // namespace penstock::openai
