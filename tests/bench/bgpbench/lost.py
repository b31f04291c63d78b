"""The source's session is lost: until the sink, and the kernel, have nothing left; or have what another source said as well."""

import time

from bgpbench import daemons
from bgpbench.report import Rounds, heading
from bgpbench.tester import Tester
from bgpbench.world import BASE, LINK, POLL, World
from world.pair import peer_address, peer_address6
from world.speaker import ASN

OURS = "slash32"
OTHER = 3   # the other source's number, behind the sink's
REST = 0.5  # seconds without work: the speaker has taken in what changes nothing


class LostWorld(World):
    """With a sink; `alternate`: and another source of the same routes, whose paths are longer."""

    def __init__(self, bench, kind, load, *, fib, alternate):
        super().__init__(bench, kind, load, sinks=1, fib=fib)
        self._alternate = alternate
        self.other = None

    def _open(self):
        if not self._alternate:
            return super()._open()
        setting = daemons.Alternate(self.load.family, self._fib)
        self._lay_cable(setting)
        self.daemon = daemons.ALL[self.kind](self.speaker_host, self._bench.binary, setting)
        self.daemon.start()
        before = {4: peer_address, 6: peer_address6}[self.load.family](OTHER - 1)
        self.tester = self._tester(setting, base=BASE[self.load.family], sinks=1)
        self.other = self._tester(setting, base=before, sinks=0, longer=1)

    def _tester(self, setting, **options):
        tester = Tester(self.kind, self._bench.tester, self.tester_host, speaker=setting.own(), speaker_asn=ASN, **options,
                        **self.load.options())
        self._stack.callback(tester.close)
        return tester

    def settle(self):
        """Everybody has said all, the kernel has it, and the speaker is at rest."""
        base = self.kernel_routes()
        self.connect()
        self.measure("announce")
        if self.other:
            self.other.order("connect", timeout=60)
            self.other.order("announce", timeout=self.load.patience())
            self._rest()
        if self._fib:
            self.wait_for_routes(base + self.load.prefixes)

    def _rest(self):
        before, deadline = -1.0, time.monotonic() + self.load.patience()
        while (now := self.cpu()) - before > REST / 100:
            if time.monotonic() > deadline:
                raise SystemExit(f"{self.kind}: it did not come to rest")
            before = now
            time.sleep(REST)

    def lose(self):
        """The session ends. `seconds` until sink and kernel have nothing, or what the other source says."""
        before, base = self.cpu(), self.kernel_routes() - self.load.prefixes
        patience = self.load.patience()
        self.tester.ask("replace" if self.other else "reset", patience)
        if self._fib and not self.other:
            reached = self.wait_for_routes(base)
        elif self._fib:
            reached = self._wait_for_gateway(patience)
        answer = self.tester.answer(patience + 30)
        if not answer["done"]:
            raise SystemExit(f"{self.kind}: the sink was not told of the loss: {answer}")
        if self._fib:
            answer["seconds"] = max(answer["seconds"], reached - answer["start"])
        return {**answer, "daemon_cpu": self.cpu() - before, "peak": self.peak()}

    def _wait_for_gateway(self, patience):
        """Looks by full dumps until every route leads to the other source; when that was."""
        gateway = dict(daemons.Alternate(self.load.family, True).peers())[OTHER]
        wanted, deadline = {"right": self.load.prefixes, "wrong": 0, "foreign": 0}, time.monotonic() + patience
        while (found := self._bench.run(self.speaker_host, "kernel-check", protocol=self.daemon.kernel_protocol,
                                        gateway=gateway, dev=LINK, **self.load.options())) != wanted:
            if time.monotonic() > deadline:
                raise SystemExit(f"{self.kind}: the kernel's routes did not move to the other source: {found}")
            time.sleep(POLL)
        return time.monotonic()


def reset(bench):
    """(b) The source's connection closes: FIB off and on, without and with another source of the same routes."""
    for fib in (False, True):
        kinds = [kind for kind in bench.options.speakers if not fib or daemons.ALL[kind].kernel_protocol is not None]
        for alternate in (False, True):
            for load in bench.loads([min(100_000, max(bench.options.sizes))], one_set_too=False):
                heading(f"session reset, {'another source has all' if alternate else 'nobody else has any'}: {load}; "
                        f"FIB {'on' if fib else 'off'}")
                rounds = Rounds("replace" if alternate else "reset", kinds)
                for _, kind in bench.interleaved(kinds):
                    with LostWorld(bench, kind, load, fib=fib, alternate=alternate) as world:
                        world.settle()
                        rounds.add(kind, world.lose())
                rounds.print(OURS)
