#include "model/tensor_table.h"

#include <algorithm>
#include <utility>

namespace penstock::model {

using formats::TensorView;

namespace {

std::string shape_text(std::span<const std::uint64_t> shape) {
  std::string text = "[";
  for (const std::uint64_t dim : shape) text += format("{}{}", text.size() > 1 ? ", " : "", dim);
  return text + "]";
}

}  // namespace

Status TensorTable::add(std::string_view name, Result<const TensorView*> tensor) {
  if (entries_.emplace(name, Entry{.tensor = std::move(tensor)}).second) return {};
  return make_error(ErrorCode::kInvalid, "tensor '{}' is in two files", name);
}

Result<const TensorView*> TensorTable::take(std::string_view name,
                                            std::span<const std::uint64_t> shape) {
  const auto it = entries_.find(std::string(name));
  if (it == entries_.end()) {
    return make_error(ErrorCode::kInvalid, "tensor '{}' is missing", name);
  }
  Entry& entry = it->second;
  entry.taken = true;
  if (entry.tensor && !std::ranges::equal((*entry.tensor)->shape, shape)) {
    return make_error(ErrorCode::kInvalid, "tensor '{}' has the shape {}; it must be {}", name,
                      shape_text((*entry.tensor)->shape), shape_text(shape));
  }
  return entry.tensor;
}

std::vector<std::string_view> TensorTable::untaken() const {
  std::vector<std::string_view> names;
  for (const auto& [name, entry] : entries_) {
    if (!entry.taken) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

std::vector<const TensorView*> TensorTable::readable() const {
  std::vector<const TensorView*> tensors;
  for (const auto& [name, entry] : entries_) {
    if (entry.tensor) tensors.push_back(*entry.tensor);
  }
  std::ranges::sort(tensors, {}, &TensorView::name);
  return tensors;
}

}  // namespace penstock::model
