// Programmatic dependent launch: a kernel starts while the one before it still runs, does what
// needs nothing of it, and waits for it only then.
//
//   kernel   allow_next_grid() first: the next kernel may start as soon as there is room beside
//            this one. wait_for_grid_before() ahead of the first read or write of anything that any
//            kernel before it in the chain writes or reads: it returns when the one before is
//            complete, and with it, since that one waited too, all before it.
//   host     launch_first, then launch_overlapped: what is older than the chain may be read by all
//            of it without waiting.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

namespace penstock::kernels::cuda {

__device__ __forceinline__ void allow_next_grid() {
  asm volatile("griddepcontrol.launch_dependents;");
}
__device__ __forceinline__ void wait_for_grid_before() {
  asm volatile("griddepcontrol.wait;" ::: "memory");
}

struct LaunchShape {
  dim3 grid;
  int num_threads;
  std::size_t shared_bytes;
};

// Blocks of two kernels share a multiprocessor only when both want its memory divided alike between
// L1 and shared: all of a chain want the most shared.
template <class Args>
cudaError_t launch_in_chain(void (*kernel)(Args), const LaunchShape& shape, const Args& args,
                            bool overlaps_before, cudaStream_t stream) {
  cudaLaunchAttribute attributes[2]{};
  attributes[0].id = cudaLaunchAttributePreferredSharedMemoryCarveout;
  attributes[0].val.sharedMemCarveout = cudaSharedmemCarveoutMaxShared;
  attributes[1].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[1].val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = dim3(static_cast<unsigned>(shape.num_threads));
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = stream;
  config.attrs = attributes;
  config.numAttrs = overlaps_before ? 2 : 1;
  return cudaLaunchKernelEx(&config, kernel, args);
}

template <class Args>
cudaError_t launch_first(void (*kernel)(Args), const LaunchShape& shape, const Args& args,
                         cudaStream_t stream) {
  return launch_in_chain(kernel, shape, args, false, stream);
}
template <class Args>
cudaError_t launch_overlapped(void (*kernel)(Args), const LaunchShape& shape, const Args& args,
                              cudaStream_t stream) {
  return launch_in_chain(kernel, shape, args, true, stream);
}

}  // namespace penstock::kernels::cuda
