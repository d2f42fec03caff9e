#!/usr/bin/env bash
# Line coverage of the pure rooms by their own tests: scripts/coverage.sh [MINIMUM_PERCENT]
#
# Builds those rooms (the `pure` line of cmake/rooms.txt) and their tests with the coverage preset,
# runs the tests but `slow` and `prove`, prints a table and fails if a room is below the minimum, 90
# unless given. What another room's tests happen to reach does not count.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh build prove model oracles
[[ -f build/coverage/build.ninja ]] || cmake --preset coverage >&2

rooms=$(sed -n 's/^pure: *//p' cmake/rooms.txt)
pattern="^(${rooms// /|})_[a-z_]*test$"
mapfile -t tests < <(ninja -C build/coverage -t targets all |
  sed -n 's/^\([a-z_]*\): CXX_EXECUTABLE_LINKER.*/\1/p' | grep -E "$pattern")
scripts/build.sh coverage "${tests[@]}"
find build/coverage -name '*.gcda' -delete
scripts/ctest.sh coverage --tests-regex "$pattern" --label-exclude '^(slow|prove)$' >&2
scripts/coverage_table.py build/coverage "${1:-90}"
