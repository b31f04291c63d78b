"""Scale: many peers of one speaker, each with prefixes of its own and to be told everybody else's."""

from bgpbench import daemons, report
from bgpbench.report import Rounds, heading
from bgpbench.tester import Tester
from bgpbench.world import BASE, Load, World
from world.speaker import ASN

OURS = "slash32"
PEERS, EACH = 1000, 10  # the fleet of the bars
WINDOW = 10             # so many at a time in a rolling restart
COLD, PEAK = 10, 64     # bars: seconds from the daemon's start until all have everything, and MB
LINEAR = 1.5            # bar: ten times the routes told cost no more than this times ten in CPU
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
    _judge(bench, start, roll)
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
    _judge(bench, start)


def _judge(bench, start, roll=None):
    """The slowest and the largest of ours' rounds."""
    for name in {OURS, "by range"} & set(start.answers):
        seconds = max(answer["seconds"] for answer in start.answers[name])
        peak = max(answer["peak"] for rounds in (start, roll) if rounds for answer in rounds.answers[name])
        bench.judge(f"{name}, {start.step}: {seconds:.1f} s (at most {COLD})", seconds <= COLD)
        bench.judge(f"{name}, {start.step}{' and rolling restart' if roll else ''}: {peak:.0f} MB (below {PEAK})", peak < PEAK)


def _grow(bench, fleets, sizes):
    heading("how cost grows: cold start, IPv4, no FIB; µs of CPU are a route told to a peer, peak is the process")
    if OURS not in bench.options.speakers:
        return
    found = {}  # by peers and prefixes of each
    for peers in fleets:
        for size in sizes:
            if size < peers or size * peers > MOST:
                continue
            with FleetWorld(bench, OURS, daemons.Fleet(4, peers), size // peers) as world:
                answer = world.up()
            found[peers, size // peers] = answer
    report.table(["s", "CPU s", "peak MB", "CPU us/route"],
                 [(f"{peers} x {each}", [answer["seconds"], answer["daemon_cpu"], answer["peak"],
                                         answer["daemon_cpu"] / ((peers - 1) * peers * each) * 1e6])
                  for (peers, each), answer in found.items()])
    _print_slopes(found)
    if not bench.options.quick:  # a handful of routes cost less than the start
        _judge_growth(bench, found)


def _print_slopes(found):
    """What one more costs in memory: between the runs with the fewest and the most of it, the other being the same."""
    for name, same, count in (("a peer", lambda key: key[0] * key[1], lambda key: key[0]),
                              ("a prefix", lambda key: key[0], lambda key: key[0] * key[1])):
        for value in sorted({same(key) for key in found}):
            keys = sorted((key for key in found if same(key) == value), key=count)
            if len(keys) < 2:
                continue
            more = found[keys[-1]]["peak"] - found[keys[0]]["peak"]
            print(f"{name}: {more * 2**20 / (count(keys[-1]) - count(keys[0])):,.0f} octets, from "
                  f"{keys[0][0]} x {keys[0][1]} to {keys[-1][0]} x {keys[-1][1]}")


def _judge_growth(bench, found):
    """Ten times the prefixes for the same peers, or ten times the peers with the same prefixes in all: both are ten times the
    routes told. Not where peers have fewer than ten: sessions cost more than routes there."""
    for (peers, each), few in found.items():
        for more in ((peers, each * 10), (peers * 10, each // 10)):
            if more in found and each >= 10 and more[1] >= 10:
                ratio = found[more]["daemon_cpu"] / few["daemon_cpu"]
                bench.judge(f"CPU of {more[0]} x {more[1]} / {peers} x {each}: {ratio:.1f} (at most {10 * LINEAR:.0f})",
                            ratio <= 10 * LINEAR)
