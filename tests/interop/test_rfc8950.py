"""RFC 8950: IPv4 routes with IPv6 next hops, learned, in the kernel and announced; raw peers, BIRD and FRR."""

import pytest

from bgp import attributes, wire
from world import pair as pairs
from world import matrix, routers, speaker
from world.host import wait_until
from world.pair import PEER_ASN, peer_address6
from world.routers import PREFIX, PREFIX6, SELF6
from world.shown import shown
from world.speaker import ADDRESS, ADDRESS6

from test_features import over, start
from test_routers import RANGE, RANGE6, logs

CAP_EXTENDED_NEXT_HOP = 5
NET = "20.1.0.0/16"
TRIPLE = b"\0\1\0\1\0\2"


def external6(number, **settings):
    """An eBGP neighbour with an IPv6 address."""
    return speaker.neighbor(f"p{number}", peer_address6(number), PEER_ASN, **settings)


def capabilities(*, extended=True):
    """A peer with or without extended next hops."""
    out = [wire.multiprotocol(wire.IPV4), wire.multiprotocol(wire.IPV6), wire.as4(PEER_ASN)]
    return out + ([wire.capability(CAP_EXTENDED_NEXT_HOP, TRIPLE)] if extended else [])


def announce(peer, hop, prefix=NET):
    """Announces an IPv4 prefix with an IPv6 next hop."""
    peer.send(wire.update(b"", attributes.mp_reach(hop, prefix, afi=1) + attributes.origin()
                          + attributes.as_path(PEER_ASN)))


def establish(pair, number, **options):
    """A raw IPv6 session."""
    return pair.peer(number, router_id=pairs.peer_address(number), ipv6=True).establish(
        capabilities=capabilities(**options))


def kernel_gateways(pair):
    """The next hops of NET in the kernel."""
    route = pair.speaker.wait_in_kernel(NET)
    hops = route.get("nexthops", [route])
    return {hop["via"]["host"] if "via" in hop else hop.get("gateway") for hop in hops}


def test_an_ipv4_route_stands_in_the_kernel_via_inet6(pair):
    pair.start(external6(1))
    peer = establish(pair, 1)
    assert peer.open.capability(CAP_EXTENDED_NEXT_HOP) == TRIPLE
    assert pair.speaker.neighbor("p1")["capabilities"]["extendedNextHop"] is True
    announce(peer, peer_address6(1))
    assert kernel_gateways(pair) == {peer_address6(1)}
    assert pair.speaker.best(NET)["nextHop"] == peer_address6(1)
    announce(peer, peer_address6(2) + ",fe80::2")
    wait_until(lambda: kernel_gateways(pair) == {peer_address6(2)}, 5)
    peer.send(wire.update(b"", attributes.mp_unreach(NET, afi=1)))
    pair.speaker.wait_not_in_kernel(NET)


def test_next_hops_of_both_families_share_one_route(pair):
    pair.start(external6(1), pairs.external(2))
    announce(establish(pair, 1), peer_address6(1))
    other = pair.peer(2, router_id=pairs.peer_address(2)).establish()
    other.send(attributes.announce([NET], (PEER_ASN,), pairs.peer_address(2)))
    wait_until(lambda: kernel_gateways(pair) == {peer_address6(1), pairs.peer_address(2)}, 5)
    other.send(attributes.withdraw(NET))
    wait_until(lambda: kernel_gateways(pair) == {peer_address6(1)}, 5)


def test_after_a_restart_the_route_is_found_and_kept(pair):
    pair.start(external6(1))
    announce(establish(pair, 1), peer_address6(1))
    pair.speaker.wait_in_kernel(NET)
    monitor = pair.node.monitor_routes()
    pair.speaker.process.kill()
    pair.speaker.start()
    peer = establish(pair, 1)
    announce(peer, peer_address6(1))
    wait_until(lambda: pair.speaker.best(NET) and pair.speaker.best(NET)["installed"], 5)
    assert NET not in monitor.log()


@pytest.mark.parametrize("settings, theirs", [({}, False), ({"extendedNextHop": False}, True)],
                         ids=["not-theirs", "not-ours"])
