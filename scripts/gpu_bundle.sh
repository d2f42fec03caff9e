#!/usr/bin/env bash
# Builds gpu_test and gpu_bench and lays them, with a script that runs both, into build/gpu-bundle:
# a folder to carry to a machine that has a GPU and a driver, and none of our packages.
# Usage: scripts/gpu_bundle.sh [BUILD_FOLDER]   (default build/cuda; jobs: PENSTOCK_JOBS, default 2)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=${1:-build/cuda}
bundle=build/gpu-bundle
max_bytes=$((56 * 1024 * 1024))

if ! command -v nvcc >/dev/null && [[ ! -x /usr/local/cuda/bin/nvcc ]]; then
  echo "gpu_bundle.sh: nvcc is not here; install the CUDA toolkit (13.0) and put it on PATH" >&2
  exit 1
fi
cmake --preset cuda -B "$build" >/dev/null
cmake --build "$build" --target gpu_test gpu_bench -- -j"${PENSTOCK_JOBS:-2}"

rm -rf "$bundle"
mkdir -p "$bundle"
for program in gpu_test gpu_bench; do
  strip -o "$bundle/$program" "$build/$program"
done
cat >"$bundle/run.sh" <<'RUN'
#!/usr/bin/env bash
# Runs both programs, the second even when the first fails: run.sh [FOLDER for logs and JSON lines]
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-$here/out}
mkdir -p "$out"
timeout 170 "$here/gpu_test" 2>&1 | tee "$out/gpu_test.log"
test_code=${PIPESTATUS[0]}
timeout 170 "$here/gpu_bench" "$out/gpu_bench.jsonl" 2>&1 | tee "$out/gpu_bench.log"
bench_code=${PIPESTATUS[0]}
echo "gpu_test exit $test_code, gpu_bench exit $bench_code (77: no device)"
[[ $test_code -eq 0 && $bench_code -eq 0 ]]
RUN
chmod +x "$bundle/run.sh"

bytes=$(du -sb "$bundle" | cut -f1)
if ((bytes > max_bytes)); then
  echo "gpu_bundle.sh: $bundle has $bytes bytes; the limit is $max_bytes" >&2
  exit 1
fi
if ldd "$bundle/gpu_test" "$bundle/gpu_bench" | grep -Ev 'linux-vdso|ld-linux|lib(c|m|dl|rt|pthread)\.so|^build'; then
  echo "gpu_bundle.sh: the programs need the libraries above; link them statically" >&2
  exit 1
fi
echo "$bundle: $bytes bytes; there, run $bundle/run.sh"
