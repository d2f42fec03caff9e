#!/usr/bin/env bash
# Runs ctest in a built preset with the environment that tests expect: scripts/ctest.sh PRESET [args]
#
# PENSTOCK_TEST_MODEL   path of the small model (GGUF)
# PENSTOCK_BINARY       the preset's own penstock, where it has one
# PENSTOCK_PYTHON       the interpreter of .venv, with the packages of tests/oracles/requirements.txt
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=$1
shift
PENSTOCK_TEST_MODEL=$(scripts/model_path.sh)
export PENSTOCK_TEST_MODEL
export PENSTOCK_PYTHON=$PWD/.venv/bin/python3
if [[ -x build/$preset/penstock ]]; then
  export PENSTOCK_BINARY=$PWD/build/$preset/penstock
fi

export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1}

# Two at a time: several tests start threads of their own.
ctest --test-dir "build/$preset" --output-on-failure --no-tests=error \
  --parallel "${PENSTOCK_TEST_JOBS:-2}" "$@"
