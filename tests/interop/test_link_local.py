"""Neighbours with link-local addresses: sessions, next hops and kernel routes on one link; raw, BIRD and FRR.

RFC 2545 section 3: the link-local address is a next hop on its own link only. RFC 8950: of IPv4 routes as well.
"""

import contextlib
import os

import pytest

import router_conf
from bgp import attributes as a
from bgp import wire
from bgp.peer import Peer
from world import matrix, routers
from world.host import cable, wait_until
from world.pair import NODE_LINK, PEER_ASN, PEER_LINK
from world.routers import PREFIX, PREFIX6
from world.speaker import ASN, neighbor

from test_routers import RANGE, RANGE6, logs

NODE, PEER = "fe80::9:1", "fe80::9:2"
SECOND_NODE_LINK, SECOND_PEER_LINK = "up1", "down1"
NET, NET6 = "20.2.0.0/16", "2a00:2::/48"
CAP_EXTENDED_NEXT_HOP, TRIPLE = 5, b"\0\1\0\1\0\2"


def only_link_local(pair):
    """Both ends without another address."""
    for host, link, address in ((pair.node, NODE_LINK, NODE), (pair.outside, PEER_LINK, PEER)):
        host.run("ip", "address", "flush", "dev", link)
        host.ip(f"addr add {address}/64 dev {link} nodad")


def second_cable(pair):
    """Another link with the same addresses on it."""
    cable(pair.node, SECOND_NODE_LINK, pair.outside, SECOND_PEER_LINK)
    for host, link, address in ((pair.node, SECOND_NODE_LINK, NODE), (pair.outside, SECOND_PEER_LINK, PEER)):
        host.run("ip", "address", "flush", "dev", link)
        host.ip(f"addr add {address}/64 dev {link} nodad")


def raw_capabilities():
    """Both families, and IPv6 next hops of IPv4 routes."""
    return [wire.multiprotocol(wire.IPV4), wire.multiprotocol(wire.IPV6), wire.as4(PEER_ASN),
            wire.capability(CAP_EXTENDED_NEXT_HOP, TRIPLE)]


@contextlib.contextmanager
def raw_peer(pair, link=PEER_LINK, router_id="10.9.1.1"):
    """A raw session over a link's own addresses, up."""
    index = pair.outside.ip_json("link", "show", "dev", link)[0]["ifindex"]
    with contextlib.closing(pair.outside.socket(10)) as connection:
        connection.settimeout(5)
        connection.bind((PEER, 0, 0, index))
        connection.connect((NODE, 179, 0, index))
        yield Peer(connection, PEER_ASN, router_id).establish(capabilities=raw_capabilities())


def announce4(peer, hop):
    """NET, by RFC 8950."""
    peer.send(wire.update(b"", a.mp_reach(hop, NET, afi=1) + a.origin() + a.as_path(PEER_ASN)))


def hops(pair, prefix):
    """{(gateway, device)} of a kernel route."""
    route = pair.speaker.in_kernel(prefix)
    if not route:
        return set()
    return {(hop["via"]["host"] if "via" in hop else hop.get("gateway"), hop["dev"])
            for hop in route.get("nexthops", [route])}


def on_link(link, **settings):
    """The peer on a link."""
    return neighbor(f"tor-{link}", PEER, PEER_ASN, bindInterface=link, **settings)


@pytest.mark.parametrize("hop", [PEER, f"{PEER},{PEER}", f"::,{PEER}", f"2001:db8::1,{PEER}"],
                         ids=["16-octets", "twice", "unspecified", "global-elsewhere"])
def test_a_link_local_next_hop_is_installed_on_its_link(pair, hop):
    only_link_local(pair)
    pair.start(on_link(NODE_LINK))
    with raw_peer(pair) as peer:
        peer.send(a.announce6([NET6], (PEER_ASN,), hop))
        announce4(peer, hop)
        for prefix in (NET, NET6):
            wait_until(lambda prefix=prefix: hops(pair, prefix) == {(PEER, NODE_LINK)}, 5,
                       lambda prefix=prefix: f"{hops(pair, prefix)} {pair.speaker.paths(prefix)}")
        assert pair.speaker.best(NET6)["nextHop"] == PEER
        shown = pair.speaker.neighbor("tor-up0")
        assert (shown["interface"], shown["localAddress"]) == (NODE_LINK, NODE)


def test_ours_goes_out_with_the_link_local_address_alone(pair):
    """Also where there are others: who shares no subnet with them could not use them."""
    only_link_local(pair)
    pair.node.ip(f"addr add 2001:db8::9/64 dev {NODE_LINK} nodad", f"addr add 192.0.2.9/24 dev {NODE_LINK}")
    pair.start(on_link(NODE_LINK), originate={"prefixes": [RANGE, RANGE6]})
    with raw_peer(pair) as peer:
        peer.pump(lambda: RANGE in peer.rib and RANGE6 in peer.rib)
        assert peer.rib[RANGE].next_hop == peer.rib[RANGE6].next_hop == NODE


