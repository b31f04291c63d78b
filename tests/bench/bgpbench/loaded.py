"""What a speaker still does in time while it takes a large table: one prefix of somebody else's, and its KEEPALIVEs.

Three testers, so that none waits for another: one sends the table and takes it, one announces and withdraws a single
prefix and sees it arrive, one only listens for KEEPALIVEs (hold time 3, so one is due a second after the last) and sees
how long it was kept from running itself."""

from bgpbench import daemons, report
from bgpbench.report import heading
from bgpbench.tester import Tester
from bgpbench.world import BASE, Load, World
from world.pair import peer_address, peer_address6
from world.speaker import ASN

OURS = "slash32"
PROBER, OBSERVER, LISTENER = 3, 4, 5  # peers' numbers; before them the table's source and its sink
HOLD, DUE = 3, 1.0                    # seconds
SAMPLES = 10                          # in one order


class LoadedWorld(World):
    """`spared`: the observer is told the prober's prefixes only."""

    def __init__(self, bench, kind, load, spared):
        super().__init__(bench, kind, load, sinks=1)
        self._spared = spared
        self.prober = self.listener = None

    def _open(self):
        setting = daemons.Loaded(self.load.family, {OBSERVER: PROBER} if self._spared else {})
        self._lay_cable(setting)
        self.daemon = daemons.ALL[self.kind](self.speaker_host, self._bench.binary, setting)
        self.daemon.start()
        few = Load(self.load.family, 100, 10, self.load.seed + 1)
        self.tester = self._tester(setting, self.load, 0, sinks=1)
        self.prober = self._tester(setting, few, PROBER - 1, sinks=1)
        self.listener = self._tester(setting, few, LISTENER - 1, sinks=0, hold=HOLD)

    def _tester(self, setting, load, before, **options):
        base = {4: peer_address, 6: peer_address6}[load.family](before) if before else BASE[load.family]
        tester = Tester(self.kind, self._bench.tester, self.tester_host, base=base, speaker=setting.own(), speaker_asn=ASN,
                        **options, **load.options())
        self._stack.callback(tester.close)
        return tester

    def connect(self):
        for tester in (self.tester, self.prober, self.listener):
            tester.order("connect", timeout=60)

    def probe(self, seconds):
        """(answer of the load, samples of the prober, what the listener heard) while the table is announced."""
        patience = self.load.patience()
        self.listener.ask("listen", seconds)
        self.tester.ask("announce", patience)
        found = []
        while not found or not self.tester.has_answer():  # a small table may be there already
            found.append(self.prober.order("latency", SAMPLES, timeout=10))
        answer = self.tester.answer(patience + 30)
        if not answer["done"]:
            raise SystemExit(f"{self.kind}: the table did not arrive: {answer}")
        heard = self.listener.answer(seconds + 60)
        if not heard["done"]:
            raise SystemExit(f"{self.kind}: the listener's session ended: {heard}")
        return answer, found[:-1] or found, heard  # the last ones were taken when all was over


def loaded(bench):
    """(j) One prefix, and KEEPALIVEs, while the largest table loads."""
    kinds = [kind for kind in bench.options.speakers if kind in (OURS, "bird", "bird-tables")]
    size = max(bench.options.sizes)
    for spared in (True, False):
        for load in bench.loads([size], one_set_too=False):
            heading(f"while a table loads: {load}; the observer is told "
                    f"{'the single prefixes only' if spared else 'all of it'}; no FIB")
            _rounds(bench, kinds, load, spared)


def _rounds(bench, kinds, load, spared):
    samples = {step: {kind: [] for kind in kinds} for step in ("announce", "withdraw")}
    late = {kind: [] for kind in kinds}
    stalls, seconds = {kind: [] for kind in kinds}, {kind: [] for kind in kinds}
    for _, kind in bench.interleaved(kinds):
        with LoadedWorld(bench, kind, load, spared) as world:
            world.connect()
            answer, found, heard = world.probe(max(load.prefixes / 200_000, 2))
            for step in samples:
                samples[step][kind] += [one for block in found for one in block[f"{step}_us"]]
            late[kind].append(max(heard["silence"] - DUE, 0) * 1000)
            stalls[kind].append(heard["stall"] * 1000)
            seconds[kind].append(answer["seconds"])
    for step, of in samples.items():
        if any(min(all_of) < 0 for all_of in of.values()):
            raise SystemExit(f"a prefix was not {step}d within 10 s")
        print(f"-- {step}, milliseconds")
        report.table(["p50", "p99", "max", "samples"],
                     [(kind, [report.median(all_of) / 1000, report.percentile(all_of, .99) / 1000, max(all_of) / 1000,
                              len(all_of)]) for kind, all_of in of.items()])
        for kind in kinds[1:] if OURS in kinds else []:
            print(f"{step}: {OURS} / {kind}: p99 "
                  f"{report.percentile(of[OURS], .99) / report.percentile(of[kind], .99):.2f}")
    print("-- KEEPALIVE, milliseconds after it was due at the latest; the longest stall of a process that only waits")
    report.table(["late", "stall", "load s"], [(kind, [max(late[kind]), max(stalls[kind]), report.median(seconds[kind])])
                                               for kind in kinds])
