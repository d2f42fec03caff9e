#!/usr/bin/env bash
# The set-up's lists are well formed, and it refuses what it does not know.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# One package a line, under a known group, none twice.
awk '/^#/ || !NF { next }
     /^\[(build|oracles|check|prove)\]$/ { group = $0; next }
     group == "" || !/^[a-z0-9][a-z0-9+.-]*$/ || seen[$0]++ { print "bad line: " $0; bad = 1 }
     END { exit bad }' scripts/debian-packages.txt || fail scripts/debian-packages.txt

# Every Python package is pinned to one version.
for file in scripts/python-requirements.txt tests/oracles/requirements.txt; do
  if grep -vE '^(#.*|[A-Za-z0-9_.-]+==[0-9][^ ]*)$' "$file"; then fail "$file: not pinned"; fi
done

scripts/setup.sh nonsense 2>/dev/null && fail "setup.sh took an unknown part"
./run nonsense 2>/dev/null && fail "./run took an unknown verb"
./run check nonsense 2>/dev/null && fail "./run check took an unknown name"
./run prove nonsense 2>/dev/null && fail "./run prove took an unknown name"
for verb in serve build test check fmt prove; do
  ./run help | grep -q "^  $verb" || fail "./run help does not explain $verb"
done
for script in run .ci/run scripts/*.sh tests/tools/*.sh; do
  bash -n "$script" || fail "$script does not parse"
done
echo ok
