// What a scope knows about its variables while a template is compiled.
//
// The rules are those of jinja2. A scope owns every variable that it assigns; on entry such a
// variable starts as a copy of the outer one of that name, or without a value. A variable that a
// scope only reads is the outer one itself or, where nobody outside knows it, comes from the
// render's input. The branches of an `if` share their scope: what one of them assigns may not have
// been assigned, so it starts as the outer variable or as the input's.
// Threading: pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "chat_template/syntax/ast.h"

namespace penstock::chat_template {

// A function of the template: the root, a macro, a recursive loop.
struct FunctionScope {
  std::uint32_t depth = 0;
  std::uint32_t num_slots = 0;
};

// A variable of some scope around.
struct Reference {
  const FunctionScope* function = nullptr;
  std::uint32_t slot = 0;
};

class ScopeSymbols final {
 public:
  ScopeSymbols(ScopeSymbols* parent, FunctionScope& function)
      : parent_(parent), function_(&function) {}

  std::uint32_t declare_argument(std::string_view name);
  void store(std::string_view name);
  void load(std::string_view name);
  [[nodiscard]] std::optional<Reference> find(std::string_view name) const;
  // Where code of `from` finds the variable; it must be known.
  [[nodiscard]] Variable locate(std::string_view name) const;

  [[nodiscard]] FunctionScope& function() const noexcept { return *function_; }

  // An `if`: each branch starts from the symbols before it, and then all are united.
  struct Symbols {
    std::map<std::string_view, std::uint32_t> slots;
    std::map<std::uint32_t, ScopeLoad> loads;  // by slot
    std::set<std::string_view> stores;
  };
  [[nodiscard]] Symbols branch() const { return now_; }
  [[nodiscard]] Symbols end_branch(const Symbols& before);
  void unite(const std::vector<Symbols>& branches);

  // The names loaded from the input, by slot; others get no entry.
  [[nodiscard]] std::vector<ScopeLoad> loads() const;
  [[nodiscard]] std::string_view name_of(std::uint32_t slot) const { return names_.at(slot); }

 private:
  std::uint32_t declare(std::string_view name, const ScopeLoad& load);
  [[nodiscard]] ScopeLoad load_from_outside(std::string_view name, ScopeLoad::From otherwise) const;
  [[nodiscard]] Variable relative(const Reference& reference) const;

  ScopeSymbols* parent_;
  FunctionScope* function_;
  std::map<std::string_view, std::uint32_t> own_slots_;  // of all branches
  std::map<std::uint32_t, std::string_view> names_;
  Symbols now_;
};

}  // namespace penstock::chat_template
