#!/usr/bin/env bash
# Formatting by clang-format: scripts/format.sh check|fix
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case ${1:-check} in
  check) arguments=(--dry-run --Werror) ;;
  fix) arguments=(-i) ;;
  *)
    echo "format.sh: '$1' is unknown; use check or fix" >&2
    exit 2
    ;;
esac

# What git tracks or would track; generated files are neither.
git ls-files --cached --others --exclude-standard -z -- \
  '*.cc' '*.h' '*.cu' '*.cuh' |
  while IFS= read -r -d '' file; do [[ -e $file ]] && printf '%s\0' "$file"; done |
  xargs -0 -r -n 16 -P "$(nproc)" clang-format-19 "${arguments[@]}"
