"""GTSM (RFC 5082) from its other side: a peer whose packets have come too far is not let in, and one nearer is."""

import socket

import pytest

from bgp import wire
from test_features import too_far
from world.host import wait_until
from world.pair import PEER_ASN, peer_address, peer_address6
from world.speaker import neighbor

IPV6_UNICAST_HOPS = 16  # linux/in6.h; Python has the name only on some builds


def send_with(peer, ttl, ipv6):
    """From now on the peer's packets go out with this TTL, or hop limit."""
    place = (socket.IPPROTO_IPV6, IPV6_UNICAST_HOPS) if ipv6 else (socket.IPPROTO_IP, socket.IP_TTL)
    peer.connection.setsockopt(*place, ttl)


@pytest.mark.parametrize("hops", [1, 3])
@pytest.mark.parametrize("ipv6", [False, True], ids=["ipv4", "ipv6"])
def test_a_caller_from_too_far_is_not_heard_and_one_from_near_enough_is(pair, ipv6, hops):
    """RFC 5082 section 3: `hops` away no less than 256 - hops is left. The same connection, first one too few."""
    address = peer_address6(1) if ipv6 else peer_address(1)
    pair.start(neighbor("p1", address, PEER_ASN, ttlSecurity=hops))
    peer = pair.peer(1, ipv6=ipv6)
    wait_until(lambda: pair.speaker.state("p1") == "OpenSent", 5, "the accepted connection")
    before = too_far(pair.node)
    send_with(peer, 255 - hops, ipv6)
    peer.send_open()
    wait_until(lambda: too_far(pair.node) > before, 5, "a dropped segment")
    assert pair.speaker.state("p1") == "OpenSent"
    send_with(peer, 256 - hops, ipv6)  # what was dropped is sent again by TCP
    peer.expect(wire.OPEN)
    peer.send_keepalive()
    pair.speaker.wait_established("p1")
