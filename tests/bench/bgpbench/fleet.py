"""Scale: many peers of one speaker, each with prefixes of its own and to be told everybody else's."""

from bgpbench import daemons, report
from bgpbench.report import Rounds, heading
from bgpbench.tester import Tester
from bgpbench.world import BASE, Load, World
from world.speaker import ASN

OURS = "slash32"
PEERS, EACH = 1000, 10  # the fleet of the bars
WINDOW = 10             # so many at a time in a rolling restart
MOST = 20_000_000       # routes told in one run of the growth table


class FleetWorld(World):
    """The daemon is started by up(), when its peers are calling already."""

    def __init__(self, bench, kind, setting, each):
        peers = len(setting.peers())
        super().__init__(bench, kind, Load(setting.family, peers * each, 1, bench.options.seed), sinks=peers - 1)
        self._fleet, self._each = setting, each

    def _open(self):
        self._lay_cable(self._fleet)
        self.daemon = daemons.ALL[self.kind](self.speaker_host, self._bench.binary, self._fleet)
        self.tester = Tester(self.kind, self._bench.tester, self.tester_host, part="mesh", family=self._fleet.family,
                             seed=self.load.seed, base=BASE[self._fleet.family], speaker=self._fleet.own(), speaker_asn=ASN,
                             first_asn=daemons.FIRST_ASN, peers=len(self._fleet.peers()), each=self._each,
                             reflect=int(self._fleet.reflect), paths=self._fleet.paths)
        self._stack.callback(self.tester.close)

    def up(self):
        """From a daemon that does not run to peers that have everything; the daemon's own start is part of it."""
        patience = 60 + len(self._fleet.peers()) / 5
        self.tester.ask("up", patience)
        self.daemon.start()
        return self._done("up", patience)

    def roll(self, window):
        """A rolling restart."""
        before, patience = self.cpu(), 60 + len(self._fleet.peers())
        self.tester.ask("roll", window, patience)
        return self._done("roll", patience, before)

    def _done(self, verb, patience, before=0.0):
        answer = self.tester.answer(patience + 60)
        if not answer["done"] or answer.get("foreign"):
            raise SystemExit(f"{self.kind}: {verb} was not done within {patience:.0f} s: {answer}")
        return {**answer, "daemon_cpu": self.cpu() - before, "peak": self.peak()}


def scale(bench):
    """(i) A fleet: cold start and rolling restart, by configuration and by range; a route reflector; how cost grows."""
    quick = bench.options.quick
    peers = 4 if quick else PEERS
    _start_and_roll(bench, peers)
    _reflect(bench, peers)
    _grow(bench, [2, 4] if quick else [10, 100, 1000], [40, 80] if quick else [1000, 10_000, 100_000, 1_000_000])


def _contenders(bench):
    """(name, kind, more settings): ours knows its peers by name, and by their range."""
    return [(kind, kind, {}) for kind in bench.options.speakers] + [("by range", OURS, {"dynamic": True})] * (OURS in bench.options.speakers)


def _start_and_roll(bench, peers):
    heading(f"{peers:,} peers with {EACH} prefixes each: IPv4; no FIB; from the daemon's start on")
    of = {name: (kind, more) for name, kind, more in _contenders(bench)}
    start, roll = Rounds("cold start", list(of)), Rounds("rolling restart", list(of))
    established = {name: [] for name in of}
    for _, name in bench.interleaved(list(of)):
        kind, more = of[name]
        with FleetWorld(bench, kind, daemons.Fleet(4, peers, **more), EACH) as world:
            start.add(name, world.up())
            established[name].append(start.answers[name][-1]["established"])
            roll.add(name, world.roll(max(peers // (PEERS // WINDOW), 1)))
    start.print(OURS)
    report.table(["Established s"], [(name, [report.median(seconds)]) for name, seconds in established.items()])
    roll.print(OURS)


def _reflect(bench, peers):
    heading(f"a route reflector of {peers:,} clients, {EACH} prefixes each, every prefix from two of them; ADD-PATH; IPv4; no FIB")
    kinds = [kind for kind in bench.options.speakers if daemons.ALL[kind] is not daemons.Openbgpd]
    start = Rounds("reflect", kinds)
    for _, kind in bench.interleaved(kinds):
        with FleetWorld(bench, kind, daemons.Fleet(4, peers, reflect=True, paths=2), EACH) as world:
            start.add(kind, world.up())
    start.print(OURS)


def _grow(bench, fleets, sizes):
    heading("how cost grows: cold start, IPv4, no FIB; µs of CPU are a route told to a peer, peak is the process")
    if OURS not in bench.options.speakers:
        return
    rows = []
    for peers in fleets:
        for size in sizes:
            if size < peers or size * peers > MOST:
                continue
            with FleetWorld(bench, OURS, daemons.Fleet(4, peers), size // peers) as world:
                answer = world.up()
            told = (peers - 1) * size
            rows.append((f"{peers} x {size // peers}", [answer["seconds"], answer["daemon_cpu"], answer["peak"],
                                                        answer["daemon_cpu"] / told * 1e6]))
    report.table(["s", "CPU s", "peak MB", "CPU us/route"], rows)
