#!/usr/bin/python3
"""Kills the CNI plugin at every one of its system calls, or makes each fail, and looks whether the node is as it was.

usage: every_call.py [--full] [--jobs N] [--only PART]... [--list]      (as root; README.md says what is done)

Prints for each part how many points were tried, and exits 0 only when all of them passed.
"""

import argparse
import json
import os
import subprocess
import sys
import time

import points
from node import Failed, Node, network

INSIDE = ["setpriv", "--pdeathsig", "KILL", "--", "unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc",
          "--propagation", "private", "--kill-child"]
SHOWN = 20  # failures of a part that are printed


# Whatever the plugin's section can ask of the kernel beside a plain pod.
MASQ = {"ipMasq": True, "masqueradeExempt": ["10.0.0.0/8", "fd00::/8"], "allowIpForwarding": True,
        "routes": [{"dst": "10.9.0.0/16", "mtu": 1400}, {"dst": "fd09::/32", "table": 77}],
        "hostSysctl": {"net.ipv4.conf.IFNAME.rp_filter": 2, "net.ipv6.conf.IFNAME.proxy_ndp": 1}}


class Part:
    """A configuration and what is tried on it. `sample`: every how many-th point without --full. Odd for errors:
    each call has eight of them, and each of these is to have its turn."""

    def __init__(self, name, verb, trial, sample, families="4", foreign=False, cold=False, keys=None):
        self.name, self.verb, self.trial, self.sample = name, verb, trial, sample
        self.families, self.foreign, self.cold, self.keys = families, foreign, cold, keys

    def node(self):
        return Node(network(self.families, self.foreign, self.keys), self.cold)


def parts():
    kinds = {"ipv4": {}, "dual": {"families": "46"}, "first-ever": {"families": "46", "cold": True},
             "masq": {"families": "46", "keys": MASQ}, "first-masq": {"families": "46", "cold": True, "keys": MASQ},
             "host-local": {"foreign": True}, "host-local-dual": {"families": "46", "foreign": True}}
    rates = {"ipv4": (1, 1, 16), "dual": (1, 1, 4), "first-ever": (12,), "masq": (8, 16, 24),
             "first-masq": (24,), "host-local": (32, 32, 128), "host-local-dual": (128, 128, 128)}
    for kind, more in kinds.items():
        for verb, sample in zip(("ADD", "DEL", "GC"), rates[kind]):
            if not (more.get("cold") and verb != "ADD"):
                yield Part(f"kill-{verb}-{kind}", verb, points.Kill, sample, **more)
    for kind, sample in (("ipv4", 16), ("dual", 8), ("first-ever", 24), ("host-local", 48)):
        yield Part(f"kill-then-same-ADD-{kind}", "ADD", points.KillAndRetry, sample, **kinds[kind])
    for kind, sample in (("host-local", 48), ("host-local-dual", 128)):
        yield Part(f"kill-but-not-children-{kind}", "ADD", points.KillButNotChildren, sample, **kinds[kind])
    for kind, sample in (("ipv4", 16), ("dual", 4), ("first-ever", 24), ("host-local", 48)):
        yield Part(f"stop-ADD-{kind}", "ADD", points.Stop, sample, **kinds[kind])
    for kind, sample in (("ipv4", 73), ("dual", 9), ("first-ever", 73), ("masq", 41), ("first-masq", 145),
                         ("host-local", 401)):
        yield Part(f"error-in-ADD-{kind}", "ADD", points.Error, sample, **kinds[kind])
    for verb in ("DEL", "GC"):
        for kind, sample in (("dual", 17), ("host-local", 401)):
            yield Part(f"error-in-{verb}-{kind}", verb, points.Error, sample, **kinds[kind])
    for kind, sample in (("dual", 4), ("host-local", 64)):
        yield Part(f"two-errors-in-ADD-{kind}", "ADD", points.TwoErrors, sample, **kinds[kind])


# ---- one shard: inside its own namespaces


def work(part, step, shard, shards):
    """Tries the points that are this shard's; prints one JSON line."""
    node = part.node()
    trial = part.trial(node, part.verb, measured=shard == 0)
    out = {"counted": trial.counted, "steady": trial.steady, "strace": trial.by_strace() if shard == 0 else None,
           "tried": 0, "failed": [], "notes": {}}
    for point in trial.share(step, shard, shards):
        out["tried"] += 1
        try:
            trial.run(point)
        except (Failed, subprocess.TimeoutExpired) as failure:
            out["failed"].append(f"{trial.describe(point)}: {failure}")
            if not trial.recover():
                break  # what is left behind would fail every point after it
    out["notes"] = trial.notes
    print(json.dumps(out))


# ---- the whole: outside


def run_part(part, step, jobs):
    """Runs a part's shards beside each other; whether all passed."""
    begin = time.monotonic()
    words = [*INSIDE, sys.executable, os.path.abspath(__file__), "--shard", part.name, str(step)]
    shards = [subprocess.Popen([*words, str(i), str(jobs)], stdout=subprocess.PIPE, text=True) for i in range(jobs)]
    results, broken = [], []
    for shard in shards:
        text = shard.communicate()[0]
        if shard.returncode != 0:
            broken.append(f"a shard ended with status {shard.returncode}")
        else:
            results.append(json.loads(text))
    failed = broken + [line for result in results for line in result["failed"]]
    notes = {}
    for result in results:
        for what, count in result["notes"].items():
            notes[what] = notes.get(what, 0) + count
    first = next((result for result in results if result["strace"] is not None), None)
    if first and abs(first["steady"] - first["strace"]) > 0.05 * first["strace"]:
        failed.append(f"counted {first['steady']} system calls, strace -c -f counts {first['strace']}")
    tried = sum(result["tried"] for result in results)
    if not tried:
        failed.append("no point was tried")
    calls = f"N={first['counted']} ({first['steady']} compared, strace {first['strace']})" if first else "N unknown"
    more = "".join(f"; {what}: {count}" for what, count in sorted(notes.items()))
    print(f"{part.name}: {calls}, {tried} points tried, {len(failed)} failed, "
          f"{time.monotonic() - begin:.1f} s{more}", flush=True)
    for line in failed[:SHOWN]:
        print(f"  FAILED {line}")
    return tried, len(failed)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="every point of every part; without it a part's sample")
    parser.add_argument("--jobs", type=int, default=3, help="worlds that work beside each other (%(default)s)")
    parser.add_argument("--only", action="append", help="parts whose names begin so", default=[])
    parser.add_argument("--exactly", help="this part alone")
    parser.add_argument("--list", action="store_true", help="print the parts' names")
    parser.add_argument("--shard", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.shard:
        name, step, shard, shards = options.shard
        work(next(part for part in parts() if part.name == name), int(step), int(shard), int(shards))
        return 0
    wanted = [part for part in parts() if not options.only or part.name.startswith(tuple(options.only))]
    if options.exactly:
        wanted = [part for part in wanted if part.name == options.exactly]
    if options.list:
        print("\n".join(part.name for part in wanted))
        return 0
    tried = failed = 0
    for part in wanted:
        step = 1 if options.full else part.sample
        if step:
            more_tried, more_failed = run_part(part, step, options.jobs)
            tried, failed = tried + more_tried, failed + more_failed
    print(f"{tried} points tried, {failed} failed")
    return 1 if failed or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
