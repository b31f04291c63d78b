"""Next hops whose neighbour entry (ARP, ND) fails, in silence: kernel.nextHopNeighbors.

The sessions have nothing to do with the next hops, so that neither hold time nor BFD can tell of them: peers announce
addresses beside their own, and those stop answering.
"""

import contextlib
import json

import pytest

from bgp import attributes as a
from bgp import wire
from world.host import wait_until
from world.pair import NODE_LINK, PEER_ASN, PEER_LINK, external

ROUTES = {4: ("20.1.0.0/16", "20.1.0.9"), 6: ("2a00:1::/48", "2a00:1::9")}
HOPS = {4: ("10.9.7.1", "10.9.7.2"), 6: ("fd09::7:1", "fd09::7:2")}
SOLE = {4: ("20.2.0.0/16", "20.2.0.9"), 6: ("2a00:2::/48", "2a00:2::9")}
BITS = {4: 16, 6: 64}
# The kernel's patience, shortened: an unanswered question is a failure after half a second, a known address is doubted
# after about one.
QUICK = {"retrans_time_ms": 100, "base_reachable_time_ms": 1000, "delay_first_probe_time": 1, "ucast_solicit": 3,
         "mcast_solicit": 3}
CAPABILITIES = [wire.multiprotocol(wire.IPV4), wire.multiprotocol(wire.IPV6), wire.as4(PEER_ASN),
                wire.graceful_restart(20, (wire.IPV4, wire.IPV6), forwarding=True)]
PATIENCE = 15  # seconds, on a machine that does other things as well


class World:
    """Two paths to one prefix, by next hops that are nobody's session, and one to another."""

    def __init__(self, pair, family, **kernel):
        self.pair, self.family = pair, family
        self.prefix, self.target = ROUTES[family]
        self.first, self.second = HOPS[family]
        kind = "ipv4" if family == 4 else "ipv6"
        pair.node.sysctl({f"net.{kind}.neigh.{NODE_LINK}.{key}": value for key, value in QUICK.items()})
        for hop in HOPS[family]:
            self.answer(hop)
        pair.start(external(1, holdTime=90), external(2, holdTime=90), kernel=kernel)
        self.announce()
        wait_until(lambda: self.gateway() == self.first and len(pair.speaker.paths(self.prefix)) == 2, 5, self.paths)
        wait_until(lambda: pair.speaker.get("/v1/status")["fib"]["installed"] == 2, 5)

    def announce(self):
        """Both peers establish their sessions and say all they have."""
        better, other = (self.pair.peer(number).establish(capabilities=CAPABILITIES) for number in (1, 2))
        say = a.announce if self.family == 4 else a.announce6
        better.send(say([self.prefix, SOLE[self.family][0]], (PEER_ASN,), self.first))
        other.send(say([self.prefix], (PEER_ASN, 65010), self.second))
        for peer in (better, other):
            peer.send_end_of_rib()

    def answer(self, hop, on=True):
        """Whether somebody has the address of a next hop."""
        words = f"addr {'add' if on else 'del'} {hop}/{BITS[self.family]} dev {PEER_LINK}"
        self.pair.outside.ip(words + (" nodad" if on and self.family == 6 else ""))

    def gateway(self, target=None):
        """Where the kernel sends what goes there; a route by next-hop objects has no gateway of its own."""
        way = self.pair.node.run("ip", f"-{self.family}", "-json", "route", "get", target or self.target, check=False)
        return json.loads(way.stdout)[0].get("gateway") if way.returncode == 0 else None

    def paths(self):
        """The two paths, by next hop."""
        return {path["nextHop"]: path for path in self.pair.speaker.paths(self.prefix)}

    def entry(self, hop):
        """The states of a next hop's entry in the kernel's table."""
        shown = self.pair.node.run("ip", f"-{self.family}", "-json", "neigh", "show", "to", hop, "dev", NODE_LINK).stdout
        return [state for one in json.loads(shown or "[]") for state in one["state"]]

    @contextlib.contextmanager
    def traffic(self):
        """Packets to the prefix; nobody need answer them."""
        ping = self.pair.node.spawn("ping", f"-{self.family}", "-i", "0.1", "-W", "1", self.target)
        try:
            wait_until(lambda: "REACHABLE" in self.entry(self.gateway()), 5, "the next hop's answer")
            yield
        finally:
            ping.kill()

    def conditions(self):
        """What the status says of silent next hops."""
        return [one for one in self.pair.speaker.get("/v1/status")["conditions"] if "answers no ARP or ND" in one]


