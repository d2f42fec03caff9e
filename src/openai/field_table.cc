#include "openai/field_table.h"

#include <algorithm>

#include "openai/field_check.h"
#include "openai/field_rows.h"

namespace penstock::openai {
namespace {

constexpr std::string_view kOnlyInChat = "it belongs to /v1/chat/completions; leave it out";

bool has_row(const std::vector<FieldSpec>& rows, std::string_view name) {
  return std::ranges::find(rows, name, &FieldSpec::name) != rows.end();
}

void add_shared_rows(std::vector<FieldSpec>& rows, const FieldLimits& limits) {
  for (FieldSpec row : shared_rows()) {
    if (has_row(rows, row.name)) continue;
    if (row.name == "n") row.value.integer.max = limits.max_n;
    rows.push_back(row);
  }
}

}  // namespace

FieldTable::FieldTable(std::vector<FieldSpec> specs) : specs_(std::move(specs)) {
  std::ranges::sort(specs_, {}, &FieldSpec::name);
}

FieldTable FieldTable::chat(const FieldLimits& limits) {
  std::vector<FieldSpec> rows(chat_rows().begin(), chat_rows().end());
  for (FieldSpec& row : rows) {
    if (row.name != "chat_template" || limits.allow_request_template) continue;
    row.state = FieldState::kRefused;
    row.note = "this server takes none from requests (--allow-request-template); leave it out";
  }
  add_shared_rows(rows, limits);
  return FieldTable(std::move(rows));
}

FieldTable FieldTable::completions(const FieldLimits& limits) {
  std::vector<FieldSpec> rows(completion_rows().begin(), completion_rows().end());
  add_shared_rows(rows, limits);
  for (const FieldSpec& chat : chat_rows()) {
    if (has_row(rows, chat.name)) continue;
    rows.push_back({chat.name, {}, "none", chat.meaning, FieldState::kRefused, kOnlyInChat});
  }
  return FieldTable(std::move(rows));
}

const FieldSpec* FieldTable::find(std::string_view name) const noexcept {
  const auto at = std::ranges::lower_bound(specs_, name, {}, &FieldSpec::name);
  return at != specs_.end() && at->name == name ? &*at : nullptr;
}

ApiResult<std::vector<std::string>> check_fields(const text::Json& body, const FieldTable& table,
                                                 UnknownFields unknown) {
  if (!body.is_object()) {
    return make_api_error(ApiErrorCode::kInvalidValue, "",
                          "the body is of type {}; it must be a JSON object", body.type_name());
  }
  std::vector<std::string> ignored;
  for (const auto& [name, value] : body.as_object()) {
    if (value.is_null()) continue;
    if (const FieldSpec* spec = table.find(name)) {
      RETURN_IF_API_ERROR(check_field(value, *spec, FieldPath(spec->name)));
      continue;
    }
    if (unknown == UnknownFields::kReject) {
      return make_api_error(ApiErrorCode::kUnknownParameter, clipped(name),
                            "'{}' is not a field of this route; leave it out", clipped(name));
    }
    ignored.push_back(name);
  }
  RETURN_IF_API_ERROR(check_companions(body.as_object(), table.specs(), nullptr));
  return ignored;
}

}  // namespace penstock::openai
