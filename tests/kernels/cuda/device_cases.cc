// The runtime wrappers under the kernels: arena bounds, refused allocations, graphs that replay.
#include "device/cuda/graph.h"
#include "tests/kernels/cuda/gpu_case.h"

namespace penstock::gpu_test {
namespace {

using device::cuda::DeviceArena;
using device::cuda::DeviceBuffer;
using device::cuda::Event;
using device::cuda::Graph;
using device::cuda::PinnedBuffer;

Status check_memory(Report& report) {
  ASSIGN_OR_RETURN(DeviceArena arena, DeviceArena::create(1000));
  ASSIGN_OR_RETURN(const std::byte* first, arena.take_bytes(1));
  ASSIGN_OR_RETURN(const std::byte* second, arena.take_bytes(700));
  report.holds("arena hands out aligned, disjoint memory",
               second - first == static_cast<std::ptrdiff_t>(DeviceArena::kAlignment));
  const auto refused = arena.take_bytes(300);
  report.holds("arena refuses more than is left",
               !refused && refused.error().code() == ErrorCode::kResourceExhausted);

  const auto huge = DeviceBuffer::allocate(std::size_t{1} << 50);
  report.holds("an allocation over the card's memory is refused by name",
               !huge && huge.error().code() == ErrorCode::kResourceExhausted);
  report.holds("and leaves no error behind", cudaGetLastError() == cudaSuccess);
  return {};
}

// A graph of one copy out of pinned memory: what the buffer holds at launch is what arrives.
Status check_graph(Gpu& gpu, Report& report) {
  ASSIGN_OR_RETURN(PinnedBuffer pinned, PinnedBuffer::allocate(16));
  ASSIGN_OR_RETURN(std::byte * target, gpu.arena.take_bytes(16));
  const std::span<std::byte> source(pinned.data(), pinned.size());
  ASSIGN_OR_RETURN(const Graph graph, Graph::capture(gpu.stream, [&]() -> Status {
                     return device::cuda::copy_to_device(target, source, gpu.stream);
                   }));
  ASSIGN_OR_RETURN(const Event done, Event::create());
  bool is_right = true;
  for (const int value : {7, 9}) {
    source[3] = static_cast<std::byte>(value);
    RETURN_IF_ERROR(graph.launch(gpu.stream));
    RETURN_IF_ERROR(done.record(gpu.stream));
    RETURN_IF_ERROR(done.synchronize());
    ASSIGN_OR_RETURN(const auto got, gpu.download(target, 16));
    is_right = is_right && got[3] == static_cast<std::byte>(value);
  }
  report.holds("a graph replays with what its buffers hold now", is_right);
  ASSIGN_OR_RETURN(const bool is_done, done.is_done());
  report.holds("an event behind finished work is done", is_done);

  const auto failed = Graph::capture(
      gpu.stream, []() -> Status { return make_error(ErrorCode::kInvalid, "not recorded"); });
  report.holds("an error while recording ends the capture",
               !failed && failed.error().code() == ErrorCode::kInvalid && gpu.stream.synchronize());
  return {};
}

}  // namespace

Status run_device_cases(Gpu& gpu, Report& report) {
  RETURN_IF_ERROR(check_memory(report));
  return check_graph(gpu, report);
}

}  // namespace penstock::gpu_test
