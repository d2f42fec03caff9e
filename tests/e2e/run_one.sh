#!/bin/sh
# Runs one test file with the interpreter of .venv: run_one.sh FILE [unittest arguments]
if [ -z "$PENSTOCK_PYTHON" ] || [ -z "$PENSTOCK_BINARY" ]; then
  echo "skipped=all: PENSTOCK_PYTHON and PENSTOCK_BINARY are not set; ./run test sets them"
  exit 0
fi
exec "$PENSTOCK_PYTHON" "$@"
