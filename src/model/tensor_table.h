// The tensors of a model by name, and which of them were asked for.
//
// Ownership: views belong to the files. Threading: one owner.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "formats/tensor.h"

namespace penstock::model {

class TensorTable final {
 public:
  // A tensor, or why it cannot be read: an error only when it is taken.
  [[nodiscard]] Status add(std::string_view name, Result<const formats::TensorView*> tensor);

  // The tensor of that name, which must have that shape. kInvalid names both shapes.
  [[nodiscard]] Result<const formats::TensorView*> take(std::string_view name,
                                                        std::span<const std::uint64_t> shape);
  // Names never taken, sorted.
  [[nodiscard]] std::vector<std::string_view> untaken() const;
  // The tensors that can be read, sorted by name.
  [[nodiscard]] std::vector<const formats::TensorView*> readable() const;

 private:
  struct Entry {
    Result<const formats::TensorView*> tensor;
    bool taken = false;
  };
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace penstock::model
