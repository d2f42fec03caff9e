#include "chat_template/syntax/scope_symbols.h"

#include "base/check.h"

namespace penstock::chat_template {

std::uint32_t ScopeSymbols::declare(std::string_view name, const ScopeLoad& load) {
  const auto [at, added] = own_slots_.try_emplace(name, function_->num_slots);
  if (added) {
    names_.emplace(at->second, name);
    ++function_->num_slots;
  }
  const std::uint32_t slot = at->second;
  now_.slots[name] = slot;
  ScopeLoad& entry = now_.loads[slot];
  entry = load;
  entry.slot = slot;
  return slot;
}

std::uint32_t ScopeSymbols::declare_argument(std::string_view name) {
  now_.stores.insert(name);
  return declare(name, {.from = ScopeLoad::From::kArgument, .outer = {}});
}

ScopeLoad ScopeSymbols::load_from_outside(std::string_view name, ScopeLoad::From otherwise) const {
  ScopeLoad load;
  load.from = otherwise;
  if (parent_ != nullptr) {
    if (const std::optional<Reference> outer = parent_->find(name)) {
      load.from = ScopeLoad::From::kOuter;
      load.outer = relative(*outer);
    }
  }
  return load;
}

void ScopeSymbols::store(std::string_view name) {
  now_.stores.insert(name);
  if (now_.slots.contains(name)) return;
  declare(name, load_from_outside(name, ScopeLoad::From::kNothing));
}

void ScopeSymbols::load(std::string_view name) {
  if (!find(name)) declare(name, {.from = ScopeLoad::From::kContext, .outer = {}});
}

std::optional<Reference> ScopeSymbols::find(std::string_view name) const {
  for (const ScopeSymbols* scope = this; scope != nullptr; scope = scope->parent_) {
    const auto at = scope->now_.slots.find(name);
    if (at != scope->now_.slots.end()) return Reference{scope->function_, at->second};
  }
  return std::nullopt;
}

Variable ScopeSymbols::relative(const Reference& reference) const {
  return {.hops = function_->depth - reference.function->depth, .slot = reference.slot};
}

Variable ScopeSymbols::locate(std::string_view name) const {
  const std::optional<Reference> reference = find(name);
  CHECK(reference.has_value(), "chat_template invariant 4: '{}' was not analysed", name);
  return relative(*reference);
}

ScopeSymbols::Symbols ScopeSymbols::end_branch(const Symbols& before) {
  Symbols branch = std::move(now_);
  now_ = before;
  return branch;
}

void ScopeSymbols::unite(const std::vector<Symbols>& branches) {
  std::set<std::string_view> stores;
  for (const Symbols& branch : branches) {
    for (const std::string_view name : branch.stores) {
      if (!now_.stores.contains(name)) stores.insert(name);
    }
  }
  for (const Symbols& branch : branches) {
    now_.slots.insert(branch.slots.begin(), branch.slots.end());
    for (const auto& [slot, load] : branch.loads) now_.loads[slot] = load;
    now_.stores.insert(branch.stores.begin(), branch.stores.end());
  }
  for (const std::string_view name : stores) {
    const std::uint32_t slot = now_.slots.at(name);
    ScopeLoad load = load_from_outside(name, ScopeLoad::From::kContext);
    load.slot = slot;
    now_.loads[slot] = load;
  }
}

std::vector<ScopeLoad> ScopeSymbols::loads() const {
  std::vector<ScopeLoad> loads;
  for (const auto& [slot, load] : now_.loads) loads.push_back(load);
  return loads;
}

}  // namespace penstock::chat_template
