// Damages well-formed files the way an attacker would: deterministic from a seed.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::formats::testing {

class Mutator final {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  // A copy with one to four damages.
  [[nodiscard]] std::string damage(std::string_view file);
  // Like damage, but of JSON text: numbers, strings and brackets change, the rest stays.
  [[nodiscard]] std::string damage_json(std::string_view json);

  [[nodiscard]] std::uint64_t below(std::uint64_t limit) {
    return limit == 0 ? 0 : random_() % limit;
  }
  // A number that size checks are likely to get wrong, near `size` or near a power of two.
  [[nodiscard]] std::uint64_t treacherous(std::uint64_t size);

 private:
  void damage_once(std::string& file);
  void overwrite_integer(std::string& file);
  void replace_token(std::string& json);

  std::mt19937_64 random_;
};

}  // namespace penstock::formats::testing
