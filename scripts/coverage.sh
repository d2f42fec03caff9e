#!/usr/bin/env bash
# Line coverage by the tests: scripts/coverage.sh [MINIMUM_PERCENT]
#
# Builds the coverage preset, runs every test but `slow` and `prove`, prints a table of all rooms
# and fails if a pure room (cmake/rooms.txt) is below the minimum, 90 unless given.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh build prove model oracles
scripts/build.sh coverage
find build/coverage -name '*.gcda' -delete
scripts/ctest.sh coverage --label-exclude '^(slow|prove)$' >&2
scripts/coverage_table.py build/coverage "${1:-90}"