@pytest.fixture(params=[4, 6], ids=["ipv4", "ipv6"])
def family(request):
    """Of next hops and routes."""
    return request.param


@pytest.mark.parametrize("objects", ["off", "auto"])
def test_what_goes_by_a_gateway_that_answers_no_more_takes_another_path_and_returns(pair, family, objects):
    world = World(pair, family, nextHopObjects=objects)
    first, second = world.first, world.second
    with world.traffic():
        world.answer(first, on=False)
        wait_until(lambda: world.gateway() == second, PATIENCE, lambda: (world.entry(first), world.paths()))
        path = world.paths()[first]
        assert (path["silent"], path["decision"], path["why"]) == (True, "nextHop", "its next hop answers no ARP or ND")
        assert world.gateway(SOLE[family][1]) == first, "there is no other path"
        assert [first in one and NODE_LINK in one for one in world.conditions()] == [True]
        # Nobody sends there any more; all the same it is found when it is back.
        world.answer(first)
        wait_until(lambda: world.gateway() == first, PATIENCE, lambda: (world.entry(first), world.paths()))
    assert not world.conditions()
    assert all(pair.speaker.neighbor(name)["flaps"] == 0 for name in ("p1", "p2"))


def test_a_restart_does_not_send_anything_to_a_gateway_that_was_silent_before(pair, family):
    world = World(pair, family)
    with world.traffic():
        world.answer(world.first, on=False)
        wait_until(lambda: world.gateway() == world.second, PATIENCE, world.paths)
    assert pair.speaker.terminate() == 0
    wait_until(lambda: world.entry(world.first) == ["FAILED"], PATIENCE, lambda: world.entry(world.first))
    pair.speaker.start()
    world.announce()
    wait_until(lambda: "selecting learned routes" in pair.speaker.process.log(), 10, pair.speaker.process.log)
    wait_until(lambda: world.paths()[world.first].get("silent") and world.conditions(), 5, world.paths)
    wait_until(lambda: pair.speaker.get("/v1/status")["fib"]["installed"] == 2, 5)
    assert world.gateway() == world.second
    assert "used last" in pair.speaker.process.log() and "before the restart" in pair.speaker.process.log()
    world.answer(world.first)
    wait_until(lambda: world.gateway() == world.first and not world.conditions(), PATIENCE, world.paths)


def test_an_entry_that_is_removed_by_hand_moves_nothing(pair, family):
    world = World(pair, family)
    with world.traffic():
        for _ in range(5):
            pair.node.run("ip", f"-{family}", "neigh", "flush", "to", world.first, "dev", NODE_LINK)
            wait_until(lambda: "REACHABLE" in world.entry(world.first), 5, lambda: world.entry(world.first))
    assert "a next hop" not in pair.speaker.process.log()


def test_where_neighbour_entries_are_not_heeded_nothing_moves_and_it_can_be_turned_on_and_off(pair, family):
    world = World(pair, family, nextHopNeighbors="off")
    with world.traffic():
        world.answer(world.first, on=False)
        wait_until(lambda: not {"REACHABLE", "STALE", "DELAY", "PROBE"} & set(world.entry(world.first)), PATIENCE)
        assert world.gateway() == world.first
        on, off = ({**pair.speaker.document, "kernel": {"nextHopNeighbors": one}} for one in ("auto", "off"))
        pair.speaker.reload(on)
        wait_until(lambda: world.gateway() == world.second, PATIENCE, world.paths)
        pair.speaker.reload(off)
        wait_until(lambda: world.gateway() == world.first and not world.conditions(), 5, world.paths)
