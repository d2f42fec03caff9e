// Strong ids: integers that cannot be swapped by accident.
//
//   using BlockId = StrongId<struct BlockIdTag, std::uint32_t>;
#pragma once

#include <compare>
#include <cstddef>
#include <functional>

namespace penstock {

template <class Tag, class Rep>
class StrongId {
 public:
  using rep = Rep;

  constexpr StrongId() noexcept = default;
  constexpr explicit StrongId(Rep value) noexcept : value_(value) {}

  [[nodiscard]] constexpr Rep value() const noexcept { return value_; }
  friend constexpr auto operator<=>(StrongId, StrongId) noexcept = default;

 private:
  Rep value_{};
};

}  // namespace penstock

template <class Tag, class Rep>
struct std::hash<penstock::StrongId<Tag, Rep>> {
  std::size_t operator()(penstock::StrongId<Tag, Rep> id) const noexcept {
    return std::hash<Rep>{}(id.value());
  }
};
