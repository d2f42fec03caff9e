# Rooms: one folder and one target under src/ per subject (src/README.md). rooms.txt says which
# room may include which; a room links exactly those, so a forbidden edge does not even compile
# once headers move, and scripts/check_rooms.py names it in plain words before that.

set(PENSTOCK_ROOMS_FILE ${CMAKE_CURRENT_LIST_DIR}/rooms.txt)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PENSTOCK_ROOMS_FILE})

# Reads rooms.txt into PENSTOCK_ROOMS and PENSTOCK_ROOM_DEPS_<room>.
macro(penstock_read_rooms)
  file(STRINGS ${PENSTOCK_ROOMS_FILE} lines)
  set(PENSTOCK_ROOMS "")
  foreach(line IN LISTS lines)
    if(line MATCHES "^([a-z_]+):[ ]*(.*)$" AND NOT CMAKE_MATCH_1 STREQUAL "pure")
      set(room ${CMAKE_MATCH_1})
      separate_arguments(deps UNIX_COMMAND "${CMAKE_MATCH_2}")
      list(APPEND PENSTOCK_ROOMS ${room})
      set(PENSTOCK_ROOM_DEPS_${room} ${deps})
    endif()
  endforeach()
endmacro()

# Adds every room that exists, in the order of rooms.txt, and its tests and benchmarks.
macro(penstock_add_rooms)
  penstock_read_rooms()
  foreach(room IN LISTS PENSTOCK_ROOMS)
    if(EXISTS ${CMAKE_SOURCE_DIR}/src/${room}/CMakeLists.txt)
      add_subdirectory(src/${room})
      if(PENSTOCK_TESTS AND EXISTS ${CMAKE_SOURCE_DIR}/tests/${room}/CMakeLists.txt)
        add_subdirectory(tests/${room})
      endif()
      if(PENSTOCK_BENCH AND EXISTS ${CMAKE_SOURCE_DIR}/bench/${room}/CMakeLists.txt)
        add_subdirectory(bench/${room})
      endif()
    endif()
  endforeach()
endmacro()

# penstock_room(NAME SOURCES a.cc b.cc [LIBS third party targets])
# Third-party libraries are private: their names stay in the room.
function(penstock_room name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_library(penstock_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(penstock_${name} PUBLIC penstock_flags)
  if(NOT name STREQUAL "base")
    target_link_libraries(penstock_${name} PUBLIC penstock_base)
    if(NOT name STREQUAL "metrics" AND TARGET penstock_metrics)
      target_link_libraries(penstock_${name} PUBLIC penstock_metrics)
    endif()
  endif()
  foreach(dep IN LISTS PENSTOCK_ROOM_DEPS_${name})
    if(TARGET penstock_${dep})
      target_link_libraries(penstock_${name} PUBLIC penstock_${dep})
    endif()
  endforeach()
  target_link_libraries(penstock_${name} PRIVATE ${ARG_LIBS})
  # Presets that ask for it get a target that compiles every header of the room alone.
  if(CMAKE_VERIFY_INTERFACE_HEADER_SETS)
    file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.h)
    # These need the CUDA headers (cmake/cuda.cmake).
    list(FILTER headers EXCLUDE REGEX "^${CMAKE_CURRENT_SOURCE_DIR}/cuda/")
    target_sources(penstock_${name}
      PUBLIC FILE_SET HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR}/src FILES ${headers})
  endif()
endfunction()

# Builds the executables of all tests labelled `concurrent`.
add_custom_target(concurrent_tests)

# penstock_test(NAME SOURCES a_test.cc [ROOMS more rooms] [LABELS concurrent prove ...]
#               [LIBS targets] [TIMEOUT seconds])
# One ctest entry per executable keeps ctest's overhead low; GoogleTest names the failing case.
# Labels: `concurrent` also runs under ThreadSanitizer; `prove` is too long for every change; `slow`
# is fine with optimised code (under a minute) but too long under a sanitizer or with coverage.
function(penstock_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;ROOMS;LABELS;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  foreach(room IN LISTS ARG_ROOMS)
    target_link_libraries(${name} PRIVATE penstock_${room})
  endforeach()
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} GTest::gmock GTest::gtest_main)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_definitions(${name} PRIVATE PENSTOCK_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  if(PENSTOCK_SANITIZE OR PENSTOCK_COVERAGE)
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 4")
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
  if("concurrent" IN_LIST ARG_LABELS)
    add_dependencies(concurrent_tests ${name})
  endif()
endfunction()

# penstock_bench(NAME SOURCES a_bench.cc ROOMS rooms): Google Benchmark, never part of ctest.
function(penstock_bench name)
  cmake_parse_arguments(ARG "" "" "SOURCES;ROOMS;LIBS" ${ARGN})
  find_package(benchmark REQUIRED)
  add_executable(${name} EXCLUDE_FROM_ALL ${ARG_SOURCES})
  foreach(room IN LISTS ARG_ROOMS)
    target_link_libraries(${name} PRIVATE penstock_${room})
  endforeach()
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} benchmark::benchmark)
endfunction()
