// Stop strings over a stream of text.
//
// The earliest end of any stop string ends the text; of two that end at one byte the one that
// starts first wins. Until then the longest suffix that begins a stop string is held back, so no
// byte of a match is ever given out, and nothing else waits. The automaton is that of Aho and
// Corasick, "Efficient string matching", CACM 18(6), 1975: its state's depth is the number of
// bytes to hold. O(1) per byte, amortised.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::openai {

// The automaton; immutable, shared by all choices of a request.
class StopStrings final {
 public:
  explicit StopStrings(const std::vector<std::string>& strings);

  [[nodiscard]] bool empty() const noexcept { return strings_.empty(); }
  [[nodiscard]] const std::string& string(std::size_t index) const { return strings_[index]; }

 private:
  friend class StopMatcher;
  static constexpr std::uint32_t kRoot = 0;
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Node {
    std::uint32_t first_child = kNone;
    std::uint32_t next_sibling = kNone;
    std::uint32_t fail = kRoot;
    std::uint32_t depth = 0;      // bytes from the root
    std::uint32_t match = kNone;  // the longest stop string that ends here
    char byte = 0;
  };

  void insert(std::uint32_t index);
  void link();
  [[nodiscard]] std::uint32_t child(std::uint32_t node, char byte) const noexcept;
  [[nodiscard]] std::uint32_t next(std::uint32_t node, char byte) const noexcept;

  std::vector<std::string> strings_;
  std::vector<Node> nodes_;
  std::bitset<256> first_bytes_;
};

// One choice's place in the automaton. Threading: one owner; `stops` outlives it.
class StopMatcher final {
 public:
  StopMatcher(const StopStrings& stops, bool include_match);

  // Appends to `out` what of the held and the new text may go out. Once a stop string has
  // matched, further text is dropped.
  void push(std::string_view text, std::string& out);
  // Appends what is held: the text has ended otherwise.
  void flush(std::string& out);

  [[nodiscard]] bool has_matched() const noexcept { return matched_.has_value(); }
  // The number of the stop string that matched.
  [[nodiscard]] std::optional<std::uint32_t> matched() const noexcept { return matched_; }
  [[nodiscard]] std::size_t held_bytes() const noexcept { return held_.size(); }

 private:
  const StopStrings* stops_;
  bool include_match_;
  std::uint32_t node_ = StopStrings::kRoot;
  std::string held_;  // always the automaton's state, as text
  std::optional<std::uint32_t> matched_;
};

}  // namespace penstock::openai
