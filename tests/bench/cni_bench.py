#!/usr/bin/python3
"""How long an ADD takes: slash32, ptp+host-local, and the bare kernel work in an executed static process.

usage: cni_bench.py [--pods N] [--dual] [--bin DIRECTORY]      (as root)

One ADD of each, in turn, N times over, in one node (a network and mount namespace of its own); namespaces are made
beforehand. What is compared is one run of one machine: read the ratios, not the milliseconds. Before any ratio is printed,
the kernel state slash32 and the bare program left is compared, and a difference ends the run.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOREIGN = os.environ.get("CNI_PLUGINS") or "/usr/lib/cni"
HOST4, HOST6 = "10.0.1.1", "fd00:1::1"
INSIDE = "SLASH32_BENCH_INSIDE"
NODE = f"""
mount -t tmpfs t /run && mkdir -p /run/netns /run/slash32 && mount -t tmpfs t /var/lib && mount -t tmpfs t /var/log
ip link set lo up
ip link add up0 type veth peer name up1
ip addr add {HOST4}/24 dev up0; ip addr add {HOST6}/64 dev up0 nodad
ip link set up0 up; ip link set up1 up
ip route add default via 10.0.1.254 dev up0; ip -6 route add default via fd00:1::fe dev up0
"""


def sh(script):
    return subprocess.run(["sh", "-ec", script], check=True, capture_output=True, text=True).stdout


def launch(argv, stdin, env):
    """Runs a program and waits; milliseconds of wall time and of CPU. posix_spawn is a vfork: our own size costs
    nothing."""
    begin = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, env, file_actions=[
        (os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, "/run/out", os.O_WRONLY | os.O_CREAT, 0o600)])
    _, status, usage = os.wait4(pid, 0)
    wall = (time.perf_counter() - begin) * 1e3
    if status != 0:
        raise SystemExit(f"{' '.join(argv)} failed: {open('/run/out', encoding='utf-8').read()}")
    return wall, (usage.ru_utime + usage.ru_stime) * 1e3


class Contender:
    """One way to wire a pod: call() wires pod number i and says how long it took."""

    def __init__(self, name):
        self.name = name
        self.adds = []
        self.dels = []

    def pod(self, i):
        return f"{self.name}-{i}"

    def netns(self, i):
        return f"/run/netns/{self.pod(i)}"


class Plugin(Contender):
    """A CNI plugin."""

    def __init__(self, name, program, network, path):
        super().__init__(name)
        self.program, self.path = program, path
        self.conf = f"/run/{name}.json"
        with open(self.conf, "w", encoding="utf-8") as file:
            json.dump(network, file)

    def call(self, verb, i):
        return launch([self.program], self.conf, {"CNI_COMMAND": verb, "CNI_CONTAINERID": self.pod(i), "CNI_PATH": self.path,
                                                  "CNI_NETNS": self.netns(i), "CNI_IFNAME": "eth0", "PATH": os.environ["PATH"]})

    def add(self, i):
        return self.call("ADD", i)


class Floor(Contender):
    """The bare kernel work."""

    def __init__(self, program, dual):
        super().__init__("floor")
        self.program, self.dual = program, dual

    def add(self, i):
        v4, v6 = f"10.246.{i // 250}.{i % 250 + 1}", f"fd00:10:246::{i + 1:x}"
        argv = [self.program, self.netns(i), f"flr{i:012x}", f"s32:1:bench:{self.pod(i)}:eth0:{v4}:{v6 if self.dual else ''}", v4]
        return launch(argv + ([v6] if self.dual else []), "/dev/null", {})


def kernel_state(contender, i):
    """What stands in the kernel for one pod, with its own names and addresses replaced by what they are."""
    listing = json.loads(sh("ip -j -d link show"))
    link = next(l for l in listing if f":{contender.pod(i)}:" in l.get("ifalias", ""))
    name, alias = link["ifname"], link["ifalias"].split(":")
    inside = f"ip -n {contender.pod(i)} -d"
    text = "\n".join([
        f"{link['address']} mtu {link['mtu']} {sorted(link['flags'])} addrgen {link.get('inet6_addr_gen_mode')}",
        sh(f"ip -N route show dev {name}; ip -6 -N route show dev {name}; ip neigh show dev {name} nud permanent; "
           f"ip -o addr show dev {name} | sed 's/^[0-9]*: //'; cd /proc/sys/net; for f in ipv4/conf/{name}/forwarding "
           f"ipv4/conf/{name}/proxy_arp ipv4/conf/{name}/rp_filter ipv4/neigh/{name}/proxy_delay "
           f"ipv6/conf/{name}/accept_ra; do echo $f $(cat $f); done"),
        sh(f"{inside} -o addr show dev eth0 | sed 's/^[0-9]*: //'; {inside} -N route; {inside} -6 -N route; "
           f"{inside} neigh show nud permanent; {inside} -o link show eth0 | grep -o 'mtu [0-9]*'")])
    v4, v6 = alias[5], ":".join(alias[6:])
    mac = "02:32:" + ":".join(f"{int(octet):02x}" for octet in v4.split("."))
    for value, stands_for in ((name, "HOSTLINK"), (v6, "POD6"), (v4, "POD4"), (mac, "PODMAC")):
        text = text.replace(value, stands_for) if value else text
    text = re.sub(r"fe80::32:[0-9a-f:]+", "PODLL", text)
    return sorted(line.strip() for line in text.splitlines() if "tentative" not in line)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def report(contenders, dual):
    print(f"\n{'IPv4 and IPv6' if dual else 'IPv4'}, {len(contenders[0].adds)} pods each, one at a time, interleaved")
    print(f"{'':26}{'min':>8}{'p50':>8}{'p99':>8}{'CPU':>8}   ms")
    for c in contenders:
        for verb, times in (("ADD", c.adds), ("DEL", c.dels)):
            if times:
                wall = [t[0] for t in times]
                print(f"{c.name + ' ' + verb:26}{min(wall):8.2f}{statistics.median(wall):8.2f}{percentile(wall, .99):8.2f}"
                      f"{statistics.mean(t[1] for t in times):8.2f}")
    ours, ptp, floor = contenders
    for what, other in (("bare kernel work", floor), ("ptp+host-local", ptp)):
        paired = statistics.median(a[0] / b[0] for a, b in zip(ours.adds, other.adds))
        p50 = statistics.median(t[0] for t in ours.adds) / statistics.median(t[0] for t in other.adds)
        cpu = sum(t[1] for t in ours.adds) / max(sum(t[1] for t in other.adds), 1e-9)
        print(f"slash32 ADD / {what}: p50 {p50:.2f}, median of pairs {paired:.2f}, CPU {cpu:.2f}")
    dels = statistics.median(t[0] for t in ours.dels) / statistics.median(t[0] for t in ptp.dels)
    print(f"slash32 DEL / ptp+host-local: p50 {dels:.2f}")


def measure(arguments):
    sh(NODE)
    both = lambda v4, v6: [[{"subnet": v4}]] + ([[{"subnet": v6}]] if arguments.dual else [])
    network = lambda kind, ipam: {"cniVersion": "1.0.0", "name": "bench", "type": kind, "ipam": ipam}
    ours = Plugin("slash32", f"{arguments.bin}/slash32",
                  network("slash32", {"type": "slash32-ipam", "ranges": both("10.244.0.0/16", "fd00:10:244::/64")}), arguments.bin)
    ptp = Plugin("ptp", f"{FOREIGN}/ptp",
                 network("ptp", {"type": "host-local", "ranges": both("10.245.0.0/16", "fd00:10:245::/64")}), FOREIGN)
    floor = Floor(arguments.floor, arguments.dual)
    contenders = [ours, ptp, floor]
    with tempfile.NamedTemporaryFile("w", dir="/run") as batch:
        batch.writelines(f"netns add {c.pod(i)}\n" for c in contenders for i in range(arguments.pods + 1))
        batch.flush()
        sh(f"ip -batch {batch.name}")
    for c in contenders:  # stores, modules and node-wide settings are made once
        c.add(arguments.pods)
    for i in range(arguments.pods):
        for k in range(3):
            contender = contenders[(i + k) % 3]
            contender.adds.append(contender.add(i))
    left, right = kernel_state(ours, 0), kernel_state(floor, 0)
    if left != right:
        raise SystemExit("the bare program does not leave what slash32 leaves:\n" + "\n".join(
            ["- " + line for line in left if line not in right] + ["+ " + line for line in right if line not in left]))
    for i in range(arguments.pods):
        for contender in (ours, ptp) if i % 2 else (ptp, ours):
            contender.dels.append(contender.call("DEL", i))
    report(contenders, arguments.dual)


def build_floor():
    """Compiles the bare program when no build has it."""
    program = os.path.join(tempfile.gettempdir(), f"slash32-kernel-floor-{os.getuid()}")
    source = os.path.join(REPOSITORY, "tests/bench/kernel_floor.cc")
    subprocess.run(["g++", "-std=c++20", "-O2", "-static", "-o", program, source], check=True)
    return program


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pods", type=int, default=200)
    parser.add_argument("--dual", action="store_true", help="IPv4 and IPv6 instead of IPv4 alone")
    parser.add_argument("--bin", default=os.environ.get("SLASH32_BIN") or f"{REPOSITORY}/build/release/bin")
    parser.add_argument("--floor", help="the kernel_floor program; built when not given")
    arguments = parser.parse_args()
    if os.environ.get(INSIDE):
        return measure(arguments)
    floor = arguments.floor or build_floor()
    os.environ[INSIDE] = "1"
    argv = ["unshare", "--net", "--mount", "--propagation", "private", "--", sys.executable, os.path.abspath(__file__),
            "--pods", str(arguments.pods), "--bin", os.path.abspath(arguments.bin), "--floor", os.path.abspath(floor)]
    os.execvp(argv[0], argv + (["--dual"] if arguments.dual else []))


if __name__ == "__main__":
    main()
