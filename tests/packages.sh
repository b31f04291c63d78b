#!/usr/bin/env bash
# Installs, with apt, what building and testing need on Debian 12. Quiet and quick where everything is there already.
# tests/packages.sh [build|lab|test]...: what to install; default: all. lab: what simulated nodes run.
set -euo pipefail

build_packages=(ca-certificates git g++ cmake ninja-build pkg-config ccache libnl-3-dev libmnl-dev
  liblmdb-dev nlohmann-json3-dev libboost1.81-dev libssl-dev libcli11-dev libyaml-cpp-dev)
lab_packages=(python3 python3-grpcio iproute2 iputils-ping nftables procps
  containerd runc containernetworking-plugins bird2)
test_packages=(libgtest-dev libgmock-dev libbenchmark-dev clang-format-19 clang-tidy-19 clang-19 libclang-rt-19-dev file
  python3-pytest python3-yaml shellcheck strace valgrind iptables tcpdump podman bgpdump frr gobgpd openbgpd exabgp)
# Daemons that Debian starts at installation: they would take port 179 and the host's routes.
services=(bird bird6 frr openbgpd gobgpd exabgp containerd podman)

[ $# -gt 0 ] || set -- build lab test
wanted=()
for what in "$@"; do
  case "$what" in
    build) wanted+=("${build_packages[@]}") ;;
    lab) wanted+=("${lab_packages[@]}") ;;
    test) wanted+=("${test_packages[@]}") ;;
    *) echo "tests/packages.sh: unknown group \"$what\"; known: build, lab, test" >&2; exit 2 ;;
  esac
done

missing=()
for package in "${wanted[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

[ "$(id -u)" = 0 ] || { echo "tests/packages.sh: missing packages, and not root to install them: ${missing[*]}" >&2; exit 1; }

export DEBIAN_FRONTEND=noninteractive
# Nothing that we install may start serving on this machine. A policy that was there before stays.
policy=/usr/sbin/policy-rc.d
made_policy=
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
  made_policy=1
fi
trap '[ -z "$made_policy" ] || rm -f "$policy"' EXIT

echo "installing ${#missing[@]} packages: ${missing[*]}"
apt-get update -qq
if ! log=$(apt-get install -y -qq --no-install-recommends "${missing[@]}" 2>&1); then
  echo "$log" >&2
  exit 1
fi
if [ -d /run/systemd/system ]; then
  for service in "${services[@]}"; do
    # Only those that this installation brought, and only where the unit exists.
    for package in "${missing[@]}"; do
      if [ "$package" = "$service" ] || [ "$package" = "${service}2" ]; then
        systemctl disable --now "$service" > /dev/null 2>&1 || echo "note: could not disable the service $service" >&2
      fi
    done
  done
fi
