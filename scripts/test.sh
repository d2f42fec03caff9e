#!/usr/bin/env bash
# ./run test [ctest arguments]: builds the release preset and runs every test but those labelled
# `prove`, which are too long for every change.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh build model oracles
scripts/build.sh release
scripts/ctest.sh release --label-exclude '^prove$' "$@"
