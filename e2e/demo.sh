#!/usr/bin/env bash
# Shows slash32 at work: three nodes in three subnets with containerd, two pods on each, and a router running BIRD,
# all in network namespaces of this machine. Installs what it needs with apt (Debian 12), builds, shows, and takes
# everything down again, also on Ctrl-C.
#
#   sudo e2e/demo.sh                    the whole of it
#   sudo e2e/demo.sh --keep             leaves it up and says what to try
#   sudo e2e/demo.sh --enter NAME ...   a command on a node (n1), in a pod (n1-pod1) or on the router (tor)
#   sudo e2e/demo.sh --down             takes down what --keep left up
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
demo=(/usr/bin/python3 -B "$here/demo.py") # -B: root's bytecode has no place in the checkout

if [ "$(id -u)" != 0 ]; then
  echo "e2e/demo.sh: must be root: it makes network namespaces and runs containerd in them" >&2
  exit 1
fi
case "${1:-}" in
  --down | --enter | -h | --help) exec "${demo[@]}" "$@" ;;
  "" | --keep) ;;
  *) echo "e2e/demo.sh: unknown option $1 (see --help)" >&2; exit 2 ;;
esac

cd "$here/.."
tests/packages.sh build lab

if [ -z "${SLASH32_BIN:-}" ]; then
  echo "Building (the first time takes a few minutes)"
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  { cmake --preset release && cmake --build --preset release; } > "$log" 2>&1 || { tail -50 "$log" >&2; exit 1; }
  rm -f "$log"
  trap - EXIT
fi

exec "${demo[@]}" "$@"
