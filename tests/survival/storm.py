#!/usr/bin/python3
"""Many ADDs and DELs at once, killed at random, with namespaces that vanish mid-way, while STATUS is asked all the time.

usage: storm.py [--cycles N] [--at-once N] [--seed N]      (as root; 5,000 cycles, 64 at once)

One cycle is one pod's life: ADD, a while, DEL. Some ADDs and DELs are killed in the middle, some pods lose their namespace
during ADD; a DEL comes until it succeeds. Never may two pods that live have one address; at the end the node is as before.
The range is small and has no cool-down, so that addresses are used again at once.
"""

import argparse
import collections
import contextlib
import json
import os
import random
import select
import statistics
import subprocess
import sys
import threading
import time

from every_call import INSIDE
from node import BIN, Failed, Node, environment, network

KILLED_ADD, KILLED_DEL, VANISHED = 0.25, 0.15, 0.1  # shares of the cycles
LIFE = 0.02  # seconds a pod lives at most
DEL_TRIES = 3
STATUS_LIMIT = 50  # ms
ENOUGH = 500  # answers, for the slowest hundredth to say something; the slowest tenth otherwise


def small_network():
    conf = network("46")
    conf["ipam"].update(ranges=[[{"subnet": "10.244.1.0/25"}], [{"subnet": "fd00:10:244:1::/121"}]], coolDown=0)
    return conf


class Storm:
    def __init__(self, cycles, at_once, seed):
        self.node, self.cycles, self.at_once, self.seed = Node(small_network()), cycles, at_once, seed
        self.lock = threading.Lock()
        self.next, self.live, self.failures = 0, {}, []
        self.counts, self.took = collections.Counter(), []

    # ---- one pod

    def call(self, verb, pod, netns, kill_after=None, meanwhile=None):
        """The answer; None when it was killed."""
        process = subprocess.Popen([f"{BIN}/slash32"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, env=environment(verb, pod, netns))
        if kill_after is not None:
            killer = threading.Timer(kill_after, process.kill)
            killer.start()
        if meanwhile:
            with contextlib.suppress(BrokenPipeError):  # killed before it had read
                process.stdin.write(self.node.input(verb, pod))
                process.stdin.close()
            process.stdin = None
            meanwhile()
        output, _ = process.communicate(None if meanwhile else self.node.input(verb, pod), timeout=60)
        if kill_after is not None:
            killer.cancel()
        if process.returncode < 0:
            return None
        return process.returncode, json.loads(output) if output else {}

    def add(self, pod, netns, chance):
        """Whether it lives, and with which addresses."""
        kill = chance.uniform(0, self.typical()) if chance.random() < KILLED_ADD else None
        vanishes = chance.random() < VANISHED
        wait = chance.uniform(0, self.typical())

        def vanish():
            time.sleep(wait)
            subprocess.run(["ip", "netns", "del", netns], check=True)

        begin = time.monotonic()
        answer = self.call("ADD", pod, netns, kill, vanish if vanishes else None)
        what = "killed" if answer is None else "failed" if answer[0] else "succeeded"
        self.count(f"ADD {what}{', namespace gone' if vanishes else ''}")
        if answer is None or answer[0]:
            if answer and not vanishes and answer[1].get("code") != 11:
                self.fail(f"ADD of {pod}: {answer}")
            return []
        with self.lock:
            self.took.append(time.monotonic() - begin)
        return [ip["address"] for ip in answer[1]["ips"]]

    def delete(self, pod, netns, chance):
        kill = chance.uniform(0, self.typical()) if chance.random() < KILLED_DEL else None
        for _ in range(DEL_TRIES):
            answer = self.call("DEL", pod, netns, kill)
            self.count(f"DEL {'killed' if answer is None else 'failed' if answer[0] else 'succeeded'}")
            if answer and answer[0] == 0:
                return
            if answer and answer[1].get("code") != 11:
                self.fail(f"DEL of {pod}: {answer}")
            kill = None
        self.fail(f"DEL of {pod} did not succeed in {DEL_TRIES} tries")

    def cycle(self, number, netns):
        chance, pod = random.Random(self.seed * 1_000_003 + number), f"c{number}"
        addresses = self.add(pod, netns, chance)
        with self.lock:
            for address in addresses:
                if address in self.live:
                    self.failures.append(f"{address} is {pod}'s and {self.live[address]}'s")
                self.live[address] = pod
        if addresses:
            time.sleep(chance.uniform(0, LIFE))
        with self.lock:
            for address in addresses:
                self.live.pop(address, None)
        self.delete(pod, netns, chance)
        if not os.path.exists(f"/run/netns/{netns}"):
            subprocess.run(["ip", "netns", "add", netns], check=True)

    # ---- all of them

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def fail(self, what):
        with self.lock:
            self.failures.append(what)

    def typical(self):
        """How long an ADD takes now: kills are spread over it."""
        with self.lock:
            return statistics.median(self.took[-64:]) if self.took else 0.05

    def work(self, netns):
        while True:
            with self.lock:
                number, self.next = self.next, self.next + 1
            if number >= self.cycles:
                return
            try:
                self.cycle(number, netns)
            except Exception as error:  # a thread's end must not go unseen
                self.fail(f"cycle {number}: {error!r}")

    def run(self):
        names = [f"w{i}" for i in range(self.at_once)]
        for name in names:
            subprocess.run(["ip", "netns", "add", name], check=True)
        asker = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--ask"], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True)
        begin = time.monotonic()
        workers = [threading.Thread(target=self.work, args=(name,)) for name in names]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        took = time.monotonic() - begin
        answers = json.loads(asker.communicate("")[0])
        if answers["failed"]:
            self.fail(f"STATUS failed: {answers['failed'][0]}")
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=True)
        try:
            self.node.expect_as_before("after the storm, before GC")
            self.node.gc()
            self.node.expect_as_before("after the storm")
        except Failed as failure:
            self.fail(str(failure))
        return took, answers


