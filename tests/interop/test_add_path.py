"""RFC 7911: several paths to a prefix, both ways; raw, and with the routers that know it.

FRR 8.4 and OpenBGPD 7.7 send several paths only of what they learned from several neighbours: raw peers are those.
"""

import ipaddress
import json
import re
import struct

import pytest

from bgp import attributes as a
from bgp import wire
from bgp.peer import default_capabilities
from world import behind, matrix, routers
from world.host import wait_until
from world.pair import PEER_ASN, external, peer_address, peer_address6
from world.routers import SELF6
from world.speaker import ASN, neighbor

from test_features import over, start
from test_routers import logs

CAP_ADD_PATH = 69
RECEIVE, SEND, BOTH = 1, 2, 3
NET = "20.5.0.0/16"
HOPS = ("10.9.200.1", "10.9.200.2")  # on link, nobody there: next hops need no answer


def add_path(how, families=(wire.IPV4, wire.IPV6)):
    """The capability (RFC 7911 section 4)."""
    return wire.capability(CAP_ADD_PATH, b"".join(struct.pack("!HBB", *family, how) for family in families))


def taking(how):
    """An ordinary peer's capabilities, and this one."""
    return default_capabilities(PEER_ASN) + [add_path(how)]


def nlri(*routes):
    """(path id, prefix) as bytes."""
    return b"".join(struct.pack("!I", path_id) + wire.nlri(prefix) for path_id, prefix in routes)


def announce(routes, hop, path=(PEER_ASN,), extra=b""):
    """An UPDATE for routes with path ids."""
    return wire.update(b"", b"".join(a.base(path, hop).values()) + extra, nlri(*routes))


def parse_nlri(data):
    """{(path id, prefix)} of an IPv4 NLRI field with path ids."""
    found = set()
    while data:
        path_id, length = struct.unpack_from("!IB", data)
        octets = (length + 7) // 8
        found.add((path_id, str(ipaddress.IPv4Network((data[5:5 + octets].ljust(4, b"\0"), length)))))
        data = data[5 + octets:]
    return found


class Hearer:
    """A raw peer that takes several IPv4 paths: {(path id, prefix): AS path bytes}."""

    def __init__(self, peer):
        self.peer = peer
        self.paths = {}
        self.end_of_rib = False

    def take(self, condition, timeout=5):
        """Reads messages until a condition holds."""
        while not condition():
            kind, body = self.peer.receive(timeout)
            assert kind in (wire.UPDATE, wire.KEEPALIVE), (kind, body)
            if kind == wire.UPDATE:
                self._note(body)

    def _note(self, body):
        if body == b"\0\0\0\0":
            self.end_of_rib = True
            return
        size, = struct.unpack_from("!H", body)
        for one in parse_nlri(body[2:2 + size]):
            assert self.paths.pop(one, None) is not None, f"{one} was never told"
        length, = struct.unpack_from("!H", body, 2 + size)
        found = wire.parse_attributes(body[4 + size:4 + size + length])
        for one in parse_nlri(body[4 + size + length:]):
            self.paths[one] = found[a.AS_PATH][1]

    def ids(self, prefix):
        """The path ids under which it has a prefix."""
        return {path_id for path_id, net in self.paths if net == prefix}


def gateways(route):
    """The gateways of a kernel route."""
    return {hop["gateway"] for hop in route.get("nexthops", [route]) if "gateway" in hop}


def pathids(pair, prefix):
    """The peers' path ids that the speaker shows."""
    return {path.get("pathId") for path in pair.speaker.paths(prefix)}


# ---------------------------------------------------------------- raw

def test_both_directions_are_offered_as_configured(pair):
    pair.start(external(1, addPath={"receive": True}), external(2, addPath={"send": 4}),
               external(3, addPath={"receive": True, "send": "all"}), external(4))
    for number, how in ((1, RECEIVE), (2, SEND), (3, BOTH), (4, None)):
        peer = pair.peer(number).establish()
        value = peer.open.capability(CAP_ADD_PATH)
        assert value == (None if how is None else struct.pack("!HBBHBB", 1, 1, how, 2, 1, how))
        pair.speaker.wait_established(f"p{number}")


def test_paths_of_one_peer_are_ecmp_and_go_one_by_one(pair):
    pair.start(external(1, addPath={"receive": True}))
    peer = pair.peer(1).establish(capabilities=taking(SEND))
    peer.send(announce([(1, NET)], HOPS[0]), announce([(2, NET)], HOPS[1]))
    wait_until(lambda: gateways(pair.speaker.in_kernel(NET) or {}) == set(HOPS), 5, "both next hops")
    assert pathids(pair, NET) == {1, 2}
    peer.send(wire.update(nlri((9, NET))), wire.update(nlri((1, NET))))
    wait_until(lambda: gateways(pair.speaker.in_kernel(NET) or {}) == {HOPS[1]}, 5, "the second one only")
    peer.send(announce([(2, NET)], HOPS[1], extra=a.attribute(a.MED, b"\0")))
    pair.speaker.wait_gone(NET)
    assert pair.speaker.state("p1") == "Established", "RFC 7606: treat-as-withdraw, of this path"


