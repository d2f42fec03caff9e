# Fails when an object compiled for one instruction set offers a symbol that another file could be
# linked to: the linker keeps one copy of each, and an old processor would run the wrong one.
# cmake -D NM=nm -D OBJECTS="a.o;b.o" -P isa_symbols.cmake
set(allowed "Avx512Simd<|GenericSimd<|k(Portable|Avx2|Avx512|Avx512Bf16)Kernels|DW\\.ref\\.")
set(allowed "${allowed}|asan|ubsan|tsan|gcov|__odr")
set(num_checked 0)
foreach(object IN LISTS OBJECTS)
  if(NOT object MATCHES "kernels_(avx2|avx512|avx512_bf16)\\.cc")
    continue()
  endif()
  math(EXPR num_checked "${num_checked} + 1")
  execute_process(COMMAND ${NM} -C --defined-only --extern-only ${object}
    OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE ";" "," output "${output}")
  string(REPLACE "\n" ";" symbols "${output}")
  foreach(symbol IN LISTS symbols)
    if(NOT symbol STREQUAL "" AND NOT symbol MATCHES "${allowed}")
      message(SEND_ERROR "${object}: ${symbol}")
    endif()
  endforeach()
endforeach()
if(num_checked EQUAL 0)
  message(SEND_ERROR "none of these is an object of an instruction set: ${OBJECTS}")
endif()
