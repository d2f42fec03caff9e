#!/usr/bin/env bash
# Installs what is missing: scripts/setup.sh [build] [check] [prove] [model] [oracles]
#
# build, check, prove, oracles   groups of scripts/debian-packages.txt
# model                 scripts/python-requirements.txt, into .venv
# oracles               tests/oracles/requirements.txt, into .venv
#
# With nothing missing this takes a fraction of a second and needs no network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '==> %s\n' "$*" >&2; }

as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    say "to install Debian packages, run this as root or install sudo; needed: $*"
    return 1
  fi
}

packages_of() {
  awk -v group="[$1]" '/^\[/ { inside = ($0 == group); next } inside && !/^#/ && NF { print $1 }' \
    scripts/debian-packages.txt
}

missing_of() {
  local wanted have
  wanted=$(packages_of "$1")
  # shellcheck disable=SC2086  # one word per package
  have=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' $wanted 2>/dev/null |
    awk '$2 == "installed" { print $1 }' || true)
  comm -23 <(sort -u <<<"$wanted") <(sort -u <<<"$have")
}

install_group() {
  local missing
  mapfile -t missing < <(missing_of "$1")
  [[ ${#missing[@]} -eq 0 ]] && return
  say "installing ${#missing[@]} Debian packages ($1): ${missing[*]}"
  as_root apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# The stamp is the requirements file itself, as it was when its packages were installed.
install_python() {
  local name=$1 file=$2
  shift 2
  local stamp=.venv/installed-$name.txt
  cmp -s "$file" "$stamp" && return
  if [[ ! -x .venv/bin/pip ]]; then
    say "making the Python environment .venv"
    /usr/bin/python3 -m venv .venv
  fi
  say "installing Python packages ($file)"
  .venv/bin/pip install --disable-pip-version-check --progress-bar off "$@" -r "$file" >&2
  cp "$file" "$stamp"
}

for part in "$@"; do
  case $part in
    build | check | prove) install_group "$part" ;;
    model) install_python model scripts/python-requirements.txt --no-deps ;;
    oracles)
      install_group oracles
      install_python oracles tests/oracles/requirements.txt --no-deps
      ;;
    *)
      say "setup.sh: '$part' is unknown; use build, check, prove, model or oracles"
      exit 2
      ;;
  esac
done