def test_what_was_not_negotiated_has_no_path_ids(pair):
    """We receive, but the peer does not say that it sends: its routes are the old form."""
    pair.start(external(1, addPath={"receive": True, "send": "all"}))
    peer = pair.peer(1).establish(capabilities=taking(RECEIVE))
    peer.send(a.announce([NET], (PEER_ASN,), HOPS[0]))
    pair.speaker.wait_in_kernel(NET)
    capabilities = pair.speaker.neighbor("p1")["capabilities"]
    assert capabilities["addPathReceive"] == [] and capabilities["addPathSend"] == ["ipv4", "ipv6"]


def test_every_path_is_sent_under_an_id_that_stays(pair):
    pair.start(external(1), external(2), external(3), external(4, addPath={"send": "all"}))
    sayers = [pair.peer(number).establish() for number in (1, 2, 3)]
    for number, peer in enumerate(sayers, 1):
        peer.send(a.announce([NET], (PEER_ASN, 65100 + number), peer_address(number)))
    hearer = Hearer(pair.peer(4).establish(capabilities=taking(RECEIVE)))
    hearer.take(lambda: len(hearer.ids(NET)) == 3 and hearer.end_of_rib)
    before = dict(hearer.paths)
    sayers[0].send(a.withdraw(NET))
    hearer.take(lambda: len(hearer.ids(NET)) == 2)
    for one, path in hearer.paths.items():
        assert before[one] == path, "a path that stays keeps its id"
    sayers[0].send(a.announce([NET], (PEER_ASN, 65109), peer_address(1)))
    hearer.take(lambda: len(hearer.ids(NET)) == 3)
    assert pair.speaker.neighbor("p4")["families"]["ipv4"]["advertised"] == 3
    hearer.paths.clear()
    hearer.peer.send(wire.message(wire.ROUTE_REFRESH, b"\0\1\0\1"))
    hearer.take(lambda: len(hearer.ids(NET)) == 3)


def test_a_number_sends_the_best_ones(pair):
    pair.start(external(1), external(2), external(3), external(4, addPath={"send": 2}))
    for number in (1, 2, 3):
        pair.peer(number).establish().send(
            a.announce([NET], (PEER_ASN,) + (65100,) * number, peer_address(number)))
    wait_until(lambda: len(pair.speaker.paths(NET)) == 3, 5, "all three")
    hearer = Hearer(pair.peer(4).establish(capabilities=taking(RECEIVE)))
    hearer.take(lambda: hearer.end_of_rib)
    lengths = sorted(len(path) for path in hearer.paths.values())
    assert lengths == [2 + 4 * 3, 2 + 4 * 4], "own AS, theirs, and one or two more"


# ---------------------------------------------------------------- other people's

NETS = {4: NET, 6: "2a00:5::/48"}
WAYS = {4: HOPS, 6: ("fd09::200:1", "fd09::200:2")}


def bird_sends(family):
    """Two static routes, each with its next hop."""
    statics = "".join(f"protocol static {{ ipv{family}; route {NETS[family]} via {hop}; }}\n" for hop in WAYS[family])
    return {"family": "next hop keep; add paths tx;", "more": statics}


def exabgp_sends(family):
    """Two routes with path identifiers of their own."""
    routes = "".join(f"route {NETS[family]} next-hop {hop} path-information 0.0.0.{number};"
                     for number, hop in enumerate(WAYS[family], 1))
    return {"session": f"capability {{ add-path send; }} static {{ {routes} }}"}


GOBGP = {"family": "[neighbors.afi-safis.add-paths.config]\nreceive = true\nsend-max = 8"}
SENDING = {routers.Bird: bird_sends, routers.Gobgp: lambda family: GOBGP, routers.Exabgp: exabgp_sends}
OTHERS = (64902, 64902)  # the AS of the raw peers behind a router: of two, the paths would not share a route
PASSING_ON = {routers.Frr: behind.frr("addpath-tx-all-paths\n  neighbor 10.9.0.1 attribute-unchanged next-hop", "", OTHERS),
              routers.Openbgpd: behind.openbgpd("announce add-path send all", "", OTHERS)}
TAKING = {routers.Bird: {"family": "next hop self; add paths rx;"}, routers.Frr: {}, routers.Gobgp: GOBGP,
          routers.Openbgpd: {"session": "announce add-path recv yes"},
          routers.Exabgp: {"session": "capability { add-path receive; }"}}


FAMILIES = pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])


@matrix.proves(matrix.ADD_PATH_FROM)
@over(SENDING)
@FAMILIES
def test_a_router_sends_two_paths(pair, other, family):
    net, ways = NETS[family], WAYS[family]
    router = start(pair, other, {other[0]: SENDING[other[0]](family)}, addPath={"receive": True})
    pair.speaker.wait_established("router", 40)
    for path_id, hop in enumerate(ways, 1):
        if other[0] is routers.Gobgp:
            wait_until(lambda h=hop, i=path_id: router.gobgp("global", "rib", "add", "-a", f"ipv{family}", net, "identifier",
                                                             str(i), "nexthop", h).returncode == 0, 20, "gobgp takes a route")
    wait_until(lambda: gateways(pair.speaker.in_kernel(net) or {}) == set(ways), 30,
               lambda: f"{pair.speaker.paths(net)} {pair.outside.processes[-1].log()[-1500:]}")
    assert len(pathids(pair, net)) == 2
    if other[0] is routers.Exabgp:
        assert pathids(pair, net) == {1, 2}


