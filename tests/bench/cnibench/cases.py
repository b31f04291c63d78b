"""The cases of the benchmark. Each prints its figures and the ratios that count."""

import json
import os
import statistics
import tempfile

from cnibench.contenders import Floor, Plugin, compare
from cnibench.programs import launch, sh, volley

FOREIGN = os.environ.get("CNI_PLUGINS") or "/usr/lib/cni"
STORM = 64   # at once
CROWD = 4000 # live pods
GROUP = 4000 # of their links, to remove them at once


def network(kind, ipam, v4, v6, dual):
    return {"cniVersion": "1.0.0", "name": "bench", "type": kind,
            "ipam": {"type": ipam, "ranges": [[{"subnet": v4}]] + ([[{"subnet": v6}]] if dual else [])}}


def contenders_of(binaries, floors, dual):
    """slash32, ptp+host-local, and the floor; networks of their own, so that none sees another's addresses."""
    ours = Plugin("slash32", f"{binaries}/slash32", network("slash32", "slash32-ipam", "10.244.0.0/16", "fd00:10:244::/64", dual),
                  binaries)
    ptp = Plugin("ptp", f"{FOREIGN}/ptp", network("ptp", "host-local", "10.245.0.0/16", "fd00:10:245::/64", dual), FOREIGN)
    return ours, ptp, Floor("floor", floors, dual)


def make_namespaces(contenders, numbers):
    with tempfile.NamedTemporaryFile("w", dir="/run") as batch:
        batch.writelines(f"netns add {c.pod(i)}\n" for c in contenders for i in numbers)
        batch.flush()
        sh(f"ip -batch {batch.name}")


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def ratio(ours, other):
    """p50 over p50, the median of the pairs, and CPU over CPU."""
    p50 = statistics.median(t[0] for t in ours) / statistics.median(t[0] for t in other)
    pairs = statistics.median(a[0] / b[0] for a, b in zip(ours, other))
    cpu = sum(t[1] for t in ours) / max(sum(t[1] for t in other), 1e-9)
    return f"p50 {p50:.2f}, median of pairs {pairs:.2f}, CPU {cpu:.2f}"


def one_at_a_time(ours, ptp, floor, pods):
    """ADD and DEL of each, in turn."""
    all_three = (ours, ptp, floor)
    for c in all_three:  # stores, modules and node-wide settings are made once
        c.add(pods)
    for i in range(pods):
        for k in range(3):
            contender = all_three[(i + k) % 3]
            contender.adds.append(contender.add(i))
    compare(ours, floor, sorted({0, pods // 2, pods - 1}))
    for i in range(pods):
        for k in range(3):
            contender = all_three[(i + k) % 3]
            contender.dels.append(contender.delete(i))
    print(f"\n{'IPv4 and IPv6' if floor.dual else 'IPv4'}, {pods} pods each, one at a time, interleaved")
    print(f"{'':26}{'min':>8}{'p50':>8}{'p99':>8}{'CPU':>8}   ms")
    for c in all_three:
        for verb, times in (("ADD", c.adds), ("DEL", c.dels)):
            wall = [t[0] for t in times]
            print(f"{c.name + ' ' + verb:26}{min(wall):8.2f}{statistics.median(wall):8.2f}{percentile(wall, .99):8.2f}"
                  f"{statistics.mean(t[1] for t in times):8.2f}")
    print(f"slash32 ADD / bare kernel work: {ratio(ours.adds, floor.adds)}")
    print(f"slash32 ADD / ptp+host-local: {ratio(ours.adds, ptp.adds)}")
    print(f"bare kernel work / ptp+host-local ADD: {ratio(floor.adds, ptp.adds)}")
    print(f"slash32 DEL / (exec of an empty program + both names gone): {ratio(ours.dels, floor.dels)}")
    print(f"slash32 DEL / ptp+host-local: {ratio(ours.dels, ptp.dels)}")


def all_at_once(ours, floor, floors, first, rounds):
    """64 ADDs let go by one event, ours and the bare work in turn."""
    took = {ours: [], floor: []}
    for number in range(rounds):
        for contender in (ours, floor) if number % 2 else (floor, ours):
            numbers = range(first, first + STORM)
            took[contender].append(volley(floors, [contender.shot(i) for i in numbers])[0])
            for i in numbers:
                contender.delete(i)
    rates = {c: STORM * 1e3 / statistics.median(times) for c, times in took.items()}
    pairs = sorted(bare / own for own, bare in zip(took[ours], took[floor]))
    print(f"\n{STORM} at once, {rounds} rounds: slash32 {rates[ours]:.0f} ADD/s, bare kernel work {rates[floor]:.0f}/s")
    print(f"slash32 ADD/s / bare kernel work at once: median of pairs {statistics.median(pairs):.2f} "
          f"({pairs[0]:.2f} to {pairs[-1]:.2f})")


def in_turn(contenders, numbers):
    """ADDs, each undone at once; the times of each contender."""
    times = {c: [] for c in contenders}
    for i in numbers:
        for c in contenders:
            times[c].append(c.add(i))
            c.delete(i)
    return times


def over_pairs(times, other):
    return statistics.median(t[0] / o[0] for t, o in zip(times, other))


def in_a_crowd(ours, floor, binaries, numbers, size=CROWD):
    """ADD with `size` live pods: their records alone beside an empty store, then their links and routes as well."""
    with open(ours.conf, encoding="utf-8") as file:
        conf = json.load(file)
    conf["ipam"]["dataDir"] = "/run/slash32/crowd"  # of both programs: their defaults differ
    crowded = Plugin("crowded", ours.program, conf, binaries)
    make_namespaces([crowded], numbers)
    for i in range(size):
        env = {**ours.environment("ADD", 0), "CNI_CONTAINERID": f"crowd-{i}", "CNI_NETNS": "/run/netns/none"}
        launch([f"{binaries}/slash32-ipam"], crowded.conf, env)
    before = in_turn((ours, crowded, floor), numbers)
    with tempfile.NamedTemporaryFile("w", dir="/run") as batch:
        for i in range(size):
            address = f"10.247.{i // 250}.{i % 250 + 1}"
            batch.write(f"link add s32crowd{i:05} group {GROUP} type veth peer name crowd{i:05}\n"
                        f"link set s32crowd{i:05} up alias s32:1:{conf['name']}:crowd-{i}:eth0:{address}:\n"
                        f"route add {address}/32 dev s32crowd{i:05} proto 132 metric 64\n")
        batch.flush()
        sh(f"ip -batch {batch.name}")
    after = in_turn((crowded, floor), numbers)
    sh(f"ip link del group {GROUP}")
    print(f"\nADD with {size} live pods / with none, medians of pairs: records alone "
          f"{over_pairs(before[crowded], before[ours]):.2f}; with links and routes "
          f"{over_pairs(after[crowded], before[ours]):.2f}, bare kernel work there {over_pairs(after[floor], before[floor]):.2f}")


def memory(ours, ptp, floors, i):
    """Peak of one ADD."""
    peaks = []
    for contender in (ours, ptp):
        peaks.append(volley(floors, [contender.shot(i)])[1])
        contender.delete(i)
    print(f"\nPeak memory of an ADD: slash32 {peaks[0]:.1f} MB, ptp {peaks[1]:.1f} MB")
