// Memory of one render (or of one compiled template's literals): a bump allocator.
//
// Values of a template are plain pointers into a heap and live exactly as long as it does. Nothing
// is freed before that: cycles, deep nesting and sharing between loops need no care, and a render
// costs a handful of mallocs. A budget bounds it: allocation itself never fails, but `exhausted()`
// becomes true, and whoever allocates in a loop or by a size from outside asks first.
// Threading: one render at a time; a compiled template's heap is read-only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace penstock::chat_template {

class Heap final {
 public:
  explicit Heap(std::uint64_t max_bytes) : max_bytes_(max_bytes) {}
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  [[nodiscard]] void* allocate(std::size_t bytes) {
    bytes = (bytes + kAlign - 1) & ~(kAlign - 1);
    if (bytes > static_cast<std::size_t>(end_ - at_)) return allocate_slow(bytes);
    char* result = at_;
    at_ += bytes;
    return result;
  }

  template <class T, class... Args>
  [[nodiscard]] T* make(Args&&... args) {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= kAlign);
    return new (allocate(sizeof(T))) T{std::forward<Args>(args)...};
  }
  template <class T>
  [[nodiscard]] std::span<T> make_array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= kAlign);
    // Arrays of pointers are wanted. NOLINTNEXTLINE(bugprone-sizeof-expression)
    T* first = static_cast<T*>(allocate(count * sizeof(T)));
    std::uninitialized_value_construct_n(first, count);
    return {first, count};
  }
  [[nodiscard]] std::string_view copy(std::string_view bytes);

  // Whether the budget is used up; true once would stay true.
  [[nodiscard]] bool exhausted() const noexcept { return used_bytes_ > max_bytes_; }
  // Whether `bytes` more would stay inside the budget.
  [[nodiscard]] bool fits(std::uint64_t bytes) const noexcept {
    return used_bytes_ <= max_bytes_ && bytes <= max_bytes_ - used_bytes_;
  }
  [[nodiscard]] std::uint64_t max_bytes() const noexcept { return max_bytes_; }

 private:
  static constexpr std::size_t kAlign = 8;
  [[nodiscard]] void* allocate_slow(std::size_t bytes);

  std::uint64_t max_bytes_;
  std::uint64_t used_bytes_ = 0;  // of all chunks
  char* at_ = nullptr;
  char* end_ = nullptr;
  std::size_t next_chunk_bytes_ = 8 << 10;
  std::vector<std::unique_ptr<char[]>> chunks_;
};

}  // namespace penstock::chat_template
