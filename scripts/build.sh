#!/usr/bin/env bash
# Configures and builds one preset: scripts/build.sh PRESET [TARGET...]
#
# Without targets everything is built. Objects come from ccache where it has them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=$1
shift

# A header written a moment ago is as good as an old one: ccache compares contents.
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-include_file_mtime,include_file_ctime}
# Another checkout of the same sources, such as a fresh clone, gets the same objects. Coverage data
# names its sources by their place, so that preset keeps to itself.
if [[ $preset != coverage ]]; then
  export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
fi

# One compiler needs up to 2 GiB with the heaviest headers.
memory_gib=$(awk '/MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
jobs=$(nproc)
((jobs * 2 > memory_gib)) && jobs=$((memory_gib / 2 > 0 ? memory_gib / 2 : 1))

# Ninja configures again by itself when a CMake file changes, but not for a changed preset.
build=build/$preset
if [[ ! -f $build/build.ninja || CMakePresets.json -nt $build/build.ninja ]]; then
  printf '==> configuring %s\n' "$build" >&2
  cmake --preset "$preset" >&2
  touch "$build/build.ninja"
fi

arguments=()
for target in "$@"; do arguments+=(--target "$target"); done
cmake --build "$build" --parallel "$jobs" "${arguments[@]}" >&2
