// The fields of each API as data: what validation checks and what a description of the API lists.
//
// A table is made once from the limits of the process. check_fields() does everything that needs
// one field alone; what needs two fields, or looks into an array or object, is the request
// parser's (chat_request.cc, completion_request.cc, shared_fields.cc). Threading: immutable.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "openai/errors.h"
#include "text/json.h"

namespace penstock::openai {

enum class FieldType : std::uint8_t {
  kBoolean,
  kInteger,  // also a number without a fraction
  kNumber,
  kString,
  kStringOrStrings,
  kArray,
  kObject,
  kAny,  // its parser says what it takes
};
[[nodiscard]] std::string_view to_string(FieldType type) noexcept;

enum class FieldState : std::uint8_t {
  kBuilt,
  kTemplate,  // takes effect when the model's chat template reads it; else as if unlisted
  kNotBuilt,  // of the API, refused until it is built
  kRefused,   // known from elsewhere, never offered; the note says what to use
};

// Numbers: the value. Strings: characters. Arrays and objects: members.
struct FieldRange {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool excludes_min = false;
};

struct FieldSpec {
  std::string_view name{};
  FieldType type = FieldType::kAny;
  FieldRange range{};
  std::string_view default_text{};
  FieldState state = FieldState::kBuilt;
  std::string_view note{};
};

struct FieldLimits {
  std::uint32_t max_n = 16;
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

// Checks each member of `body`: its type, its range, and that it is built. Returns the names that
// no row lists, in their order. JSON null equals absent.
[[nodiscard]] ApiResult<std::vector<std::string>> check_fields(const text::Json::Object& body,
                                                               const FieldTable& table,
                                                               UnknownFields unknown);

// The same for one value; `path` is what the error's param says.
[[nodiscard]] ApiStatus check_value(const text::Json& value, FieldType type,
                                    const FieldRange& range, std::string_view path);

}  // namespace penstock::openai
