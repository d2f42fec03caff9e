#include "model/chat_template_source.h"

#include "formats/gguf.h"
#include "model/model_files.h"
#include "text/json.h"

namespace penstock::model {
namespace {

constexpr std::size_t kMaxTemplateBytes = 4U << 20;
constexpr std::size_t kMaxConfigBytes = 64U << 20;

Result<std::optional<std::string>> from_gguf(const formats::GgufFile& file) {
  const auto source = file.get_string("tokenizer.chat_template");
  if (source) return std::string(*source);
  if (source.error().code() == ErrorCode::kNotFound) return std::nullopt;
  return std::unexpected(source.error());
}

// Either one template, or a list of {name, template}.
Result<std::optional<std::string>> from_tokenizer_config(const text::Json& config) {
  const text::Json* value = config.find("chat_template");
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (value->is_string()) return value->as_string();
  if (value->is_array()) {
    for (const text::Json& entry : value->as_array()) {
      const text::Json* name = entry.find("name");
      const text::Json* source = entry.find("template");
      if (name != nullptr && *name == text::Json("default") && source != nullptr &&
          source->is_string()) {
        return source->as_string();
      }
    }
    return make_error(ErrorCode::kInvalid,
                      "tokenizer_config.json: chat_template lists no template named 'default'");
  }
  return make_error(ErrorCode::kInvalid,
                    "tokenizer_config.json: chat_template is of type {}; it must be a string or a "
                    "list of named templates",
                    value->type_name());
}

}  // namespace

Result<std::optional<std::string>> chat_template_source(const ModelFiles& files) {
  if (files.gguf() != nullptr) return from_gguf(*files.gguf());
  auto own_file = files.read_file("chat_template.jinja", kMaxTemplateBytes);
  if (own_file) return std::move(*own_file);
  if (own_file.error().code() != ErrorCode::kNotFound) {
    return std::unexpected(std::move(own_file).error());
  }
  auto bytes = files.read_file("tokenizer_config.json", kMaxConfigBytes);
  if (!bytes) {
    if (bytes.error().code() == ErrorCode::kNotFound) return std::nullopt;
    return std::unexpected(std::move(bytes).error());
  }
  auto config = text::parse_json(*bytes);
  if (!config)
    return std::unexpected(std::move(config).error().with_context("tokenizer_config.json"));
  return from_tokenizer_config(*config);
}

}  // namespace penstock::model
