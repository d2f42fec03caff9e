# The CUDA backend (docs/cuda.md): Hopper machine code only, the runtime linked statically. Included
# with PENSTOCK_CUDA=ON alone; without it no file here is looked at and nvcc is not needed.

# Our -gencode names the one target; CMake's own list would add PTX or older machine code.
set(CMAKE_CUDA_ARCHITECTURES OFF)
if(NOT CMAKE_CUDA_COMPILER AND EXISTS /usr/local/cuda/bin/nvcc)
  set(CMAKE_CUDA_COMPILER /usr/local/cuda/bin/nvcc)
endif()
enable_language(CUDA)
# CMake 3.25 does not know how this nvcc is asked for C++20.
set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_EXTENSIONS OFF)
string(APPEND CMAKE_CUDA_FLAGS " -gencode=arch=compute_90a,code=sm_90a")
find_package(CUDAToolkit REQUIRED)

# penstock_gpu_program(NAME SOURCES ...): an executable that runs on a machine with a driver and
# nothing of ours or Debian's: CUDA, libstdc++ and fmt (header-only, Debian has no static one) inside
# it. Base is its result.cc alone.
function(penstock_gpu_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES" ${ARGN})
  find_package(fmt REQUIRED)
  add_executable(${name} ${ARG_SOURCES}
    ${CMAKE_SOURCE_DIR}/src/base/result.cc ${CMAKE_SOURCE_DIR}/src/kernels/ref/ops.cc)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE penstock_flags penstock_model_cuda penstock_device_cuda
    penstock_kernels_cuda fmt::fmt-header-only -static-libstdc++ -static-libgcc)
endfunction()

add_subdirectory(src/device/cuda)
add_subdirectory(src/kernels/cuda)
add_subdirectory(src/model/cuda)
if(PENSTOCK_TESTS)
  add_subdirectory(tests/kernels/cuda)
endif()
if(PENSTOCK_BENCH)
  add_subdirectory(bench/cuda)
endif()
