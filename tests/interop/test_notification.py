"""NOTIFICATIONs from the peer, and those that administration sends (RFC 4271 6.4 and 6.7, RFC 4486, RFC 9003)."""

import pytest

from bgp import attributes, wire
from world.host import wait_until
from world.pair import PEER_ASN, external, peer_address

NO_RESTART = {"gracefulRestart": {"enabled": False}}
PREFIX = "20.1.0.0/16"


def with_route(pair, number=1):
    """A session with one route in the kernel."""
    peer = pair.peer(number).establish()
    peer.send(attributes.announce([PREFIX], (PEER_ASN,), peer_address(number)))
    pair.speaker.wait_in_kernel(PREFIX)
    return peer


def test_a_cease_from_the_peer_ends_the_session_and_its_routes(pair):
    pair.start(external(1, **NO_RESTART))
    peer = with_route(pair)
    peer.send(wire.notification(wire.CEASE, 2))
    assert peer.end() is None, "a NOTIFICATION is not answered"
    pair.speaker.wait_gone(PREFIX)
    pair.speaker.wait_not_in_kernel(PREFIX)
    assert "6/2" in str(pair.speaker.neighbor("p1")) or "Cease" in str(pair.speaker.neighbor("p1"))


def test_a_lost_connection_without_graceful_restart_takes_the_routes(pair):
    pair.start(external(1, **NO_RESTART))
    peer = with_route(pair)
    peer.abort()
    pair.speaker.wait_not_in_kernel(PREFIX)


@pytest.mark.parametrize("data", [bytes([200]) + b"x" * 200, bytes([255]) + b"y" * 10, bytes([1]), b"\xff" * 4000,
                                  bytes([4]) + b"\xff\xfe\x1b[", b"\0"], ids=len)
def test_a_strange_shutdown_text_never_crashes(pair, data):
    """CVE-2019-16159; RFC 9003 section 4."""
    pair.start(external(1), external(2))
    peer = pair.peer(1).establish()
    peer.send(wire.notification(wire.CEASE, 2, data))
    assert peer.end() is None
    pair.peer(2).establish()


def test_every_code_is_survived(pair):
    count = 8
    pair.start(*(external(number) for number in range(1, count + 1)))
    for number, code in zip(range(1, count + 1), (0, 1, 2, 3, 4, 5, 8, 255)):
        peer = pair.peer(number).establish()
        peer.send(wire.notification(code, 255, b"\0\1"))
        assert peer.end() is None
    assert pair.speaker.get("/v1/status")


def test_a_notification_instead_of_an_open(pair):
    pair.start(external(1))
    peer = pair.peer(1)
    peer.send(wire.notification(2, 2))
    assert peer.end() is None
    assert pair.speaker.get("/v1/status")


def test_shutdown_withdraws_then_says_cease(pair):
    pair.start(external(1), originate={"prefixes": ["10.244.1.0/24"]})
    peer = pair.peer(1).establish()
    peer.pump(lambda: "10.244.1.0/24" in peer.rib)
    assert pair.speaker.shutdown() == 0
    peer.expect_notification(wire.CEASE, 2)
    assert peer.history[-1] == ("-", "10.244.1.0/24")


def test_a_neighbour_taken_away_gets_peer_deconfigured(pair):
    pair.start(external(1), external(2))
    peer = pair.peer(1).establish()
    document = {**pair.speaker.document, "neighbors": [external(2)]}
    pair.speaker.reload(document)
    peer.expect_notification(wire.CEASE, 3)
    wait_until(lambda: pair.speaker.neighbor("p1") is None, 3)


def test_a_neighbour_switched_off_gets_administrative_shutdown(pair):
    pair.start(external(1), external(2))
    peer = pair.peer(1).establish()
    pair.speaker.reload({**pair.speaker.document, "neighbors": [external(1, enabled=False), external(2)]})
    peer.expect_notification(wire.CEASE, 2)


def test_too_many_prefixes_end_the_session(pair):
    """RFC 4486 section 4: Cease/1."""
    pair.start(external(1, maxPrefixes={"in": 2}))
    peer = pair.peer(1).establish()
    peer.send(attributes.announce(["20.1.0.0/16", "20.2.0.0/16", "20.3.0.0/16"], (PEER_ASN,), peer_address(1)))
    peer.expect_notification(wire.CEASE, 1)
