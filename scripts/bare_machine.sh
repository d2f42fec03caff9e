#!/usr/bin/env bash
# Proves that a newcomer's two commands work on a bare Debian 12:
#
#   scripts/bare_machine.sh [--test] [--keep] [DIR]
#
# Makes a minimal Debian 12 root in DIR (build/bare), clones this checkout's HEAD into it, and there
# runs `./run serve`, sends one chat request, stops the server, and starts it again: the second start
# must be ready within 5 s. With --test it also runs `./run test`. Afterwards DIR is removed unless
# --keep is given.
#
# Needs root and debootstrap. The new root shares nothing with this machine but the network and what
# says how packages are reached from here: mirrors, apt's Acquire settings, CA certificates, pip's
# configuration and the proxy variables. They are read at run time and written into DIR only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A mount and process namespace of our own: mounts and processes go away with this script.
if [[ -z ${PENSTOCK_BARE_NAMESPACE:-} ]]; then
  [[ $EUID -eq 0 ]] || { echo "bare_machine.sh needs root" >&2; exit 2; }
  PENSTOCK_BARE_NAMESPACE=1 exec unshare --mount --pid --fork --kill-child \
    "scripts/$(basename "$0")" "$@"
fi

with_test=no
keep=no
root=$PWD/build/bare
for argument in "$@"; do
  case $argument in
    --test) with_test=yes ;;
    --keep) keep=yes ;;
    *) root=$argument ;;
  esac
done
http_port=18431
log=$root/root/serve.log
begin=$SECONDS

say() { printf '==> %4d s  %s\n' $((SECONDS - begin)) "$*" >&2; }
fail() {
  say "FAILED: $*"
  [[ -f $log ]] && tail -n 30 "$log" >&2
  exit 1
}

# The lines `uri suite` this machine reads Debian's main component from.
debian_sources() {
  # shellcheck disable=SC2016  # apt expands these, not the shell
  apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT) $(ORIGIN)' \
    'Created-By: Packages' | awk '$2 ~ /^bookworm/ && $3 == "main" && $4 ~ /^Debian/ { print $1, $2 }' |
    sort -u
}

make_root() {
  local mirror
  mirror=$(debian_sources | awk '$2 == "bookworm" { print $1; exit }')
  [[ -n $mirror ]] || fail "apt on this machine has no bookworm source (run apt-get update)"
  say "debootstrap"
  debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" 2>&1 ||
    { tail "$root.log" >&2; fail "debootstrap"; }
  debian_sources | sed 's/^\([^ ]*\) \(.*\)$/deb \1 \2 main/' >"$root/etc/apt/sources.list"
  apt-config dump Acquire >"$root/etc/apt/apt.conf.d/00host"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  if [[ -f /etc/pip.conf ]]; then cp /etc/pip.conf "$root/etc/pip.conf"; fi
  if [[ -f /etc/ssl/certs/ca-certificates.crt ]]; then
    install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/host.crt"
  fi
}

# The words before a shell command that make it run in the clone there, with nothing of this shell's
# environment but how to reach packages. Words and not a function, so that a signal to a background
# job reaches the command itself.
inside=(chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
  SSL_CERT_FILE=/etc/ssl/host.crt PIP_CERT=/etc/ssl/host.crt)
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL \
  PIP_EXTRA_INDEX_URL PIP_DEFAULT_TIMEOUT; do
  [[ -z ${!name:-} ]] || inside+=("$name=${!name}")
done
inside+=(bash -c 'cd /root/penstock && exec "$@"' inside)

# Starts `./run serve` and waits for its ready line, at most $1 seconds.
start_server() {
  local limit=$1 started=$SECONDS
  "${inside[@]}" ./run serve --http-port "$http_port" >"$log" 2>&1 &
  server=$!
  until grep -q '^penstock ready' "$log"; do
    kill -0 "$server" 2>/dev/null || fail "./run serve ended before it was ready"
    ((SECONDS - started < limit)) || fail "./run serve was not ready within $limit s"
    sleep 0.05
  done
}

stop_server() {
  kill -TERM "$server"
  wait "$server" || fail "the server ended with status $? after SIGTERM"
}

chat() {
  curl -sS --fail-with-body --max-time 60 --noproxy '*' \
    "http://127.0.0.1:$http_port/v1/chat/completions" -H 'content-type: application/json' \
    -d '{"model": "SmolLM2-135M-Instruct", "max_tokens": 24, "temperature": 0,
         "messages": [{"role": "user", "content": "What is the capital of France?"}]}'
}

[[ -e $root ]] && fail "$root exists; remove it first"
make_root
mount -t proc proc "$root/proc"
git clone --quiet --no-hardlinks . "$root/root/penstock"

say "first ./run serve"
start_server 3600
say "ready; one chat request"
answer=$(chat) || fail "the chat request: $answer"
printf '%s\n' "$answer"
[[ $answer == *Paris* ]] || fail "the answer does not name Paris"
stop_server

say "second ./run serve"
from=$(date +%s%N)
start_server 30
took_ms=$((($(date +%s%N) - from) / 1000000))
stop_server
say "ready after $took_ms ms"
((took_ms <= 5000)) || fail "the second start took more than 5 s"

if [[ $with_test == yes ]]; then
  say "./run test"
  "${inside[@]}" ./run test || fail "./run test"
fi
umount "$root/proc"
[[ $keep == yes ]] || rm -rf --one-file-system "$root" "$root.log"
say "bare machine: ok"
