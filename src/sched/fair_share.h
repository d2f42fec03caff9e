// How much each tenant was served: the virtual token counters that order tenants within a band.
//
// A tenant's counter rises by what it is served (tokens, over its weight); the tenant with the
// least goes first. One that comes back after a pause does not bring credit along: its counter is
// lifted to the least of those that are here. After Sheng et al., "Fairness in Serving Large
// Language Models" (OSDI 2024), section 4, algorithm 2.
//
// Threading: one owner. Memory is bounded: of tenants without work, those served least are
// forgotten first, which costs nobody anything but their own debt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace penstock::sched {

struct Tenant {
  std::string name;
  double weight = 1;
  double served = 0;           // virtual tokens over weight
  std::uint32_t num_live = 0;  // sequences waiting or running
};

class FairShare final {
 public:
  // An output token costs more than a prompt token: it takes a step of its own.
  static constexpr double kOutputTokenCost = 4;

  // A sequence of the tenant came; the reference stays good until its leave(). `weight` > 0.
  Tenant& enter(std::string_view name, double weight);
  void leave(Tenant& tenant);
  static void charge(Tenant& tenant, double virtual_tokens) noexcept {
    tenant.served += virtual_tokens / tenant.weight;
  }

  [[nodiscard]] std::size_t num_tenants() const noexcept { return tenants_.size(); }

 private:
  void forget_some();

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const noexcept {
      return std::hash<std::string_view>{}(s);
    }
  };
  std::unordered_map<std::string, Tenant, Hash, std::equal_to<>> tenants_;
};

}  // namespace penstock::sched
