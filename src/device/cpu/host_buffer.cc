#include "device/cpu/host_buffer.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace penstock::device {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

constexpr std::size_t round_up(std::size_t n, std::size_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

}  // namespace

Result<HostBuffer> HostBuffer::allocate(std::size_t num_bytes) {
  const auto refused = [num_bytes] {
    return make_error(ErrorCode::kResourceExhausted, "the system refused {} bytes of memory",
                      num_bytes);
  };
  HostBuffer buffer;
  if (num_bytes == 0) return buffer;
  if (num_bytes > SIZE_MAX / 2) return refused();
  if (num_bytes < kHugePage) {
    void* memory = std::aligned_alloc(kAlignment, round_up(num_bytes, kAlignment));
    if (memory == nullptr) return refused();
    std::memset(memory, 0, num_bytes);
    buffer.bytes_ = {static_cast<std::byte*>(memory), num_bytes};
    return buffer;
  }
  // One huge page more than needed, so that a 2 MiB boundary lies inside.
  const std::size_t mapped_bytes = round_up(num_bytes, kHugePage) + kHugePage;
  void* mapped =
      ::mmap(nullptr, mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return refused();
  buffer.mapping_ = {static_cast<std::byte*>(mapped), mapped_bytes};
  const auto address = reinterpret_cast<std::uintptr_t>(mapped);
  std::byte* begin = buffer.mapping_.data() + (round_up(address, kHugePage) - address);
  // A refusal only means ordinary pages.
  (void)::madvise(begin, round_up(num_bytes, kHugePage), MADV_HUGEPAGE);
  buffer.bytes_ = {begin, num_bytes};
  return buffer;
}

HostBuffer::~HostBuffer() {
  release();
}

HostBuffer::HostBuffer(HostBuffer&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})), mapping_(std::exchange(other.mapping_, {})) {}

HostBuffer& HostBuffer::operator=(HostBuffer&& other) noexcept {
  if (this != &other) {
    release();
    bytes_ = std::exchange(other.bytes_, {});
    mapping_ = std::exchange(other.mapping_, {});
  }
  return *this;
}

void HostBuffer::release() noexcept {
  if (!mapping_.empty()) {
    ::munmap(mapping_.data(), mapping_.size());
  } else {
    std::free(bytes_.data());
  }
}

}  // namespace penstock::device
