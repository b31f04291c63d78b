"""Route reflection (RFC 4456) with other people's speakers: as our clients, and as reflectors of ours.

A raw peer is the other client of whoever reflects. What it says has a next hop that is neither end's, and stays so.
"""

import ipaddress

from bgp import attributes as a
from test_features import over, start
from test_routers import logs
from world import behind, matrix, routers
from world.host import wait_until
from world.pair import internal
from world.routers import PREFIX, PREFIX6, SELF
from world.shown import shown
from world.speaker import ASN, ROUTER_ID

FAR, FAR6 = "20.7.0.0/16", "2a00:7::/48"
LATER, LATER6 = "10.244.2.0/24", "fd00:10:244:2::/64"
HOP, HOP6 = "10.9.7.7", "fd09::7:7"
RAW_ID = behind.IDS[0]
OUR_CLUSTER, THEIR_CLUSTER = "10.77.0.1", "10.78.0.1"


def octets(*identifiers):
    """Identifiers as they stand in ORIGINATOR_ID and CLUSTER_LIST."""
    return b"".join(ipaddress.IPv4Address(one).packed for one in identifiers)


def announce_far(raw):
    """The raw peer's routes."""
    raw.send(a.announce([FAR], (), HOP, internal=True), a.announce6([FAR6], (), HOP6, internal=True))


def assert_reflected(raw, prefix, originator, cluster):
    """How the raw peer got a prefix of the other client."""
    got = raw.rib[prefix].attributes
    assert (got[a.ORIGINATOR_ID], got[a.CLUSTER_LIST]) == ((a.OPTIONAL, octets(originator)), (a.OPTIONAL, octets(cluster)))


@matrix.proves(matrix.REFLECTED)
@over(routers.ALL, sessions=(True,))
def test_as_our_client_it_hears_another_client_and_is_heard_by_it(pair, other):
    made = start(pair, other, {}, clusterId=OUR_CLUSTER, more=(internal(2, routeReflectorClient=True),),
                 routeReflectorClient=True)
    raw = pair.peer(2, ASN, RAW_ID).establish()
    announce_far(raw)
    pair.speaker.wait_established("router", 40)
    for prefix, hop in ((FAR, HOP), (FAR6, HOP6)):
        wait_until(lambda prefix=prefix: made.has_route(prefix), 30, lambda: logs(pair))
        text = shown(made, prefix)
        assert all(fact in text for fact in (RAW_ID, OUR_CLUSTER, hop)), text
        if made.has_fib:
            wait_until(lambda prefix=prefix: made.kernel_has(prefix), 20, f"{prefix} in its kernel")
        assert pair.speaker.wait_in_kernel(prefix)["gateway"] == hop
    for prefix in (PREFIX, PREFIX6):
        pair.speaker.wait_in_kernel(prefix, timeout=20)
        raw.pump(lambda prefix=prefix: prefix in raw.rib, 20)
        assert_reflected(raw, prefix, SELF, OUR_CLUSTER)


_BIRD = f"rr client; rr cluster id {THEIR_CLUSTER};"
_GOBGP = f"""
[neighbors.route-reflector.config]
route-reflector-client = true
route-reflector-cluster-id = "{THEIR_CLUSTER}"
"""
_OPENBGPD = f"route-reflector {THEIR_CLUSTER}"
REFLECTORS = {
    routers.Bird: behind.bird(_BIRD, _BIRD, [ASN], ASN),
    routers.Frr: behind.frr("route-reflector-client", "route-reflector-client", [ASN], f"bgp cluster-id {THEIR_CLUSTER}"),
    routers.Gobgp: behind.gobgp(_GOBGP, _GOBGP, [ASN]),
    routers.Openbgpd: behind.openbgpd(_OPENBGPD, _OPENBGPD, [ASN]),
}
SEND_BACK = {routers.Frr}  # who sends a client its own routes as well: ORIGINATOR_ID says whose they are


def others_of(pair, prefix):
    """The paths to a prefix of ours that are not ours."""
    return [path for path in pair.speaker.paths(prefix) if not path["best"]]


@matrix.proves(matrix.REFLECTOR)
@over(REFLECTORS, sessions=(True,))
def test_as_our_reflector_it_passes_on_what_we_and_another_client_say(pair, other, raw_behind):
    made = start(pair, other, REFLECTORS)
    pair.speaker.wait_established("router", 40)
    raw = raw_behind(ASN)
    announce_far(raw)
    for prefix, hop in ((FAR, HOP), (FAR6, HOP6)):
        assert pair.speaker.wait_in_kernel(prefix, timeout=30)["gateway"] == hop
        if made.has_fib:
            wait_until(lambda prefix=prefix: made.kernel_has(prefix), 20, f"{prefix} in its kernel")
    # Not RANGE and RANGE6: OpenBGPD passes on without ORIGINATOR_ID what came while it was beginning.
    pair.speaker.reload({**pair.speaker.document, "originate": {"prefixes": [LATER, LATER6]}})
    for prefix in (LATER, LATER6):
        wait_until(lambda prefix=prefix: made.has_route(prefix), 30, lambda: logs(pair))
        raw.pump(lambda prefix=prefix: prefix in raw.rib, 30)
        assert_reflected(raw, prefix, ROUTER_ID, THEIR_CLUSTER)
    for prefix in (PREFIX, PREFIX6):
        pair.speaker.wait_in_kernel(prefix, timeout=20)
    for prefix in (LATER, LATER6):
        assert pair.speaker.best(prefix)["source"] == "local"
        wait_until(lambda prefix=prefix: len(others_of(pair, prefix)) == (other[0] in SEND_BACK), 10,
                   lambda prefix=prefix: pair.speaker.paths(prefix))
        assert all("ORIGINATOR_ID is our router ID" in path["why"] for path in others_of(pair, prefix)), others_of(pair, prefix)