def timed(argv, text):
    begin = time.monotonic()
    done = subprocess.run(argv, input=text, env=environment("STATUS"), capture_output=True, check=False)
    return done, (time.monotonic() - begin) * 1e3


def ask():
    """Asks for STATUS, and beside it starts a program that does nothing, until standard input ends. A process of its own:
    its times are not those of the storm's threads."""
    text = json.dumps(small_network()).encode()
    out = {"status": [], "nothing": [], "failed": []}
    while not select.select([sys.stdin], [], [], 0.05)[0]:
        done, took = timed([f"{BIN}/slash32"], text)
        out["status"].append(took)
        if done.returncode:
            out["failed"].append(done.stdout.decode())
        out["nothing"].append(timed(["/bin/true"], b"")[1])
    print(json.dumps(out))
    return 0


def judge(took):
    """STATUS's line, and what is wrong with it. The slowest are the machine's: measured against a program that does
    nothing."""
    figures = {}
    for what in ("status", "nothing"):
        times = sorted(took[what])
        late = times[int(len(times) * (0.99 if len(times) >= ENOUGH else 0.9))]
        figures[what] = (statistics.median(times), late, times[-1])
    (middle, late, _), (_, late_nothing, _) = figures["status"], figures["nothing"]
    line = "; ".join(f"{name} p50 {f[0]:.1f} ms, late {f[1]:.1f} ms, most {f[2]:.1f} ms"
                     for name, f in (("STATUS", figures["status"]), ("a program that does nothing", figures["nothing"])))
    bad = middle >= STATUS_LIMIT or late >= STATUS_LIMIT + late_nothing
    return f"{len(took['status'])} times {line}", [f"STATUS takes longer than {STATUS_LIMIT} ms"] if bad else []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=5000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of what happens when, but not of who comes first")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--ask", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        return ask()
    if not options.inside:
        words = ["--cycles", str(options.cycles), "--at-once", str(options.at_once), "--seed", str(options.seed)]
        inside = [*INSIDE, sys.executable, os.path.abspath(__file__), "--inside"]
        return subprocess.run([*inside, *words], check=False).returncode
    storm = Storm(options.cycles, options.at_once, options.seed)
    took, answers = storm.run()
    line, late = judge(answers)
    failures = storm.failures + late
    for what, count in sorted(storm.counts.items()):
        print(f"  {what}: {count}")
    print(f"  {line}")
    for failure in failures[:20]:
        print(f"  FAILED {failure[:2000]}")
    print(f"{options.cycles} cycles, {options.at_once} at once, {took:.1f} s, seed {options.seed}: {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