def test_section_4_without_agreement_such_an_update_ends_the_session(pair, settings, theirs):
    """RFC 7606 section 7.11: a next hop of a wrong length hides where the routes are."""
    pair.start(external6(1, **settings))
    peer = establish(pair, 1, extended=theirs)
    assert pair.speaker.neighbor("p1")["capabilities"]["extendedNextHop"] is False
    announce(peer, peer_address6(1))
    peer.expect_notification(3)


def test_ours_goes_out_with_an_ipv6_next_hop_where_there_is_no_ipv4_address(pair):
    pair.node.ip(f"addr del {ADDRESS}/16 dev up0")
    pair.start(external6(1), external6(2), originate={"prefixes": [RANGE]})
    knowing, plain = establish(pair, 1), establish(pair, 2, extended=False)
    knowing.pump(lambda: RANGE in knowing.rib)
    assert knowing.rib[RANGE].next_hop.split(",")[0] == ADDRESS6
    plain.pump(lambda: len(plain.end_of_rib) == 2)
    assert RANGE not in plain.rib
    assert "to use as next hop" in pair.speaker.neighbor("p2")["families"]["ipv4"]["held"]
    assert "held" not in pair.speaker.neighbor("p1")["families"]["ipv4"]


# ---------------------------------------------------------------- other speakers

class Gobgp6(routers.Gobgp):
    """GoBGP that announces IPv6 next hops for both families."""

    next_hops = (SELF6, SELF6)


EXABGPS = "20.8.0.0/16"  # besides its usual one, whose next hop is IPv4
WITHOUT_IPV4 = {
    routers.Bird: {"family": "next hop self; extended next hop on;"},
    routers.Frr: {"session": f"neighbor {ADDRESS6} capability extended-nexthop"},
    Gobgp6: {},
    routers.Exabgp: {"session": f"""capability {{ nexthop enable; }}
  nexthop {{ ipv4 unicast ipv6; }}
  static {{ route {EXABGPS} next-hop {SELF6}; }}"""},
}


def meet_without_ipv4(pair, other):
    """A session where neither side has an IPv4 address; the other side."""
    pair.node.ip(f"addr del {ADDRESS}/16 dev up0")
    pair.outside.run("ip", "-4", "address", "flush", "dev", "down0")
    made = start(pair, other, WITHOUT_IPV4, transport=6)
    pair.speaker.wait_established("router", 40)
    assert pair.speaker.neighbor("router")["capabilities"]["extendedNextHop"] is True
    return made


@matrix.proves(matrix.OVER_V6)
@over([Gobgp6, routers.Exabgp])
def test_ipv4_goes_both_ways_without_ipv4_addresses_and_without_a_kernel_there(pair, other):
    made = meet_without_ipv4(pair, other)
    for prefix in (RANGE, RANGE6):
        wait_until(lambda prefix=prefix: made.has_route(prefix), 30, lambda: logs(pair))
        assert ADDRESS6 in shown(made, prefix), shown(made, prefix)
    route = pair.speaker.wait_in_kernel(EXABGPS if other[0] is routers.Exabgp else PREFIX, timeout=20)
    assert route["via"] == {"family": "inet6", "host": SELF6}, route
    assert pair.speaker.wait_in_kernel(PREFIX6, timeout=20)["gateway"] == SELF6


@matrix.proves(matrix.OVER_V6)
@over([routers.Bird, routers.Frr])
def test_ipv4_goes_both_ways_without_ipv4_addresses(pair, other):
    made = meet_without_ipv4(pair, other)
    for prefix in (RANGE, RANGE6):
        wait_until(lambda prefix=prefix: made.has_route(prefix), 30, lambda: logs(pair))
        wait_until(lambda prefix=prefix: made.kernel_has(prefix), 20, f"{prefix} in the kernel of {other[0].__name__}")
    route = pair.speaker.wait_in_kernel(PREFIX, timeout=20)
    assert route["via"]["family"] == "inet6", route
    # Packets follow: from an address of the node's to one of the router's.
    pair.node.ip("addr add 10.244.1.1/32 dev lo")
    pair.outside.ip("addr add 20.1.0.1/32 dev lo")
    pair.node.run("ping", "-c", "1", "-W", "3", "-I", "10.244.1.1", "20.1.0.1")
