"""How a session comes about: over several hops (eBGP), from a range that we listen on, and by us to a range of theirs."""

import pytest
import router_conf

from test_features import over, start, wait_for_routes
from test_routers import RANGE, RANGE6, logs
from world import matrix, routers
from world.host import Host, cable, wait_until
from world.pair import PEER_LINK
from world.routers import PREFIX, PREFIX6, SELF, SELF6
from world.speaker import ADDRESS, ASN, neighbor

PEER = 65001
OUR_RANGE = "10.9.0.0/24"
FAR, FAR6 = "10.8.1.1", "fd08::1:1"  # a router behind the other end of the cable
MULTIHOP = {
    # Its next hops are looked up in its own tables: it is told the way there, and not to pass that on.
    routers.Bird: {"session": "multihop 2;", "family": 'export where proto = "static1" || proto = "static2";', "more": """
protocol static { ipv4; route 10.9.0.0/16 via 10.8.0.1; }
protocol static { ipv6; route fd09::/64 via fd08::1; }
"""},
    routers.Frr: {"session": f"neighbor {ADDRESS} ebgp-multihop 2"},
    routers.Gobgp: {"more": "\n[neighbors.ebgp-multihop.config]\nenabled = true\nmultihop-ttl = 2\n"},
    routers.Openbgpd: {"session": "multihop 2"},
    routers.Exabgp: {"session": "outgoing-ttl 2;"},
}


@pytest.fixture(name="far")
def fixture_far(pair, tmp_path):
    """A host two hops from the node, which the host between them forwards to. It has the usual address of a router as well."""
    with Host("far", tmp_path) as host:
        cable(pair.outside, "far0", host, PEER_LINK)
        pair.outside.ip("addr add 10.8.0.1/16 dev far0", "addr add fd08::1/64 dev far0")
        host.ip(f"addr add {FAR}/16 dev {PEER_LINK}", f"addr add {FAR6}/64 dev {PEER_LINK}",
                "route add 10.9.0.0/16 via 10.8.0.1")
        host.run("ip", "-6", "route", "add", "fd09::/64", "via", "fd08::1")
        pair.node.ip("route add 10.8.0.0/16 via 10.9.1.1")
        pair.node.run("ip", "-6", "route", "add", "fd08::/64", "via", SELF6)
        yield host


def via(pair, prefix):
    """The gateway of our kernel's route to a prefix."""
    return pair.speaker.wait_in_kernel(prefix, timeout=20)["gateway"]


@matrix.proves(matrix.MULTIHOP)
@over(MULTIHOP, sessions=(False,))
def test_an_ebgp_session_over_two_hops_brings_routes_by_the_hop_between(pair, far, other):
    """The next hops are two hops away: ours through the static route, theirs in their own way."""
    made = other[0](far, PEER, ends=(FAR, ADDRESS), **MULTIHOP[other[0]])
    pair.start(neighbor("router", FAR, PEER, passive=False, holdTime=9, multihop=2, nextHopResolution="recursive"),
               originate={"prefixes": [RANGE, RANGE6]})
    made.start()
    pair.speaker.wait_established("router", 40)
    for prefix in (RANGE, RANGE6):
        wait_until(lambda prefix=prefix: made.has_route(prefix), 30, lambda: far_logs(far))
    assert via(pair, PREFIX) == SELF
    assert via(pair, PREFIX6) == SELF6
    if made.has_fib:
        wait_until(lambda: made.kernel_has(RANGE) and made.kernel_has(RANGE6), 20, "ours in its kernel")


def far_logs(far):
    """What the foreign speaker wrote."""
    return "\n".join(process.log()[-2000:] for process in far.processes)


@matrix.proves(matrix.LISTEN_RANGE)
@over(routers.ALL)
def test_who_calls_from_a_range_becomes_a_neighbour_with_routes(pair, other):
    """We know a range and how it is; they know us and call."""
    kind, is_internal = other
    made = kind(pair.outside, ASN if is_internal else PEER)
    pair.start(dynamicNeighbors=[{"name": "rack", "range": "10.9.1.0/24", "remoteAs": "internal" if is_internal else "external",
                                  "holdTime": 9, "import": ["all"], "export": ["all"]}],
               originate={"prefixes": [RANGE, RANGE6]})
    assert not pair.speaker.get("/v1/neighbors")["neighbors"]
    made.start()
    wait_for_routes(pair, made, name=f"rack-{SELF}")


class RangeBird(routers.Bird):
    """BIRD that waits for whoever is in a range."""

    def start(self):
        conf = self.file("bird.conf", router_conf.bird(
            f"local {SELF} as {self.asn}; neighbor range {OUR_RANGE} as {ASN};", (PREFIX, PREFIX6), router_id=SELF,
            naming='dynamic name "slash32";', more="protocol direct { ipv4; ipv6; }"))
        self.host.spawn("bird", "-f", "-c", conf, "-s", "/run/bird.ctl")


class RangeFrr(routers.Frr):
    """FRR, by a peer group."""

    def start(self):
        conf = self.file("frr/frr.conf", router_conf.frr(
            self.asn, "rack", f"peer-group\n neighbor rack remote-as {ASN}", (PREFIX, PREFIX6), router_id=SELF,
            session=f"neighbor rack advertisement-interval 0\n bgp listen range {OUR_RANGE} peer-group rack"), "frr")
        self.launch(conf, SELF, "rack")


class RangeGobgp(routers.Gobgp):
    """GoBGP, by a peer group."""

    def start(self):
        families = "".join(f'[[peer-groups.afi-safis]]\n[peer-groups.afi-safis.config]\nafi-safi-name = "{name}-unicast"\n'
                           for name in ("ipv4", "ipv6"))
        self.launch(f"""
[global.config]
as = {self.asn}
router-id = "{SELF}"
local-address-list = ["{SELF}"]
[[peer-groups]]
[peer-groups.config]
peer-group-name = "rack"
peer-as = {ASN}
{families}
[[dynamic-neighbors]]
[dynamic-neighbors.config]
prefix = "{OUR_RANGE}"
peer-group = "rack"
""")


LISTENING = {RangeBird: {}, RangeFrr: {}, RangeGobgp: {},
             routers.Openbgpd: {"ends": (SELF, OUR_RANGE), "session": "passive"},
             routers.Exabgp: {"ends": (SELF, OUR_RANGE), "session": "passive; listen 179;"}}


@matrix.proves(matrix.THEIR_RANGE)
@over(LISTENING)
def test_we_call_one_who_knows_our_range_only(pair, other):
    kind, is_internal = other
    made = kind(pair.outside, ASN if is_internal else PEER, **LISTENING[kind])
    pair.start(neighbor("router", SELF, made.asn, passive=False, holdTime=9), originate={"prefixes": [RANGE, RANGE6]})
    made.start()
    wait_for_routes(pair, made)
