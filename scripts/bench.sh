#!/usr/bin/env bash
# Builds and runs the benchmarks under bench/: scripts/bench.sh [NAME_PATTERN]
#
# Those that need a model take the small real one (scripts/setup.sh model). Each repeats itself; what
# is printed are median and spread. Quote them with the commit and the
# machine, and compare within one run only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh build model
PENSTOCK_TEST_MODEL=$(scripts/model_path.sh)
[[ -f build/release/build.ninja ]] || cmake --preset release >&2
mapfile -t targets < <(ninja -C build/release -t targets all |
  sed -n 's/^\([a-z0-9_]*_bench\): phony$/\1/p' | grep -E -- "${1:-.}" | sort -u)
if [[ ${#targets[@]} -eq 0 ]]; then
  echo "no benchmark matches '${1:-.}'" >&2
  exit 1
fi
scripts/build.sh release "${targets[@]}"
printf 'commit %s, %s, %s threads\n' "$(git rev-parse --short HEAD)" \
  "$(sed -n 's/^model name\t*: //p' /proc/cpuinfo | head -1)" "$(nproc)"
for target in "${targets[@]}"; do
  printf '\n==> %s\n' "$target"
  case $target in
    engine_bench | forward_bench) "build/release/$target" "$PENSTOCK_TEST_MODEL" ;;
    front_bench | overload_bench) # with a server process of their own
      scripts/build.sh release penstock
      "build/release/$target" build/release/penstock "$PENSTOCK_TEST_MODEL"
      ;;
    net_storm_bench) "build/release/$target" ;; # repeats itself; fails beyond its goal
    *) "build/release/$target" --benchmark_repetitions=5 --benchmark_report_aggregates_only=true ;;
  esac
done