def test_one_address_on_two_links_is_two_neighbours_and_two_next_hops(pair):
    only_link_local(pair)
    second_cable(pair)
    pair.start(on_link(NODE_LINK), on_link(SECOND_NODE_LINK))
    with raw_peer(pair) as first, raw_peer(pair, SECOND_PEER_LINK, "10.9.1.2") as second:
        for link in (NODE_LINK, SECOND_NODE_LINK):
            pair.speaker.wait_established(f"tor-{link}")
        for peer in (first, second):
            peer.send(a.announce6([NET6], (PEER_ASN,), PEER))
            announce4(peer, PEER)
        for prefix in (NET, NET6):
            wait_until(lambda prefix=prefix: hops(pair, prefix) == {(PEER, NODE_LINK), (PEER, SECOND_NODE_LINK)}, 5,
                       lambda prefix=prefix: hops(pair, prefix))
        pair.outside.ip(f"link set {SECOND_PEER_LINK} down")  # no carrier on our side: its next hops go at once
        for prefix in (NET, NET6):
            wait_until(lambda prefix=prefix: hops(pair, prefix) == {(PEER, NODE_LINK)}, 5,
                       lambda prefix=prefix: hops(pair, prefix))
        pair.outside.ip(f"link set {SECOND_PEER_LINK} up", f"addr replace {PEER}/64 dev {SECOND_PEER_LINK} nodad")
        wait_until(lambda: len(hops(pair, NET6)) == len(hops(pair, NET)) == 2, 5, lambda: hops(pair, NET6))
        assert pair.speaker.state("tor-up0") == "Established"


def test_nobody_calls_in_a_neighbours_name_from_another_link(pair):
    only_link_local(pair)
    second_cable(pair)
    pair.start(on_link(NODE_LINK))
    with pytest.raises(Exception), raw_peer(pair, SECOND_PEER_LINK):
        pass
    with raw_peer(pair):
        pair.speaker.wait_established("tor-up0")


def test_a_link_local_next_hop_is_taken_from_a_neighbour_with_a_global_address_on_the_link(pair):
    pair.outside.ip(f"addr add {PEER}/64 dev {PEER_LINK} nodad")
    pair.start(neighbor("p1", "fd09::1:1", PEER_ASN))
    peer = pair.peer(1, ipv6=True).establish()
    peer.send(a.announce6([NET6], (PEER_ASN,), PEER))
    wait_until(lambda: hops(pair, NET6) == {(PEER, NODE_LINK)}, 5, lambda: pair.speaker.paths(NET6))


# ---------------------------------------------------------------- other speakers

class LinkLocalBird(routers.Bird):
    """BIRD with a session between link-local addresses."""

    def start(self):
        conf = self.file("bird.conf", router_conf.bird(
            f'local {PEER} as {self.asn}; neighbor {NODE} as {ASN}; interface "{PEER_LINK}"; direct;',
            (PREFIX, PREFIX6), router_id="10.9.1.1", extended=True))
        self.host.spawn("bird", "-f", "-c", conf, "-s", "/run/bird.ctl")


class LinkLocalFrr(routers.Frr):
    """FRR with a session between link-local addresses."""

    def start(self):
        conf = self.file("frr/frr.conf", router_conf.frr(
            self.asn, NODE, f"remote-as {ASN}", (PREFIX, PREFIX6), router_id="10.9.1.1",
            session=f"neighbor {NODE} interface {PEER_LINK}\n neighbor {NODE} capability extended-nexthop"), "frr")
        self.launch(conf, "::", NODE)


def their_hops(router, prefix):
    """The gateways of a route in the other host's kernel."""
    family = 6 if ":" in prefix else 4
    routes = [route for route in router.host.routes(family=family) if route["dst"] == prefix]
    return {hop["via"]["host"] if "via" in hop else hop.get("gateway")
            for route in routes for hop in route.get("nexthops", [route])}


def check_both_ways(pair, router, name, theirs=PEER):
    """Every route of both families on both sides and in both kernels, by link-local next hops; packets follow."""
    pair.speaker.wait_established(name, 40)
    ours = pair.speaker.neighbor(name)["localAddress"]
    for prefix in (RANGE, RANGE6):
        wait_until(lambda prefix=prefix: router.has_route(prefix), 30, lambda: logs(pair))
        wait_until(lambda prefix=prefix: their_hops(router, prefix) == {ours}, 20,
                   lambda prefix=prefix: f"{prefix} there: {their_hops(router, prefix)}")
    for prefix in (PREFIX, PREFIX6):
        wait_until(lambda prefix=prefix: hops(pair, prefix) == {(theirs, NODE_LINK)}, 20,
                   lambda prefix=prefix: f"{prefix} here: {hops(pair, prefix)}")
    pair.node.ip("addr add 10.244.1.1/32 dev lo", "addr add fd00:10:244:1::1/128 dev lo")
    pair.outside.ip("addr add 20.1.0.1/32 dev lo", "addr add 2a00:1::1/128 dev lo")
    for source, target in (("10.244.1.1", "20.1.0.1"), ("fd00:10:244:1::1", "2a00:1::1")):
        ping = ("ping", "-c", "1", "-W", "1", "-I", source, target)
        wait_until(lambda ping=ping: pair.node.run(*ping, check=False).returncode == 0, 10, f"an answer to {ping}")