@matrix.proves(matrix.ADD_PATH_FROM)
@over(PASSING_ON)
def test_a_router_passes_on_the_paths_of_two_neighbours(pair, other, raw_behind):
    """They share our routes in the kernel; one that it no longer has goes alone. OpenBGPD 7.7 says its own address for the
    next hop of IPv6 routes over eBGP, also where it is told not to."""
    start(pair, other, PASSING_ON, addPath={"receive": True})
    pair.speaker.wait_established("router", 40)
    raws = [raw_behind(asn) for asn in OTHERS]
    for number, (asn, raw) in enumerate(zip(OTHERS, raws)):
        raw.send(a.announce([NETS[4]], (asn,), WAYS[4][number]), a.announce6([NETS[6]], (asn,), WAYS[6][number]))
    ways = {NETS[4]: WAYS[4], NETS[6]: (SELF6,) * 2 if other == (routers.Openbgpd, False) else WAYS[6]}

    def stand(numbers):
        return all(len(pathids(pair, net)) == len(numbers) and
                   gateways(pair.speaker.in_kernel(net) or {}) == {hops[number] for number in numbers}
                   for net, hops in ways.items())

    wait_until(lambda: stand((0, 1)), 30, lambda: f"{[pair.speaker.paths(net) for net in ways]} {logs(pair)}")
    raws[0].send(a.withdraw(NETS[4]), a.withdraw6(NETS[6]))
    wait_until(lambda: stand((1,)), 30, lambda: str([pair.speaker.paths(net) for net in ways]))


def paths_at(router, family):
    """How many paths to the prefix the router has taken."""
    net = NETS[family]
    if isinstance(router, routers.Bird):
        return router.birdc("show", "route", net, "all").count("BGP.as_path")
    if isinstance(router, routers.Frr):
        return len(json.loads(router.vtysh(f"show bgp ipv{family} unicast {net} json") or "{}").get("paths", []))
    if isinstance(router, routers.Gobgp):
        return len(json.loads(router.gobgp("global", "rib", "-a", f"ipv{family}", "-j").stdout or "{}").get(net, []))
    if isinstance(router, routers.Exabgp):  # it keeps no table: what it heard of
        heard = router.host.run("cat", "/run/exabgp/heard").stdout
        return len(set(re.findall(rf'{{ "nlri": "{net}", "path-information": "([^"]+)" }}', heard)))
    return len(json.loads(router.bgpctl("-j", "show", "rib", net) or "{}").get("rib", []))


@pytest.fixture
def sayers(pair):
    """Raw peers 2 and 3 speak for ASes of their own, whose routes a router of AS PEER_ASN can take."""
    made = pair.peer
    pair.peer = lambda number, *rest, **options: made(number, 64900 + number, *rest, **options)
    return pair


@matrix.proves(matrix.ADD_PATH_TO)
@over(TAKING)
@FAMILIES
def test_a_router_takes_two_paths(sayers, other, family):
    """Two other neighbours say a route each; the router is told of both."""
    net = NETS[family]
    others = [neighbor(f"p{number}", peer_address(number), 64900 + number) for number in (2, 3)]
    router = start(sayers, other, TAKING, more=others, nextHop="self", addPath={"send": "all"})
    for number in (2, 3):  # on the router's own host: their addresses are no next hops for it
        # Not by way of the router's own AS: that would be a loop there.
        say, hop = (a.announce, peer_address(number)) if family == 4 else (a.announce6, peer_address6(number))
        sayers.peer(number).establish().send(say([net], (64900 + number, 65100), hop))
    wait_until(lambda: len(sayers.speaker.paths(net)) == 2, 5, "both paths")
    sayers.speaker.wait_established("router", 40)
    wait_until(lambda: paths_at(router, family) == 2, 20, lambda: sayers.outside.processes[-1].log()[-1500:])


def test_ibgp_reflects_every_path_to_a_client(pair):
    """What a reflector is for: both paths, with their originators, and none to whom it came from."""
    pair.start(*[neighbor(f"p{number}", peer_address(number), ASN, routeReflectorClient=True,
                          addPath={"send": "all", "receive": True}) for number in (1, 2, 3)])
    for number in (1, 2):
        peer = pair.peer(number, ASN).establish()
        peer.send(a.announce([NET], (65001,), peer_address(number), internal=True))
    wait_until(lambda: len(pair.speaker.paths(NET)) == 2, 5, "both paths")
    capabilities = default_capabilities(ASN) + [add_path(RECEIVE)]
    hearer = Hearer(pair.peer(3, ASN).establish(capabilities=capabilities))
    hearer.take(lambda: len(hearer.ids(NET)) == 2 and hearer.end_of_rib)
