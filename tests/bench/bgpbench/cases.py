"""The cases. In each the contenders take turns, round after round, every run in namespaces of its own."""

import json
import time

from bgpbench import daemons, fleet, latency, loaded, lost, pods, report, restart
from bgpbench.report import Rounds, heading
from bgpbench.tester import arguments
from bgpbench.world import BARE, DIRECT, Load, World

OURS = "slash32"


class Bench:
    """What all cases need: the programs, the rounds and the contenders."""

    def __init__(self, tester, binary, options):
        self.tester, self.binary, self.options = tester, binary, options
        self.missed = []

    def judge(self, bar, good):
        """A bar that ours must reach, said in words; the program's exit status tells whether all were."""
        print(f"{'reached' if good else 'MISSED'}: {bar}", flush=True)
        if not good:
            self.missed.append(bar)

    def run(self, host, part, **options):
        """A part of the tester, run to its end at a host; its answer."""
        return json.loads(host.run(self.tester, *arguments(part, **options), timeout=600).stdout)

    def loads(self, sizes, one_set_too=True):
        """Every combination of size, sets and family."""
        for family in self.options.families:
            for size in sizes:
                for sets in ([1] if one_set_too else []) + [max(size // 10, 1)]:
                    yield Load(family, size, sets, self.options.seed)

    def tables(self):
        """A table of 100,000 routes in n/10 sets; one is enough where only running counts, as BIRD takes 3 s with it."""
        found = list(self.loads([min(100_000, max(self.options.sizes))], one_set_too=False))
        return found[:1] if self.options.quick else found

    def interleaved(self, kinds):
        """(round, kind), in turns that begin with another one each round."""
        for number in range(self.options.rounds):
            for k in range(len(kinds)):
                yield number, kinds[(number + k) % len(kinds)]


def _check_answers(world, count):
    """Ours must be able to say what it received, accepted and advertised, of every prefix."""
    if world.kind != OURS:
        return
    first, last = world.tester.ready["first"], world.tester.ready["last"]
    world.daemon.check_routes((first, last), count)


def bulk(bench):
    """(a) Announcing a table and withdrawing it; one source, one sink."""
    kinds = bench.options.speakers + [DIRECT]
    for load in bench.loads(bench.options.sizes, one_set_too=not bench.options.quick):
        heading(f"bulk: {load}; no FIB")
        announce, withdraw = Rounds("announce", kinds), Rounds("withdraw", kinds)
        for _, kind in bench.interleaved(kinds):
            with World(bench, kind, load, sinks=1) as world:
                world.connect()
                announce.add(kind, world.measure("announce"))
                _check_answers(world, load.prefixes)
                withdraw.add(kind, world.measure("withdraw"))
        announce.print(OURS, DIRECT)
        withdraw.print(OURS, DIRECT)


# ---------------------------------------------------------------- many sinks

def sinks(bench):
    """(d) 10,000 prefixes to many sinks that are settled."""
    kinds = bench.options.speakers + [DIRECT]
    for count in bench.options.sinks:
        for load in bench.loads([min(10_000, max(bench.options.sizes))], one_set_too=False):
            heading(f"{count} sinks, idle for {bench.options.settle} s: {load}; no FIB")
            announce, withdraw = Rounds("announce", kinds), Rounds("withdraw", kinds)
            for _, kind in bench.interleaved(kinds):
                with World(bench, kind, load, sinks=count) as world:
                    world.connect()
                    if kind != DIRECT:
                        world.rest(bench.options.settle)
                    announce.add(kind, world.measure("announce"))
                    withdraw.add(kind, world.measure("withdraw"))
            announce.print(OURS, DIRECT)
            withdraw.print(OURS, DIRECT)


# ---------------------------------------------------------------- with the kernel

def fib(bench):
    """(e) A table into the kernel, beside bare netlink with the same routes; no sink."""
    kinds = [kind for kind in bench.options.speakers if daemons.ALL[kind].kernel_protocol is not None] + [BARE]
    for load in bench.loads(bench.options.sizes, one_set_too=False):
        heading(f"FIB on: {load}; until all are in the kernel, looked at every 100 ms")
        install, remove = Rounds("install", kinds), Rounds("remove", kinds[:-1])
        for _, kind in bench.interleaved(kinds):
            with World(bench, kind, load, sinks=0, fib=True) as world:
                base = world.kernel_routes()
                if kind == BARE:
                    install.add(kind, _bare(world, base))
                    world.check_kernel(daemons.Slash32.kernel_protocol)
                    continue
                world.connect()
                base = world.kernel_routes()
                install.add(kind, _until(world, "announce", base + load.prefixes))
                world.check_kernel(world.daemon.kernel_protocol)
                remove.add(kind, _until(world, "withdraw", base))
        install.print(OURS)
        remove.print(OURS)


def _until(world, verb, count):
    """An order that is done when the kernel has so many routes."""
    before = world.cpu()
    world.tester.ask(verb, world.load.patience())
    reached = world.wait_for_routes(count)
    answer = world.tester.answer(world.load.patience() + 30)
    return {**answer, "seconds": reached - answer["start"], "daemon_cpu": world.cpu() - before, "peak": world.peak()}


def _bare(world, base):
    """Bare netlink, with the same looks at the kernel beside it as the daemons have."""
    with world.fill_kernel() as process:
        reached = world.wait_for_routes(base + world.load.prefixes)
        answer = json.loads(process.stdout.read())
    return {"seconds": reached - answer["start"], "daemon_cpu": answer["cpu"]}


# ---------------------------------------------------------------- a whole table again

def refresh(bench):
    """(g) A sink asks for everything again."""
    kinds = [kind for kind in bench.options.speakers if daemons.ALL[kind] is not daemons.Openbgpd]  # it sends nothing again
    for load in bench.tables():
        heading(f"route refresh: {load}; no FIB")
        rounds = Rounds("refresh", kinds)
        for _, kind in bench.interleaved(kinds):
            with World(bench, kind, load, sinks=1) as world:
                world.connect()
                world.measure("announce")
                rounds.add(kind, world.measure("refresh"))
        rounds.print(OURS)


def policy(bench):
    """(g) The export policy adds a community to everything, by the operator's own means."""
    kinds = bench.options.speakers
    for load in bench.tables():
        heading(f"export policy changed: {load}; no FIB; from the command on")
        rounds = Rounds("policy", kinds)
        for _, kind in bench.interleaved(kinds):
            with World(bench, kind, load, sinks=1) as world:
                world.connect()
                world.measure("announce")
                rounds.add(kind, _change(world))
        rounds.print(OURS)


def _change(world):
    community = daemons.EXTRA[0] << 16 | daemons.EXTRA[1]
    before = world.cpu()
    world.tester.ask("extra", community)
    world.tester.answer(60)
    start = time.monotonic()
    world.tester.ask("await", world.load.patience())
    world.daemon.change_policy()
    answer = world.tester.answer(world.load.patience() + 30)
    if not answer["done"]:
        raise SystemExit(f"{world.kind}: the policy never reached the sink: {answer}")
    return {**answer, "seconds": answer["start"] + answer["seconds"] - start, "daemon_cpu": world.cpu() - before,
            "peak": world.peak()}


# ---------------------------------------------------------------- at rest

def idle(bench):
    """(h) A table was told to many sinks, and nothing happens any more."""
    kinds = bench.options.speakers
    count = max(bench.options.sinks)
    for load in bench.tables():
        heading(f"{count} sinks at rest for {bench.options.rest} s: {load}; no FIB")
        rounds = Rounds("rest", kinds)
        for _, kind in bench.interleaved(kinds):
            with World(bench, kind, load, sinks=count) as world:
                world.connect()
                world.measure("announce")
                world.rest(bench.options.settle)
                rounds.add(kind, world.rest(bench.options.rest))
        print("-- a second of rest")
        report.table(["CPU ms", "wake-ups", "peak MB"],
                     [(kind, [report.median([answer["daemon_cpu"] * 1000 / answer["seconds"] for answer in answers]),
                              report.median([answer["wakes"] / answer["seconds"] for answer in answers]),
                              report.median([answer["peak"] for answer in answers])])
                      for kind, answers in rounds.answers.items()])
        rounds.print_ratios(OURS)


ALL = {"bulk": bulk, "reset": lost.reset, "latency": latency.latency, "pods": pods.pods, "sinks": sinks, "fib": fib, "refresh": refresh, "policy": policy,
       "idle": idle, "scale": fleet.scale, "loaded": loaded.loaded, "restart": restart.restart}
