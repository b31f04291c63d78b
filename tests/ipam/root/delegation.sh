#!/bin/bash
# slash32-ipam under Debian's ptp and bridge, for each version they speak: ADD, CHECK, DEL, DEL again; then nothing is held.
# Usage: delegation.sh SLASH32_IPAM. Runs itself in network and mount namespaces of its own.
set -euo pipefail
ipam=$(readlink -f "$1")
if [ "${2:-}" != inside ]; then exec unshare --net --mount "$0" "$ipam" inside; fi

plugins=/usr/lib/cni
if [ ! -x $plugins/ptp ]; then echo "FAIL: $plugins/ptp is missing (containernetworking-plugins)"; exit 1; fi
work=$(mktemp -d)
mount -t tmpfs -o size=64m tmpfs "$work"
trap 'umount -l "$work"; rmdir "$work"' EXIT
mkdir "$work/bin" "$work/state"
ln -s $plugins/ptp $plugins/bridge "$work/bin/"
ln -s "$ipam" "$work/bin/slash32-ipam"
ip link set lo up

fail() { echo "FAIL: $*"; exit 1; }
call() {  # call COMMAND CONTAINER CONFIG
  CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS="$work/netns-$2" CNI_IFNAME=eth0 CNI_PATH="$work/bin" CNI_ARGS='' \
    "$work/bin/$plugin" <<<"$3"
}
new_netns() { touch "$work/netns-$1"; unshare --net="$work/netns-$1" true; }
in_netns() { nsenter --net="$work/netns-$1" "${@:2}"; }

for plugin in ptp bridge; do
  for version in 0.3.1 0.4.0 1.0.0; do
    extra=''
    [ $plugin = bridge ] && extra='"bridge":"br0","isGateway":true,'
    config() { echo "{\"cniVersion\":\"$version\",\"name\":\"$plugin-net\",\"type\":\"$plugin\",$extra${1:-}\"ipam\":{\"type\":\"slash32-ipam\",\"dataDir\":\"$work/state/$plugin\",\"coolDown\":0,\"ranges\":[[{\"subnet\":\"10.9.0.0/29\"}],[{\"subnet\":\"fd09::/64\"}]],\"routes\":[{\"dst\":\"0.0.0.0/0\"},{\"dst\":\"::/0\"}]}}"; }
    for c in a b; do
      new_netns $c
      result=$(call ADD $c "$(config)") || fail "$plugin $version ADD: $result"
      address=$(in_netns $c ip -4 -o addr show dev eth0 | sed -n 's/.* inet \([0-9.]*\)\/.*/\1/p')
      grep -q "\"$address/29\"" <<<"$result" || fail "$plugin $version: the result does not name $address: $result"
      grep -q 'fd09::' <<<"$result" || fail "$plugin $version: no IPv6 address: $result"
      in_netns $c ping -c1 -W2 10.9.0.1 >/dev/null || fail "$plugin $version: the pod does not reach its gateway"
      if [ $version != 0.3.1 ]; then
        call CHECK $c "$(config "\"prevResult\":$(tr -d '\n' <<<"$result"),")" || fail "$plugin $version CHECK"
      fi
      [ $c = a ] && first=$address || [ "$first" != "$address" ] || fail "$plugin $version: $address twice"
    done
    for c in a b; do
      call DEL $c "$(config)" || fail "$plugin $version DEL"
      call DEL $c "$(config)" || fail "$plugin $version second DEL"
    done
    # Everything is free again: five addresses can be had, and not a sixth.
    for i in 1 2 3 4 5; do
      CNI_COMMAND=ADD CNI_CONTAINERID=full$i CNI_NETNS=/x CNI_IFNAME=eth0 CNI_PATH=/x "$ipam" <<<"$(config)" >/dev/null ||
        fail "$plugin $version: an address was lost"
    done
    full=$(CNI_COMMAND=ADD CNI_CONTAINERID=full6 CNI_NETNS=/x CNI_IFNAME=eth0 CNI_PATH=/x "$ipam" <<<"$(config)") &&
      fail "$plugin $version: a sixth address of five: $full"
    grep -q '"code":11' <<<"$full" || fail "$plugin $version: no code 11 when full: $full"
    for i in 1 2 3 4 5; do
      CNI_COMMAND=DEL CNI_CONTAINERID=full$i CNI_NETNS=/x CNI_IFNAME=eth0 CNI_PATH=/x "$ipam" <<<"$(config)"
    done
    for c in a b; do umount "$work/netns-$c"; done
    if [ $plugin = bridge ]; then ip link del br0; fi
    echo "ok $plugin $version"
  done
done
