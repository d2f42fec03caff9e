#!/usr/bin/env bash
# ./run prove [NAME...]: what is too long for every change. Without names, all of:
#
#   coverage  line coverage; at least 90 % in every pure room
#   long      the tests labelled `prove`: soaks and long fuzzing
#   fuzz      a quarter of a million hostile connections to the HTTP server, under AddressSanitizer
#   bench     every benchmark, five times
#   bare      ./run serve and ./run test on a bare Debian 12 (root; a few GiB under build/bare)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

coverage() { scripts/coverage.sh; }
long() {
  scripts/build.sh release && scripts/ctest.sh release --label-regex '^prove$'
}
fuzz() {
  scripts/build.sh asan net_http_fuzz_test &&
    PENSTOCK_FUZZ_CONNECTIONS=125000 build/asan/net_http_fuzz_test
}
bench() { scripts/bench.sh; }
bare() { scripts/bare_machine.sh --test; }

proofs=("$@")
[[ $# -gt 0 ]] || proofs=(coverage long fuzz bench bare)
for name in "${proofs[@]}"; do
  case $name in
    coverage | long | fuzz | bench | bare) ;;
    *)
      echo "./run prove: '$name' is unknown; use coverage, long, fuzz, bench or bare" >&2
      exit 2
      ;;
  esac
done

scripts/setup.sh build prove model oracles || exit 1
table=
failed=0
for name in "${proofs[@]}"; do
  printf '\n==> prove: %s\n' "$name" >&2
  begin=$SECONDS
  if "$name"; then verdict=ok; else verdict=FAILED failed=1; fi
  table+=$(printf '%-9s %-6s %5d s' "$name" "$verdict" $((SECONDS - begin)))$'\n'
done
printf '\n%s' "$table"
exit "$failed"
