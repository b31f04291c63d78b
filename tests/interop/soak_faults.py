"""Faults of all kinds, one after the other by chance, beside a model of what must come of them: the kernel's routes and BIRD's
table. On demand:

    SOAK_MINUTES=10 SOAK_SEED=1 pytest tests/interop/soak_faults.py -s

Neighbours announce and withdraw, go without a word and come back with another table; the daemon is killed, ended and
reloaded; its link loses carrier; routes are deleted behind its back. After every few of these all must be as the
model says, within seconds.
"""

import os
import random
import select
import signal
import time

from bgp import attributes as a
from bgp import wire
from world import routers
from world.host import wait_until
from world.pair import PEER_ASN, PEER_LINK, external, peer_address, peer_address6
from world.speaker import LEARNED, neighbor

from test_routers import RANGE, RANGE6

MINUTES = float(os.environ.get("SOAK_MINUTES", "5"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
PEERS = (2, 3, 4, 5)
BIRDS_ASN = 65009
POOL = [f"20.{high}.{low}.0/24" for high in range(1, 3) for low in range(100)]
POOL6 = [f"2a01:{number:x}::/48" for number in range(1, 101)]
PATIENCE = 30
TOGETHER = 5  # faults before all must be in order again


class Source:
    """A raw peer with a table: prefix to the length of its path. It never waits for anything."""

    def __init__(self, pair, number):
        self.pair, self.number = pair, number
        self.table = {}
        self.raw = None

    def connect(self):
        """A session, with all that it has to say."""
        self.raw = self.pair.peer(self.number).establish(hold=0)
        self.say(list(self.table))
        self.send(wire.END_OF_RIB_IPV4, wire.END_OF_RIB_IPV6)

    def send(self, *messages):
        """Says so, or finds that the session has ended."""
        try:
            if self.raw:
                self.raw.send(*messages)
        except OSError:
            self.raw.close()
            self.raw = None

    def say(self, prefixes):
        """Announces these as the table has them."""
        for length in sorted({self.table[prefix] for prefix in prefixes}):
            path = (PEER_ASN,) + tuple(65100 + self.number for _ in range(length - 1))
            alike = [prefix for prefix in prefixes if self.table[prefix] == length]
            four, six = [p for p in alike if ":" not in p], [p for p in alike if ":" in p]
            if four:
                self.send(a.announce(four, path, peer_address(self.number)))
            if six:
                self.send(a.announce6(six, path, peer_address6(self.number)))

    def change(self, chance):
        """Announces some, and withdraws some."""
        some = chance.sample(POOL + POOL6, chance.randrange(1, 60))
        gone = [prefix for prefix in some if prefix in self.table and chance.random() < 0.5]
        for prefix in gone:
            del self.table[prefix]
        told = [prefix for prefix in some if prefix not in gone]
        self.table.update({prefix: chance.randrange(1, 4) for prefix in told})
        if not self.is_up():
            return
        four, six = [p for p in gone if ":" not in p], [p for p in gone if ":" in p]
        self.send(*([a.withdraw(*four)] if four else []), *([a.withdraw6(*six)] if six else []))
        self.say(told)

    def is_up(self):
        """Whether its connection stands, as far as is known; reads what came."""
        while self.raw and select.select([self.raw.connection], [], [], 0)[0]:
            try:
                if self.raw.connection.recv(1 << 20):
                    continue
            except OSError:
                pass
            self.raw.close()
            self.raw = None
        return self.raw is not None


class Soak:
    """The daemon between its sources and BIRD, and what is to come of it."""

    def __init__(self, pair, chance):
        self.pair, self.chance = pair, chance
        self.sources = [Source(pair, number) for number in PEERS]
        self.multipath = 16
        # Or BIRD may have none when it hears of IPv6 routes, which it takes for withdrawn then and never again looks at.
        pair.outside.run("sysctl", "-qw", f"net.ipv6.conf.{PEER_LINK}.keep_addr_on_down=1")
        # On the sources' own host: their addresses are no next hops for BIRD.
        bird = neighbor("bird", routers.SELF, BIRDS_ASN, passive=False, nextHop="self", holdTime=90)
        pair.start(bird, *[external(number, holdTime=0, gracefulRestart={"enabled": False}) for number in PEERS],
                   originate={"prefixes": [RANGE, RANGE6]})
        self.bird = routers.Bird(pair.outside, BIRDS_ASN)
        self.bird.start()
        self.faults = [(8, self.change), (2, self.lose), (2, self.kill), (2, self.restart), (2, self.flap), (2, self.delete),
                       (2, self.reconfigure), (1, self.disable), (1, self.silence)]

    def one(self):
        """Any fault; its name."""
        fault = self.chance.choices([fault for _, fault in self.faults], [weight for weight, _ in self.faults])[0]
        fault()
        return fault.__name__

    # ------------------------------------------------------------ faults

    def change(self):
        """A neighbour's routes."""
        self.chance.choice(self.sources).change(self.chance)

    def lose(self):
        """A neighbour, without a word."""
        source = self.chance.choice(self.sources)
        if source.is_up():
            source.raw.abort()
            source.raw = None

    def kill(self):
        """The daemon."""
        self.pair.speaker.process.kill()
        self.pair.speaker.start()

    def restart(self):
        """The daemon, as an upgrade does."""
        assert self.pair.speaker.terminate() == 0
        self.pair.speaker.start()

    def flap(self):
        """The carrier of the link to all of them."""
        self.pair.outside.ip(f"link set {PEER_LINK} down")
        time.sleep(self.chance.random() / 2)
        self.pair.outside.ip(f"link set {PEER_LINK} up")

    def delete(self):
        """Some of the routes in the kernel, behind the daemon's back."""
        for prefix in self.chance.sample(POOL, 5):
            self.pair.node.run("ip", "route", "del", prefix, "proto", str(LEARNED), check=False)

    def reconfigure(self):
        """How many next hops a route may have, and the metric."""
        self.multipath = self.chance.choice([1, 2, 16])
        kernel = {"multipath": self.multipath, "metric": self.chance.choice([512, 600])}
        self.pair.speaker.reload({**self.pair.speaker.document, "kernel": kernel})

    def disable(self):
        """A neighbour, by an operator, for a moment."""
        name = f"p{self.chance.choice(PEERS)}"
        for verb in ("disable", "enable"):
            assert self.pair.speaker.request("POST", f"/v1/neighbors/{name}/{verb}")[0] == 200

    def silence(self):
        """The daemon stands still for a moment."""
        self.pair.speaker.process.send(signal.SIGSTOP)
        self.change()
        time.sleep(self.chance.random())
        self.pair.speaker.process.send(signal.SIGCONT)

    # ------------------------------------------------------------ what must be

    def wanted(self):
        """Every prefix with the gateways of its shortest paths."""
        out = {}
        for prefix in POOL + POOL6:
            have = {source.number: source.table[prefix] for source in self.sources if prefix in source.table}
            shortest = min(have.values(), default=None)
            if shortest:
                address = peer_address6 if ":" in prefix else peer_address
                out[prefix] = {address(number) for number, length in have.items() if length == shortest}
        return out

    def kernel(self):
        """Every learned prefix with its gateways."""
        return {route["dst"]: {hop["gateway"] for hop in route.get("nexthops", [route]) if "gateway" in hop}
                for family in (4, 6) for route in self.pair.node.routes(LEARNED, family)}

    def trouble(self):
        """What is not yet as it must be; nothing where all is."""
        for source in self.sources:
            if not source.is_up():
                try:
                    source.connect()
                except (OSError, AssertionError) as error:
                    return f"p{source.number} gets no session: {error}"
        wanted, kernel = self.wanted(), self.kernel()
        for prefix in POOL + POOL6:
            want, have = wanted.get(prefix, set()), kernel.get(prefix, set())
            if not (have <= want and len(have) == min(len(want), self.multipath)):
                return f"{prefix} goes by {sorted(have)}, and should by {sorted(want)}: {self.pair.speaker.paths(prefix)}"
        text = self.bird.birdc("show", "route", "protocol", "slash32")
        told = {word for line in text.splitlines() for word in line.split()[:1] if "/" in word}
        if told != set(wanted) | {RANGE, RANGE6}:
            expected = set(wanted) | {RANGE, RANGE6}
            return (f"BIRD lacks {sorted(expected - told)[:5]} and has {sorted(told - expected)[:5]}: "
                    f"{self.pair.speaker.neighbor('bird').get('families')} {self.bird.birdc('show', 'protocols', 'all', 'slash32')}")
        return None

    def wait_in_order(self, done):
        """Until there is no trouble."""
        assert self.pair.speaker.process.is_running(), self.pair.speaker.process.log()[-3000:]
        try:
            wait_until(lambda: self.trouble() is None, PATIENCE, self.trouble)
        except AssertionError as error:
            raise AssertionError(f"seed {SEED}, after {done[-TOGETHER:]}: {error}\n"
                                 f"{self.pair.speaker.process.log()[-3000:]}") from None


def test_whatever_happens_all_is_in_order_within_seconds(pair):
    chance = random.Random(SEED)
    soak = Soak(pair, chance)
    for source in soak.sources:
        source.connect()
        source.change(chance)
    done, end = [], time.monotonic() + MINUTES * 60
    soak.wait_in_order(done)
    while time.monotonic() < end:
        done += [soak.one() for _ in range(TOGETHER)]
        soak.wait_in_order(done)
    print(f"\n{len(done)} faults, seed {SEED}:", {name: done.count(name) for name in sorted(set(done))})
