"""A next hop dies, and another path is known (kernel.nextHopObjects): every prefix leaves it at once, whatever their number.

BIRD is the better path, by one cable and with BFD; a raw peer is the other, by a second cable. The size of the table and
the modes to compare can be given: SLASH32_DEATH="auto:10000,auto:1000000,off:10000" with `-s` prints the times.
"""

import contextlib
import datetime
import ipaddress
import os
import re
import time

import pytest

from bgp import attributes as a
from bgp.peer import Peer
from world import bfd, matrix
from world.host import cable, wait_until
from world.pair import connect
from world.probe import Probe
from world.speaker import ASN, Speaker, neighbor

RUNS = [run.split(":") for run in os.environ.get("SLASH32_DEATH", "auto:2000").split(",")]
SECOND, FAR_SECOND = "up1", "down1"
CHUNK = 900
# The kernel's patience, shortened: an unanswered question is a failure after half a second.
QUICK = {"retrans_time_ms": 100, "base_reachable_time_ms": 1000, "delay_first_probe_time": 1, "ucast_solicit": 3,
         "mcast_solicit": 3}
# Of a busy machine; a table of any size that is written route by route takes longer sooner or later.
SPREAD, WITHIN = 0.1, 0.5


def network(number):
    """The number-th /24 that BIRD announces."""
    return f"{ipaddress.IPv4Address((30 << 24) + (number << 8))}/24"


