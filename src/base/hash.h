// Hashes and digests: XXH3 for identity inside the fleet, SHA-256 for digests that peers compare.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace penstock {

[[nodiscard]] std::uint64_t xxh3_64(std::span<const std::byte> bytes, std::uint64_t seed) noexcept;
[[nodiscard]] std::uint64_t xxh3_64(std::string_view bytes, std::uint64_t seed) noexcept;

struct Hash128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend constexpr bool operator==(Hash128, Hash128) noexcept = default;
};
[[nodiscard]] Hash128 xxh3_128(std::span<const std::byte> bytes) noexcept;

using Sha256Digest = std::array<std::byte, 32>;
[[nodiscard]] Sha256Digest sha256(std::string_view bytes);

// SHA-256 over pieces.
class Sha256 final {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::string_view bytes);
  void update(std::span<const std::byte> bytes);
  [[nodiscard]] Sha256Digest finish() &&;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Lower-case hex, two digits per byte.
[[nodiscard]] std::string to_hex(std::span<const std::byte> bytes);
// "sha256:" and 64 hex digits: how digests are written everywhere.
[[nodiscard]] std::string digest_text(const Sha256Digest& digest);

}  // namespace penstock
