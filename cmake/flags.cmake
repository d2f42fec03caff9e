# Flags of our own code: the interface target every room links.
add_library(penstock_flags INTERFACE)
target_include_directories(penstock_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(penstock_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  -Werror
  # The numerics contract (docs/numerics.md): the compiler may not fuse or reassociate for us.
  -ffp-contract=off
  -fno-math-errno)

if(PENSTOCK_SANITIZE STREQUAL "address")
  target_compile_options(penstock_flags INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
    # GCC 12 reports values as uninitialised that only its own instrumentation made so.
    -Wno-maybe-uninitialized)
  target_link_options(penstock_flags INTERFACE -fsanitize=address,undefined)
elseif(PENSTOCK_SANITIZE STREQUAL "thread")
  target_compile_options(penstock_flags INTERFACE -fsanitize=thread -fno-omit-frame-pointer
    # std::atomic_thread_fence is not modelled by TSan; GCC warns wherever a header uses one.
    -Wno-error=tsan -Wno-tsan -Wno-maybe-uninitialized)
  target_link_options(penstock_flags INTERFACE -fsanitize=thread)
elseif(PENSTOCK_SANITIZE)
  message(FATAL_ERROR "PENSTOCK_SANITIZE is '${PENSTOCK_SANITIZE}'; it takes address or thread")
endif()

if(PENSTOCK_COVERAGE)
  # Counters take stack too: tests of depth on a small stack ask for more (chat_template).
  target_compile_definitions(penstock_flags INTERFACE PENSTOCK_COVERAGE)
  target_compile_options(penstock_flags INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(penstock_flags INTERFACE --coverage)
endif()
