"""ECMP: which paths share a kernel route, and kernel.multipathRelax, live."""

from bgp import attributes as a
from world.host import wait_until
from world.pair import PEER_ASN, external, peer_address

PREFIX = "20.1.0.0/16"


def gateways(pair):
    """The next hops of the kernel's route."""
    route = pair.speaker.in_kernel(PREFIX) or {}
    hops = route.get("nexthops") or [route]
    return sorted(hop["gateway"] for hop in hops if "gateway" in hop)


def test_paths_of_one_length_share_until_equal_ones_are_asked_for(pair):
    pair.start(external(1), external(2, remoteAs=65002), external(3))
    peers = [pair.peer(number, asn).establish() for number, asn in ((1, PEER_ASN), (2, 65002), (3, PEER_ASN))]
    for number, peer in enumerate(peers, 1):
        peer.send(a.announce([PREFIX], (peer.asn, 65010), peer_address(number)))
    wait_until(lambda: gateways(pair) == [peer_address(n) for n in (1, 2, 3)], 5, lambda: gateways(pair))
    kernel = {"install": True}
    pair.speaker.reload({**pair.speaker.document, "kernel": {**kernel, "multipathRelax": False}})
    wait_until(lambda: gateways(pair) == [peer_address(n) for n in (1, 3)], 5, lambda: gateways(pair))
    pair.speaker.reload({**pair.speaker.document, "kernel": kernel})
    wait_until(lambda: gateways(pair) == [peer_address(n) for n in (1, 2, 3)], 5, lambda: gateways(pair))
    assert all(pair.speaker.neighbor(f"p{n}")["flaps"] == 0 for n in (1, 2, 3)), "live"