def made(kind, pair, asn):
    """A foreign speaker, or the reason why there is none."""
    if not kind.is_installed():
        assert not os.environ.get("SLASH32_INTEROP_ALL"), f"{kind.__name__} is not installed"
        pytest.skip(f"{kind.__name__} is not installed")
    return kind(pair.outside, asn)


@matrix.proves(matrix.LINK_LOCAL)
@pytest.mark.parametrize("router", [(kind, internal) for kind in (LinkLocalBird, LinkLocalFrr)
                                    for internal in (False, True)],
                         ids=["bird-ebgp", "bird-ibgp", "frr-ebgp", "frr-ibgp"])
@pytest.mark.parametrize("globals_too", [False, True], ids=["link-local-only", "global-on-our-side"])
def test_both_families_go_both_ways_between_link_local_addresses(pair, router, globals_too):
    kind, is_internal = router
    asn = ASN if is_internal else PEER_ASN
    only_link_local(pair)
    if globals_too:  # which the other side shares no subnet with
        pair.node.ip(f"addr add 2001:db8::9/64 dev {NODE_LINK} nodad", f"addr add 192.0.2.9/24 dev {NODE_LINK}")
    other = made(kind, pair, asn)
    pair.start(neighbor("tor", PEER, asn, bindInterface=NODE_LINK, passive=False, holdTime=9),
               originate={"prefixes": [RANGE, RANGE6]})
    other.start()
    check_both_ways(pair, other, "tor")


# ---------------------------------------------------------------- a link that is made anew

def make_anew(pair, *, peer_addresses=(PEER,), node_addresses=(NODE,)):
    """The cable is taken away, and another one of the same names and addresses comes; its index is another."""
    before = pair.node.ip_json("link", "show", "dev", NODE_LINK)[0]["ifindex"]
    pair.node.ip(f"link del {NODE_LINK}")
    cable(pair.node, NODE_LINK, pair.outside, PEER_LINK)
    for host, link, addresses in ((pair.node, NODE_LINK, node_addresses), (pair.outside, PEER_LINK, peer_addresses)):
        for address in addresses:
            host.ip(f"addr add {address}/64 dev {link}" + (" nodad" if ":" in address else ""))
    assert pair.node.ip_json("link", "show", "dev", NODE_LINK)[0]["ifindex"] != before


def test_the_next_hops_link_is_made_anew_under_a_living_session(pair):
    """A session that is not on that link's addresses lives on; so must the routes, on the new link."""
    pair.outside.ip(f"addr add {PEER}/64 dev {PEER_LINK} nodad")
    pair.start(neighbor("p1", "fd09::1:1", PEER_ASN))
    peer = pair.peer(1, ipv6=True).establish()
    peer.send(a.announce6([NET6], (PEER_ASN,), PEER))
    wait_until(lambda: hops(pair, NET6) == {(PEER, NODE_LINK)}, 5, lambda: pair.speaker.paths(NET6))
    make_anew(pair, peer_addresses=(PEER, "fd09::1:1"), node_addresses=("fd09::1",))
    wait_until(lambda: hops(pair, NET6) == {(PEER, NODE_LINK)}, 10, lambda: pair.speaker.paths(NET6))
    assert pair.speaker.neighbor("p1")["flaps"] == 0


def test_the_next_hops_link_is_made_anew_while_the_peer_restarts(pair):
    """RFC 4724: what is kept goes on, through the link that is there now."""
    only_link_local(pair)
    pair.start(on_link(NODE_LINK))
    restart = wire.graceful_restart(60, (wire.IPV4, wire.IPV6), restarting=False, forwarding=True)
    index = pair.outside.ip_json("link", "show", "dev", PEER_LINK)[0]["ifindex"]
    with contextlib.closing(pair.outside.socket(10)) as connection:
        connection.settimeout(5)
        connection.bind((PEER, 0, 0, index))
        connection.connect((NODE, 179, 0, index))
        peer = Peer(connection, PEER_ASN, "10.9.1.1").establish(capabilities=[*raw_capabilities(), restart])
        peer.send(a.announce6([NET6], (PEER_ASN,), PEER))
        announce4(peer, PEER)
        for prefix in (NET, NET6):
            wait_until(lambda prefix=prefix: hops(pair, prefix) == {(PEER, NODE_LINK)}, 5,
                       lambda prefix=prefix: pair.speaker.paths(prefix))
    wait_until(lambda: pair.speaker.state("tor-up0") != "Established", 5)
    assert all(pair.speaker.best(prefix)["stale"] for prefix in (NET, NET6))
    make_anew(pair)
    for prefix in (NET, NET6):
        wait_until(lambda prefix=prefix: hops(pair, prefix) == {(PEER, NODE_LINK)}, 10,
                   lambda prefix=prefix: f"{hops(pair, prefix)} {pair.speaker.paths(prefix)}")
    assert all(pair.speaker.best(prefix)["stale"] for prefix in (NET, NET6))
