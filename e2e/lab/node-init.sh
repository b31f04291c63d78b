#!/bin/sh
# Process 1 of a node: gives it a root directory of its own, then becomes `pause`.
#
# usage: node-init.sh ROOT NAME LAB
# Runs in fresh mount, PID, network, UTS and IPC namespaces. LAB, a directory, keeps its name inside.
#
# A root of its own, not a row of binds over the machine's: containerd, libcni and runc keep state in places
# that no flag moves (/run/containerd, /var/lib/cni, /run/netns), and binding over what does not exist yet
# would leave directories behind on the machine.
set -eu
root=$1
name=$2
lab=$3

hostname "$name"
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"

mkdir -p usr proc sys dev run tmp root opt/cni/bin etc/cni/net.d etc/slash32 etc/containerd \
  var/lib/cni var/lib/containerd var/lib/slash32 var/lib/kubelet var/log/slash32 var/log/pods var/tmp
[ -e var/run ] || ln -s /run var/run
for link in bin sbin lib lib32 lib64 libx32; do
  if [ -L "/$link" ] && [ ! -L "$link" ]; then ln -s "$(readlink "/$link")" "$link"; fi
done
for file in alternatives iproute2 ld.so.cache ld.so.conf ld.so.conf.d nsswitch.conf passwd group protocols \
  services localtime; do
  if [ -e "/etc/$file" ]; then cp -a "/etc/$file" etc/; fi
done
echo "127.0.0.1 localhost $name" > etc/hosts
echo "$name" > etc/hostname
: > etc/resolv.conf

mount --bind /usr usr
mount --rbind /dev dev
mount -t proc proc proc
# A sysfs of this network namespace, so that /sys/class/net tells the node's links and not the machine's.
mount -t sysfs sysfs sys
mount --rbind /sys/fs/cgroup sys/fs/cgroup
mount -t tmpfs -o mode=755 run run
mkdir -p run/netns run/slash32 run/lock

mkdir -p "$root$lab"
mount --bind "$lab" "$root$lab"

mkdir -p .old
pivot_root . .old
umount -l /.old
rmdir /.old
# The container runtime wants its mounts under /run/netns to propagate within the node.
mount --make-rshared /

exec /opt/slash32/bin/pause
