// Building and searching dicts.
//
// Equal keys follow Python: 1, 1.0 and True are one key. Large dicts keep their entry numbers in
// key order instead of a hash table, so that no choice of keys makes them slow. Threading: values.
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "chat_template/values/runtime.h"
#include "chat_template/values/value.h"

namespace penstock::chat_template {

// A total order on hashable values in which equal keys are equal: numbers, strings, None, tuples,
// all others by identity. NaN sorts above every number.
[[nodiscard]] int compare_keys(const Value& a, const Value& b) noexcept;
struct KeyLess {
  bool operator()(const Value& a, const Value& b) const noexcept { return compare_keys(a, b) < 0; }
};
// A list or dict as a key is an error, as in Python.
[[nodiscard]] Status check_hashable(Runtime& runtime, const Value& key);

// Null when absent. The key must be hashable.
[[nodiscard]] const Value* find_key(const Dict& dict, const Value& key) noexcept;
[[nodiscard]] const Value* find_key(const Dict& dict, std::string_view key) noexcept;

class DictBuilder final {
 public:
  explicit DictBuilder(Runtime& runtime) : runtime_(runtime) {}

  // An equal key keeps its place and spelling and gets the new value.
  [[nodiscard]] Status set(const Value& key, const Value& value);
  // For keys known to be new.
  void add(const Value& key, const Value& value) { entries_.push_back({key, value}); }
  void reserve(std::size_t count) { entries_.reserve(count); }
  [[nodiscard]] Value finish();

 private:
  Runtime& runtime_;
  std::vector<Entry> entries_;
  std::map<Value, std::uint32_t, KeyLess> index_;  // filled above kIndexAbove entries
};

}  // namespace penstock::chat_template
