"""An operator's orders to one neighbour, with the reason on the wire (RFC 9003)."""

from urllib.parse import quote

import pytest

from bgp import attributes, wire
from world.host import wait_until
from world.pair import PEER_ASN, external, peer_address

PREFIX, RANGE = "20.1.0.0/16", "10.244.1.0/24"
ORIGINATE = {"prefixes": [RANGE]}
TEXT = "maintenance of rack 7 – Jörg"


def order(pair, verb, name="p1", reason=None):
    """The status and the body of an order."""
    query = f"?reason={quote(reason)}" if reason is not None else ""
    status, body = pair.speaker.request("POST", f"/v1/neighbors/{name}/{verb}{query}")
    return status, body.decode()


def text_of(notification):
    """RFC 9003 section 2."""
    assert notification.data[0] == len(notification.data) - 1
    return notification.data[1:].decode()


def test_reset_says_why_and_the_session_comes_back(pair):
    pair.start(external(1), external(2))
    peer, other = pair.peer(1).establish(), pair.peer(2).establish()
    assert order(pair, "reset", reason=TEXT)[0] == 200
    assert text_of(peer.expect_notification(wire.CEASE, 4)) == TEXT
    pair.peer(1).establish()
    pair.speaker.wait_established("p1")
    assert pair.speaker.neighbor("p2")["flaps"] == 0
    assert other.connection


def test_disable_says_why_and_holds_until_enable_over_reloads(pair):
    pair.start(external(1), external(2), originate=ORIGINATE)
    peer = pair.peer(1).establish()
    peer.send(attributes.announce([PREFIX], (PEER_ASN,), peer_address(1)))
    pair.speaker.wait_in_kernel(PREFIX)
    assert order(pair, "disable", reason=TEXT)[0] == 200
    assert text_of(peer.expect_notification(wire.CEASE, 2)) == TEXT
    pair.speaker.wait_not_in_kernel(PREFIX)
    assert TEXT in pair.speaker.neighbor("p1")["held"]
    assert TEXT in str(pair.speaker.get("/v1/status")["conditions"])
    pair.speaker.reload({**pair.speaker.document, "neighbors": [external(1, holdTime=30), external(2)]})
    wait_until(lambda: pair.speaker.neighbor("p1")["holdTime"] == 30, 5, "the reload")
    assert pair.peer(1).end() is None, "closed without a word"
    assert order(pair, "reset")[0] == 409
    assert order(pair, "enable")[0] == 200
    pair.peer(1).establish()
    pair.speaker.wait_established("p1")
    assert order(pair, "enable")[0] == 200, "twice is no mistake"


def test_refresh_asks_and_sends_again_without_a_reset(pair):
    pair.start(external(1), originate=ORIGINATE)
    peer = pair.peer(1).establish()
    peer.pump(lambda: RANGE in peer.rib and len(peer.end_of_rib) == 2)
    told = len(peer.history)
    assert order(pair, "refresh-out")[0] == 200
    peer.pump(lambda: ("+", RANGE) in peer.history[told:], what="the routes again")
    assert order(pair, "refresh-in")[0] == 200
    asked = {peer.expect(wire.ROUTE_REFRESH) for _ in range(2)}
    assert asked == {b"\0\1\0\1", b"\0\2\0\1"}, "RFC 2918 section 3, both families"
    assert pair.speaker.neighbor("p1")["flaps"] == 0


@pytest.mark.parametrize("verb,name,reason,status", [
    ("reset", "nobody", None, 404), ("explode", "p1", None, 404), ("reset", "p1", "x" * 256, 400),
    ("reset", "p1", "a\nb", 400), ("enable", "p1", "why", 400), ("refresh-in", "p1", None, 409),
    ("refresh-out", "p1", None, 409)])
def test_orders_that_make_no_sense_change_nothing(pair, verb, name, reason, status):
    pair.start(external(1))
    assert order(pair, verb, name, reason)[0] == status
    pair.peer(1).establish()


def test_a_dynamic_neighbour_that_is_disabled_stays_away(pair):
    pair.start(dynamicNeighbors=[{"name": "rack", "range": "10.9.1.0/24", "remoteAs": "external"}])
    peer = pair.peer(1).establish()
    name = f"rack-{peer_address(1)}"
    pair.speaker.wait_established(name)
    assert order(pair, "disable", name)[0] == 200
    peer.expect_notification(wire.CEASE, 2)
    assert pair.peer(1).end() is None
    assert order(pair, "enable", name)[0] == 200
    pair.peer(1).establish()
    pair.speaker.wait_established(name)