class World:
    """slash32-bgpd between two ways to the same table."""

    def __init__(self, stack, directory, bgpd, mode, count):
        self.count, self.mode = count, mode
        self.ours, self.other = bfd.two_hosts(stack, directory)
        cable(self.ours, SECOND, self.other, FAR_SECOND)
        self.ours.ip(f"addr add 192.0.2.1/24 dev {SECOND}")
        self.other.ip(f"addr add 192.0.2.2/24 dev {FAR_SECOND}")
        many = {"in": count + 1000}
        self.speaker = Speaker(self.ours, bgpd, neighbors=[
            neighbor("bird", bfd.THEIRS[4], bfd.ASN, maxPrefixes=many, export=None, bfd={"minTx": 50, "minRx": 50}),
            neighbor("beside", "192.0.2.2", 65002, maxPrefixes=many, export=None)],
            kernel={"maxRoutes": count + 1000, "nextHopObjects": mode})
        self.bird = bfd.BgpBird(self.other, 4, many=count)
        self.speaker.start()
        self.bird.start(f"{bfd.OURS[4]} as {ASN}")
        self.speaker.wait_established("bird", 20)
        assert self.bird.ask("enable", bfd.BIG).returncode == 0
        connection = stack.enter_context(contextlib.closing(connect(self.other, "192.0.2.2", "192.0.2.1")))
        connection.settimeout(120)
        self.beside = Peer(connection, 65002, "192.0.2.2").establish(hold=0)
        for at in range(0, count, CHUNK):
            prefixes = [network(i) for i in range(at, min(at + CHUNK, count))]
            self.beside.send(a.announce(prefixes, (65002, 65010), "192.0.2.2"))
        self.wait_settled(count + 1)
        self.assert_by_groups()
        self.probed = [network(i).replace(".0/24", ".9") for i in (0, count // 2, count - 1)]

    def received(self, name):
        """Routes that a neighbour announced; none while there is no session."""
        return self.speaker.neighbor(name).get("families", {}).get("ipv4", {}).get("received", 0)

    def fib(self):
        """What the status says of the kernel."""
        return self.speaker.get("/v1/status")["fib"]

    def wait_settled(self, count, patience=180):
        """Waits until both have announced all, and the kernel has it."""
        wait_until(lambda: self.received("bird") == count and self.received("beside") == count - 1, patience,
                   lambda: (self.received("bird"), self.received("beside")))
        wait_until(lambda: self.fib()["installed"] == self.fib()["desired"] == count and self.best_by("bird"), patience,
                   self.fib)

    def best_by(self, name):
        """Whether the last prefix's best path is this neighbour's."""
        return self.speaker.best(network(self.count - 1))["neighbor"] == name

    def kernel(self):
        """How the kernel has the table: number of routes by each shape, and the objects."""
        lines = self.ours.run("sh", "-c", "ip -4 route show proto 134 | sed 's/^[0-9./]* //' | sort | uniq -c", timeout=120)
        return lines.stdout, self.ours.run("ip", "nexthop", "show", "proto", "134").stdout

    def assert_by_groups(self):
        """With `auto` every route with a second path refers to a group, else none does: what is measured is what is meant."""
        wanted = self.mode == "auto"
        wait_until(lambda: (self.fib()["nextHopGroups"] > 0) == wanted, 10, self.fib)
        routes, objects = self.kernel()
        by_groups = sum(int(line.split()[0]) for line in routes.splitlines() if " nhid " in f" {line} ")
        assert by_groups == (self.count if wanted else 0), routes  # BIRD's own one has no second path
        assert (" group " in objects) == wanted, objects

    def way(self, address):
        """The link that a packet takes."""
        return self.ours.ip_json("route", "get", address)[0]["dev"]

    def bfd_down_at(self):
        """When the speaker knew, by its log."""
        found = re.findall(r"^(\S+Z).* BFD .*state=\"?[Dd]own", self.speaker.process.log(), re.MULTILINE)
        return found and datetime.datetime.fromisoformat(found[-1].replace("Z", "+00:00")).timestamp()


@pytest.fixture(params=RUNS, ids=lambda run: "-".join(run))
def world(request, bgpd, tmp_path):
    """Settled, with the better path in use."""
    mode, count = request.param
    with contextlib.ExitStack() as stack:
        yield World(stack, tmp_path, bgpd, mode, int(count))


def tell(world, what, since, first):
    """Prints the times, and says how far they are apart."""
    took = [first[address] - since for address in world.probed]
    print(f"\n{what}, {world.mode}, {world.count} routes: first packet on the other path after "
          + ", ".join(f"{one * 1000:.1f}" for one in took) + " ms (first, middle, last prefix)")
    return took


@matrix.proves(matrix.BFD_BGP, router=bfd.Bird)
def test_all_prefixes_take_the_other_path_when_bfd_says_that_the_next_hop_is_dead(world):
    with Probe(world.ours, world.other, FAR_SECOND, world.probed) as probe:
        wait_until(lambda: probe.sent() > 200, 10)
        assert not probe.first()
        world.bird.freeze()
        wait_until(probe.all_came, 60)
        first = probe.first()
    wait_until(world.bfd_down_at, 5)
    took = tell(world, "BFD down", world.bfd_down_at(), first)
    if world.mode == "auto":
        assert max(took) - min(took) < SPREAD and max(took) < WITHIN, took
    wait_until(lambda: world.best_by("beside"), 60)
    count = world.count  # BIRD's own one is gone
    wait_until(lambda: world.fib()["installed"] == world.fib()["desired"] == count, 120, world.fib)
    assert {world.way(one) for one in world.probed} == {SECOND}
    routes, objects = world.kernel()
    assert objects == "" and routes.split()[0] == str(count), (routes, objects)


def neighbor_failed_at(monitor):
    """When the kernel gave its neighbour entry up, by `ip -tshort monitor`."""
    found = re.findall(r"^\[(\S+)\].* FAILED", monitor.log(), re.MULTILINE)
    return found and datetime.datetime.fromisoformat(found[0]).timestamp()


def test_all_prefixes_take_the_other_path_when_the_next_hop_answers_no_arp(world):
    """By kernel.nextHopNeighbors alone: BIRD is alive, and its BFD knows nothing yet when the kernel gives its entry up."""
    world.ours.sysctl({f"net.ipv4.neigh.{bfd.LINK}.{key}": value for key, value in QUICK.items()})
    for words in ("add table arp mute", "add chain arp mute out { type filter hook output priority 0; }",
                  f"add rule arp mute out oifname {bfd.FAR_LINK} arp operation reply drop"):
        world.other.run("nft", words)
    monitor = world.ours.spawn("ip", "-tshort", "monitor", "neigh", "dev", bfd.LINK)
    known = world.ours.ip_json("neigh", "show", "to", bfd.THEIRS[4], "dev", bfd.LINK)[0]["lladdr"]
    world.ours.ip(f"neigh change {bfd.THEIRS[4]} lladdr {known} dev {bfd.LINK} nud stale")  # asked for again with the next packet
    with Probe(world.ours, world.other, FAR_SECOND, world.probed) as probe:
        wait_until(probe.all_came, 60)
        first = probe.first()
    wait_until(lambda: neighbor_failed_at(monitor), 5, monitor.log)
    took = tell(world, "neighbour entry failed", neighbor_failed_at(monitor), first)
    if world.mode == "auto":
        assert max(took) - min(took) < SPREAD and max(took) < WITHIN, took
    assert "answers no ARP or ND" in world.speaker.process.log()


def test_a_second_without_carrier_leaves_everything_as_it_was(world):
    before = world.kernel()
    with Probe(world.ours, world.other, FAR_SECOND, world.probed) as probe:
        wait_until(lambda: probe.sent() > 200, 10)
        since = time.time()
        world.other.ip(f"link set {bfd.FAR_LINK} down")
        down_since = time.monotonic()
        wait_until(probe.all_came, 60)
        first = probe.first()
    took = tell(world, "carrier lost", since, first)
    if world.mode == "auto":
        assert max(took) - min(took) < SPREAD, took
    wait_until(lambda: time.monotonic() - down_since > 1, 2)
    world.other.ip(f"link set {bfd.FAR_LINK} up")
    since = time.monotonic()
    world.wait_settled(world.count + 1)
    wait_until(lambda: {world.way(one) for one in world.probed} == {bfd.LINK}, 20)
    print(f"everything is back {time.monotonic() - since:.1f} s after the link")

    def shapes():
        routes, objects = world.kernel()
        return re.sub(r"nhid \d+", "nhid", routes), len(objects.splitlines())

    wanted = re.sub(r"nhid \d+", "nhid", before[0]), len(before[1].splitlines())
    wait_until(lambda: shapes() == wanted, 30, lambda: (shapes(), wanted))
