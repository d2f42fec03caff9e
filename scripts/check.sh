#!/usr/bin/env bash
# ./run check [NAME...]: what a change must pass besides the tests. Without names, all of:
#
#   format    clang-format finds nothing to change
#   rooms     include edges, third-party owners, shapes of files (scripts/check_rooms.py)
#   headers   every header compiles alone
#   tidy      clang-tidy on every source that changed since it was last clean
#   asan      every test but `slow` and `prove` under AddressSanitizer and UBSan
#   tsan      the tests labelled `concurrent` under ThreadSanitizer
#
# Each check runs even when one before it failed; the table at the end says which did.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

format() { scripts/format.sh check; }
rooms() { scripts/check_rooms.py; }
headers() { scripts/build.sh release all_verify_interface_header_sets; }
tidy() { scripts/tidy.py build/release; }
asan() { scripts/build.sh asan && scripts/ctest.sh asan --label-exclude '^(slow|prove)$'; }
tsan() {
  scripts/build.sh tsan concurrent_tests &&
    scripts/ctest.sh tsan --label-regex '^concurrent$' --label-exclude '^(slow|prove)$'
}

checks=("$@")
[[ $# -gt 0 ]] || checks=(format rooms headers tidy asan tsan)
for name in "${checks[@]}"; do
  case $name in
    format | rooms | headers | tidy | asan | tsan) ;;
    *)
      echo "./run check: '$name' is unknown; use format, rooms, headers, tidy, asan or tsan" >&2
      exit 2
      ;;
  esac
done

scripts/setup.sh build check model oracles || exit 1
[[ -f build/release/build.ninja ]] || cmake --preset release >&2 || exit 1

table=
failed=0
for name in "${checks[@]}"; do
  printf '\n==> check: %s\n' "$name" >&2
  begin=$SECONDS
  if "$name"; then verdict=ok; else verdict=FAILED failed=1; fi
  table+=$(printf '%-8s %-6s %5d s' "$name" "$verdict" $((SECONDS - begin)))$'\n'
done
printf '\n%s' "$table"
exit "$failed"
