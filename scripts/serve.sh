#!/usr/bin/env bash
# ./run serve [args]: from a checkout to a running server. Arguments go to `penstock serve`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

has_model=no
port=${PENSTOCK_HTTP_PORT:-8000}
name=${PENSTOCK_SERVED_MODEL_NAME:-}
previous=
for argument in "$@"; do
  case $previous in
    --http-port) port=$argument ;;
    --served-model-name) name=${name:-$argument} ;;
  esac
  case $argument in
    --model | --model=*) has_model=yes ;;
    --http-port=*) port=${argument#*=} ;;
    --served-model-name=*) name=${name:-${argument#*=}} ;;
  esac
  previous=$argument
done

scripts/setup.sh build
arguments=("$@")
if [[ $has_model == no && -z ${PENSTOCK_MODEL:-} ]]; then
  scripts/setup.sh model
  arguments=(--model "$(scripts/model_path.sh)" "$@")
  name=${name:-SmolLM2-135M-Instruct}
  [[ " $* " == *" --served-model-name"* || -n ${PENSTOCK_SERVED_MODEL_NAME:-} ]] ||
    arguments+=(--served-model-name "$name")
fi
scripts/build.sh release penstock

[[ $port == 0 ]] && port=PORT
cat >&2 <<TEXT

Once the line "penstock ready" appears, try from another terminal:

  curl -s http://127.0.0.1:$port/v1/chat/completions -H 'content-type: application/json' -d '{
    "model": "${name:-MODEL}",
    "messages": [{"role": "user", "content": "Name three rivers of Europe."}],
    "max_tokens": 64}'

TEXT
exec build/release/penstock serve "${arguments[@]}"
