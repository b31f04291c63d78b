"""RFC 4271 section 8 and RFC 6608: messages in a state that does not expect them; the timers of a session."""

import time

import pytest

from bgp import attributes, wire
from bgp.peer import Timeout
from world.host import wait_until
from world.pair import PEER_ASN, external, peer_address

OPEN_SENT, OPEN_CONFIRM, ESTABLISHED = 1, 2, 3  # RFC 6608: the subcodes
REFRESH = wire.message(wire.ROUTE_REFRESH, b"\0\1\0\1")


@pytest.mark.parametrize("message", [wire.message(wire.KEEPALIVE), wire.update(), REFRESH],
                         ids=["keepalive", "update", "route_refresh"])
def test_only_an_open_is_expected_in_open_sent(pair, message):
    pair.start(external(1))
    peer = pair.peer(1)
    peer.send(message)
    peer.expect(wire.OPEN)
    peer.expect_notification(5, OPEN_SENT)


@pytest.mark.parametrize("message", [wire.update(), REFRESH], ids=["update", "route_refresh"])
def test_only_a_keepalive_is_expected_in_open_confirm(pair, message):
    pair.start(external(1))
    peer = pair.peer(1)
    peer.send_open()
    peer.expect(wire.OPEN)
    peer.expect(wire.KEEPALIVE)
    peer.send(message)
    peer.expect_notification(5, OPEN_CONFIRM)


def test_no_second_open_in_established(pair):
    pair.start(external(1))
    peer = pair.peer(1).establish()
    peer.send_open()
    peer.expect_notification(5, ESTABLISHED)


@pytest.mark.parametrize("ours,theirs,negotiated", [(90, 30, 30), (30, 90, 30), (90, 0, 0), (3, 3, 3)])
def test_the_smaller_hold_time_counts(pair, ours, theirs, negotiated):
    """RFC 4271 section 4.2."""
    pair.start(external(1, holdTime=ours))
    peer = pair.peer(1).establish(hold=theirs)
    pair.speaker.wait_established("p1")
    assert peer.open.hold == ours
    assert pair.speaker.neighbor("p1")["holdTime"] == negotiated


def test_a_silent_peer_is_dropped_when_its_hold_time_is_over(pair):
    pair.start(external(1, holdTime=3))
    peer = pair.peer(1).establish()
    began = time.monotonic()
    peer.expect_notification(4, 0, timeout=6)
    assert 2.5 < time.monotonic() - began < 5
    wait_until(lambda: pair.speaker.state("p1") != "Established", 3)


def test_an_update_counts_as_a_sign_of_life_and_keepalives_come_at_a_third(pair):
    """RFC 4271 sections 4.4 and 6.5: about a third of the hold time, never more often than one a second."""
    pair.start(external(1, holdTime=3))
    peer = pair.peer(1).establish()
    times = []
    end = time.monotonic() + 6.5
    while time.monotonic() < end:
        try:
            kind, _ = peer.receive(0.5)
        except Timeout:
            peer.send(attributes.withdraw("20.1.0.0/16"))
            continue
        assert kind in (wire.KEEPALIVE, wire.UPDATE), kind
        if kind == wire.KEEPALIVE:
            times.append(time.monotonic())
            peer.send(attributes.withdraw("20.1.0.0/16"))
    assert 5 <= len(times) <= 9, times
    assert max(b - a for a, b in zip(times, times[1:])) < 1.5, times


def test_hold_time_zero_means_no_keepalives_and_no_expiry(pair):
    pair.start(external(1))
    peer = pair.peer(1).establish(hold=0)
    peer.pump(lambda: len(peer.end_of_rib) == 2)
    with pytest.raises(Timeout):
        peer.receive(3.5)
    assert pair.speaker.state("p1") == "Established"


def test_without_capabilities_a_session_carries_ipv4_with_two_octet_as_numbers(pair):
    """RFC 5492 section 3, RFC 6793 section 4.2.2."""
    pair.start(external(1), originate={"prefixes": ["10.244.1.0/24", "fd00:10:244:1::/64"]})
    peer = pair.peer(1).establish(capabilities=[])
    peer.pump(lambda: "10.244.1.0/24" in peer.rib)
    assert peer.rib["10.244.1.0/24"].attributes[attributes.AS_PATH][1] == attributes.segment(2, 64512, width=2)
    path = attributes.as_path(PEER_ASN, width=2)
    peer.send(wire.update(b"", attributes.origin() + path + attributes.next_hop(peer_address(1)),
                          wire.nlri("20.1.0.0/16")))
    assert pair.speaker.wait_best("20.1.0.0/16")["asPath"] == [PEER_ASN]
    assert not [prefix for prefix in peer.rib if ":" in prefix]
    assert "ipv6" not in (pair.speaker.neighbor("p1").get("families") or {})


def test_route_refresh_sends_everything_again(pair):
    """RFC 2918 section 4; a family that was not negotiated and a subtype that is unknown are ignored (RFC 7313)."""
    pair.start(external(1), originate={"prefixes": ["10.244.1.0/24", "fd00:10:244:1::/64"]})
    peer = pair.peer(1).establish()
    peer.pump(lambda: len(peer.rib) == 2)
    peer.history.clear()
    peer.send(wire.message(wire.ROUTE_REFRESH, b"\0\x19\0\x46"), wire.message(wire.ROUTE_REFRESH, b"\0\1\x77\1"))
    peer.send(REFRESH)
    peer.pump(lambda: ("+", "10.244.1.0/24") in peer.history)
    assert ("-", "10.244.1.0/24") not in peer.history
    assert pair.speaker.state("p1") == "Established"


@pytest.mark.parametrize("body", [b"", b"\0\1\0", b"\0\1\0\1\1\2", b"\0\1\0\1\1\3\x80\xff\xff"],
                         ids=["empty", "three_octets", "orf_header_cut_off", "orf_overruns"])
def test_a_broken_route_refresh_never_crashes(pair, body):
    """CVE-2023-41360, FRR #22828: refused or ignored; the other sessions notice nothing."""
    pair.start(external(1), external(2))
    peer = pair.peer(1).establish()
    peer.send(wire.message(wire.ROUTE_REFRESH, body))
    peer.send_keepalive()
    pair.peer(2).establish()
    assert pair.speaker.get("/v1/status")
