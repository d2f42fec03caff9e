#include "model/model_digest.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/hash.h"
#include "text/json.h"

namespace penstock::model {
namespace {

using formats::TensorView;
using text::Json;

class DigestStream final {
 public:
  void word(std::uint64_t value) {
    std::array<std::byte, sizeof(value)> little_endian;
    for (std::byte& b : little_endian) {
      b = static_cast<std::byte>(value);
      value >>= 8;
    }
    hash_.update(little_endian);
  }
  void text(std::string_view bytes) {
    word(bytes.size());
    hash_.update(bytes);
  }
  [[nodiscard]] std::string finish() && { return digest_text(std::move(hash_).finish()); }

 private:
  Sha256 hash_;
};

Json canonical(const Json& value) {
  if (value.is_array()) {
    Json::Array items;
    for (const Json& item : value.as_array()) items.push_back(canonical(item));
    return items;
  }
  if (!value.is_object()) return value;
  std::vector<const Json::Member*> members;
  for (const Json::Member& member : value.as_object()) members.push_back(&member);
  std::ranges::sort(members, {},
                    [](const Json::Member* m) -> std::string_view { return m->first; });
  Json::Object sorted;
  for (const Json::Member* member : members) sorted.set(member->first, canonical(member->second));
  return sorted;
}

}  // namespace

std::string digest_model(std::string_view configuration,
                         std::span<const TensorView* const> tensors) {
  DigestStream out;
  out.text("penstock model 1");
  out.text(configuration);
  out.word(tensors.size());
  for (const TensorView* tensor : tensors) {
    out.text(tensor->name);
    out.text(formats::info(tensor->dtype).name);
    out.word(tensor->shape.size());
    for (const std::uint64_t dim : tensor->shape) out.word(dim);
    out.word(tensor->bytes.size());
    const Hash128 hash = xxh3_128(tensor->bytes);
    out.word(hash.low);
    out.word(hash.high);
  }
  return std::move(out).finish();
}

std::string canonical_config(const Json& config_json) {
  Json sorted = canonical(config_json);
  if (sorted.is_object()) {
    std::vector<std::string> remarks;
    for (const auto& [name, value] : sorted.as_object()) {
      if (name.starts_with('_')) remarks.push_back(name);
    }
    for (const std::string& name : remarks) sorted.as_object().erase(name);
  }
  return text::to_json(sorted);
}

}  // namespace penstock::model
