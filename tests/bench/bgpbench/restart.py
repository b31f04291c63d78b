"""A speaker that is killed and started again while the kernel has its full table."""

import time

from bgpbench import daemons, report
from bgpbench.report import Rounds, heading
from bgpbench.world import POLL, World

OURS = "slash32"
REST = 1.0   # seconds without work after which it has reconciled
WORK = 0.1   # of a processor: less is none


class RestartWorld(World):
    """FIB on, one sink."""

    def settle(self):
        """The sink and the kernel have all."""
        base = self.kernel_routes()
        self.connect()
        self.measure("announce")
        self.wait_for_routes(base + self.load.prefixes)

    def restart(self):
        """Killed, started, and told everything again. `seconds`: from its start until it is at rest and has reconciled;
        `told`: until the sink has all again; `lost`: routes that were missing at once, at most; `changes`: that the kernel
        told of. The kernel's table is compared at the end."""
        full, patience = self.kernel_routes(), self.load.patience()
        for process in self.speaker_host.processes:
            process.kill()
        monitor = self.speaker_host.monitor_routes()
        heard = monitor.log().count("\n")
        start = time.monotonic()
        self.daemon.start()
        self.connect()
        self.tester.ask("announce", patience)
        reached, fewest = self._watch(time.monotonic() + patience * 2)
        answer = self.tester.answer(patience + 30)
        if not answer["done"]:
            raise SystemExit(f"{self.kind}: the sink was not told again: {answer}")
        monitor.stop()
        self.check_kernel(self.daemon.kernel_protocol)
        return {**answer, "seconds": reached - start, "told": answer["start"] + answer["seconds"] - start,
                "lost": full - fewest, "changes": monitor.log().count("\n") - heard, "daemon_cpu": self.cpu(),
                "peak": self.peak()}

    def _watch(self, deadline):
        """(when it last did something or had something to do, the fewest routes that were seen)"""
        last, worked, fewest = self.cpu(), time.monotonic(), self.kernel_routes()
        while time.monotonic() - worked < REST:
            if time.monotonic() > deadline:
                raise SystemExit(f"{self.kind}: it did not come to rest after its restart")
            time.sleep(POLL)
            before, last = last, self.cpu()
            if last - before > WORK * POLL or not self.tester.has_answer() or not self.daemon.has_reconciled():
                worked = time.monotonic()
            fewest = min(fewest, self.kernel_routes())
        return worked, fewest


def restart(bench):
    """(k) Killed and started with a full kernel table: until it has reconciled, and what the kernel's table went through."""
    kinds = [kind for kind in bench.options.speakers if daemons.ALL[kind].kernel_protocol is not None]
    for load in bench.loads(bench.options.sizes, one_set_too=False):
        heading(f"killed and started with all routes in the kernel: {load}; FIB on")
        rounds = Rounds("restart", kinds)
        for _, kind in bench.interleaved(kinds):
            with RestartWorld(bench, kind, load, sinks=1, fib=True) as world:
                world.settle()
                rounds.add(kind, world.restart())
        rounds.print(OURS)
        report.table(["sink told s", "routes lost", "changes"],
                     [(kind, [report.median([answer[key] for answer in answers]) for key in ("told", "lost", "changes")])
                      for kind, answers in rounds.answers.items()])
        if OURS in kinds:
            for key in ("lost", "changes"):
                worst = max(answer[key] for answer in rounds.answers[OURS])
                bench.judge(f"restart, {load}: {key} {worst} (none)", worst == 0)
