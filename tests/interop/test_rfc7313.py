"""RFC 7313: route refreshes with a beginning and an end, of either side; raw peer, BIRD and FRR."""

import struct

import pytest

from bgp import attributes, wire
from world import matrix, routers
from world.host import wait_until
from world.pair import PEER_ASN, external, peer_address
from world.routers import PREFIX, PREFIX6

from test_routers import RANGE, logs, router, wait_for_everything  # pylint: disable=unused-import

CAP_ENHANCED = 70
BEGIN, END = 1, 2
KEPT, LOST = "20.1.0.0/16", "20.2.0.0/16"


def refresh(subtype=0, family=wire.IPV4, more=b""):
    """A ROUTE-REFRESH message."""
    return wire.message(wire.ROUTE_REFRESH, struct.pack("!HBB", family[0], subtype, family[1]) + more)


def capabilities(*, restart=True):
    """A peer with enhanced refresh, and (or not) graceful restart."""
    out = [wire.multiprotocol(wire.IPV4), wire.multiprotocol(wire.IPV6), wire.as4(PEER_ASN),
           wire.capability(wire.CAP_ROUTE_REFRESH), wire.capability(CAP_ENHANCED)]
    return out + ([wire.graceful_restart(20, forwarding=True)] if restart else [])


def announce(peer, *prefixes):
    """Announces IPv4 prefixes."""
    peer.send(attributes.announce(prefixes, (PEER_ASN,), peer_address(1)))


def with_routes(pair, **options):
    """A session and two routes in the kernel."""
    pair.start(external(1))
    peer = pair.peer(1).establish(capabilities=capabilities(**options))
    announce(peer, KEPT, LOST)
    for prefix in (KEPT, LOST):
        pair.speaker.wait_in_kernel(prefix)
    return peer


def test_section_4_what_is_not_said_between_begin_and_end_goes(pair):
    peer = with_routes(pair)
    peer.send_end_of_rib()
    monitor = pair.node.monitor_routes()
    peer.send(refresh(BEGIN))
    announce(peer, KEPT)
    peer.send(refresh(END))
    pair.speaker.wait_not_in_kernel(LOST)
    assert pair.speaker.in_kernel(KEPT) and f"Deleted {KEPT}" not in monitor.log()


def test_section_4_a_begin_before_end_of_rib_is_ignored_and_shown(pair):
    peer = with_routes(pair)
    peer.send(refresh(BEGIN), refresh(END), refresh(BEGIN, wire.IPV6))
    announce(peer, "20.3.0.0/16")
    pair.speaker.wait_in_kernel("20.3.0.0/16")
    assert pair.speaker.in_kernel(LOST)
    assert "its End-of-RIB has not come yet" in pair.speaker.neighbor("p1")["lastError"]


def test_section_4_without_graceful_restart_a_refresh_may_begin_at_once(pair):
    peer = with_routes(pair, restart=False)
    peer.send(refresh(BEGIN), refresh(END))
    pair.speaker.wait_not_in_kernel(LOST)


def test_section_5_an_unknown_subtype_is_ignored_and_a_wrong_length_is_not(pair):
    peer = with_routes(pair)
    peer.send_end_of_rib()
    peer.send(refresh(3), refresh(255))
    announce(peer, "20.3.0.0/16")
    pair.speaker.wait_in_kernel("20.3.0.0/16")
    wrong = refresh(BEGIN, more=b"\0")
    peer.send(wrong)
    assert peer.expect_notification(7, 1).data == wrong


def test_section_4_our_answer_has_a_beginning_and_an_end(pair):
    pair.start(external(1), originate={"prefixes": [RANGE]})
    peer = pair.peer(1).establish(capabilities=capabilities())
    assert peer.open.capability(CAP_ENHANCED) == b""
    peer.pump(lambda: len(peer.end_of_rib) == 2 and RANGE in peer.rib)
    assert pair.speaker.neighbor("p1")["capabilities"]["enhancedRouteRefresh"] is True
    peer.history.clear()
    peer.send(refresh())
    assert peer.expect(wire.ROUTE_REFRESH) == refresh(BEGIN)[wire.HEADER:]
    assert peer.expect(wire.ROUTE_REFRESH) == refresh(END)[wire.HEADER:]
    assert peer.history == [("+", RANGE)]
    # An operator's refresh of what we send is one as well, of each family.
    pair.speaker.request("POST", "/v1/neighbors/p1/refresh-out")
    got = [peer.expect(wire.ROUTE_REFRESH) for _ in range(4)]
    assert sorted(got) == sorted(refresh(kind, family)[wire.HEADER:]
                                 for kind in (BEGIN, END) for family in (wire.IPV4, wire.IPV6))


def test_section_4_who_does_not_know_it_gets_routes_only(pair):
    pair.start(external(1), originate={"prefixes": [RANGE]})
    peer = pair.peer(1).establish()
    peer.pump(lambda: RANGE in peer.rib)
    peer.history.clear()
    peer.send(refresh())
    peer.pump(lambda: ("+", RANGE) in peer.history)  # a ROUTE-REFRESH would fail it


# ---------------------------------------------------------------- other speakers

known = pytest.mark.parametrize("router", [(kind, internal) for kind in (routers.Bird, routers.Frr) for internal in (False, True)],
                                ids=["bird-ebgp", "bird-ibgp", "frr-ebgp", "frr-ibgp"], indirect=True)


@matrix.proves(matrix.ENHANCED)
@known
def test_refreshes_go_both_ways_and_lose_nothing(pair, router):  # pylint: disable=redefined-outer-name
    wait_for_everything(pair, router)
    assert pair.speaker.neighbor("router")["capabilities"]["enhancedRouteRefresh"] is True
    monitors = [pair.node.monitor_routes(), pair.outside.monitor_routes()]
    before = pair.speaker.neighbor("router")["messages"]["in"]
    pair.speaker.request("POST", "/v1/neighbors/router/refresh-in")
    pair.speaker.request("POST", "/v1/neighbors/router/refresh-out")
    wait_until(lambda: pair.speaker.neighbor("router")["messages"]["in"] > before + 4, 10, lambda: logs(pair))
    if isinstance(router, routers.Bird):
        router.birdc("reload", "in", "slash32")
    else:
        router.vtysh("clear bgp * soft in")
    wait_for_everything(pair, router)
    shown = pair.speaker.neighbor("router")
    assert shown["state"] == "Established" and shown["flaps"] == 0 and "refresh" not in shown["lastError"], shown
    for monitor in monitors:
        lost = [line for line in monitor.log().splitlines()
                if line.startswith("Deleted") and any(prefix in line for prefix in (RANGE, PREFIX, PREFIX6))]
        assert not lost, lost
