"""Next hops that are not on link: resolved through others' routes in the kernel, and following them."""

import json

import pytest

from bgp import attributes as a
from world import matrix, routers
from world.host import cable, wait_until
from world.pair import internal, peer_address, peer_address6
from world.routers import PREFIX, PREFIX6, SELF
from world.speaker import ADDRESS, ASN, LEARNED, neighbor

from test_link_local import made
from test_routers import logs

LOOPBACK, LOOPBACK6 = "172.30.0.1", "fd30::1"
NET = "20.2.0.0/16"
OSPF = 188  # what FRR's ospfd gives its routes


class LoopbackBird(routers.Bird):
    """BIRD, whose next hops are its loopback's addresses."""

    def __init__(self, host, asn):
        super().__init__(host, asn, family=f"""export filter {{
    if source != RTS_STATIC then reject;
    if net.type = NET_IP4 then bgp_next_hop = {LOOPBACK}; else bgp_next_hop = {LOOPBACK6};
    accept;
  }};""")


class LoopbackFrr(routers.Frr):
    """FRR, whose session and next hops are from its loopback."""

    def __init__(self, host, asn):
        super().__init__(host, asn, session=f"neighbor {ADDRESS} update-source {LOOPBACK}")


class LoopbackGobgp(routers.Gobgp):
    """GoBGP, whose next hops are its loopback's addresses."""

    next_hops = (LOOPBACK, LOOPBACK6)


class LoopbackOpenbgpd(routers.Openbgpd):
    """OpenBGPD, the same."""

    rules = (f"{routers.Openbgpd.rules}\nmatch to any prefix {PREFIX} set nexthop {LOOPBACK}\n"
             f"match to any prefix {PREFIX6} set nexthop {LOOPBACK6}")


class LoopbackExabgp(routers.Exabgp):
    """ExaBGP, the same."""

    next_hops = (LOOPBACK, LOOPBACK6)


def loopback(pair):
    """The other host's loopback addresses."""
    pair.outside.ip(f"addr add {LOOPBACK}/32 dev lo", f"addr add {LOOPBACK6}/128 dev lo")


def route(pair, verb, number, *, protocol=OSPF):
    """The node's routes to the loopback, by one of the other host's addresses."""
    for to, hop in ((f"{LOOPBACK}/32", peer_address(number)), (f"{LOOPBACK6}/128", peer_address6(number))):
        pair.node.run("ip", "-6" if ":" in to else "-4", "route", verb, to, "via", hop, "proto", str(protocol), "metric",
                      "20")


def gateway(pair, prefix):
    """The gateway of a learned route in the kernel; None where there is none."""
    found = pair.speaker.in_kernel(prefix)
    return found and found.get("gateway")


def wait_gateways(pair, number):
    """Waits until both prefixes go by that one of the other host's addresses; None: are not in the kernel."""
    hops = (peer_address(number), peer_address6(number)) if number else (None, None)
    for prefix, hop in zip((PREFIX, PREFIX6), hops):
        wait_until(lambda prefix=prefix, hop=hop: gateway(pair, prefix) == hop, 20,
                   lambda prefix=prefix: f"{prefix}: {gateway(pair, prefix)} {pair.speaker.paths(prefix)} {logs(pair)}")


def recursive(name, address, how="recursive", **settings):
    """An iBGP neighbour whose next hops are resolved through others' routes."""
    return neighbor(name, address, ASN, nextHopResolution=how, **settings)


def configured(pair, **settings):
    """The document with other settings of its only neighbour."""
    document = json.loads(json.dumps(pair.speaker.document))
    document["neighbors"][0].update(settings)
    return document


@matrix.proves(matrix.RECURSION, session="iBGP")
@pytest.mark.parametrize("kind", [LoopbackBird, LoopbackFrr, LoopbackGobgp, LoopbackOpenbgpd, LoopbackExabgp],
                         ids=["bird", "frr", "gobgp", "openbgpd", "exabgp"])
def test_a_loopback_as_next_hop_follows_the_route_that_leads_there(pair, kind):
    loopback(pair)
    other = made(kind, pair, ASN)
    route(pair, "add", 1)
    pair.start(recursive("router", LOOPBACK if kind is LoopbackFrr else SELF, holdTime=90))
    other.start()
    pair.speaker.wait_established("router", 40)
    if kind is LoopbackGobgp:
        wait_until(other.announce, 20, "GoBGP's interface")
    wait_gateways(pair, 1)
    path = pair.speaker.best(PREFIX)
    assert (path["nextHop"], path["gateway"], path["igpCost"]) == (LOOPBACK, SELF, 20), path
    pair.outside.ip("addr add 20.1.0.1/32 dev lo", "addr add 2a00:1::1/128 dev lo")
    for target in ("20.1.0.1", "2a00:1::1"):
        pair.node.run("ping", "-c", "1", "-W", "3", target)
    route(pair, "replace", 2)
    wait_gateways(pair, 2)
    route(pair, "del", 2)
    wait_gateways(pair, None)
    assert "is unresolved" in pair.speaker.paths(PREFIX)[0]["why"]
    # A default route leads there as well: it counts where somebody asks for it, and nowhere else.
    pair.node.ip(f"route add default via {peer_address(3)} proto dhcp")
    pair.node.run("ip", "-6", "route", "add", "default", "via", peer_address6(3), "proto", "static")
    pair.node.ip("route add 198.51.100.0/24 dev up0 proto static")  # an event behind it
    assert gateway(pair, PREFIX) is None
    flaps = pair.speaker.neighbor("router")["flaps"]
    pair.speaker.reload(configured(pair, nextHopResolution="recursiveViaDefault"))
    wait_gateways(pair, 3)
    pair.speaker.reload(configured(pair, nextHopResolution="recursive"))
    wait_gateways(pair, None)
    assert pair.speaker.neighbor("router")["flaps"] == flaps, "changed live"
    route(pair, "add", 1, protocol=4)  # static
    wait_gateways(pair, 1)


def test_never_through_a_route_that_was_learned_by_bgp(pair):
    pair.start(recursive("p1", peer_address(1)))
    peer = pair.peer(1, ASN).establish()
    peer.send(a.announce(["172.30.0.0/16"], (), peer_address(1), internal=True),
              a.announce([NET, "172.30.0.1/32"], (), LOOPBACK, internal=True))
    pair.speaker.wait_in_kernel("172.30.0.0/16")
    wait_until(lambda: pair.speaker.paths(NET), 5)
    assert not pair.speaker.in_kernel(NET)
    pair.node.ip(f"route add {LOOPBACK}/32 via {peer_address(2)} proto {OSPF}")
    wait_until(lambda: gateway(pair, NET) == peer_address(2), 5, lambda: pair.speaker.paths(NET))


def test_the_nearer_next_hop_wins_and_loses_again(pair):
    """RFC 4271 section 9.1.2.2 e)."""
    pair.node.ip(f"route add 172.30.0.1/32 via {peer_address(3)} proto {OSPF} metric 30",
                 f"route add 172.30.0.2/32 via {peer_address(4)} proto {OSPF} metric 20")
    pair.start(recursive("p1", peer_address(1)), recursive("p2", peer_address(2)))
    for number in (1, 2):
        pair.peer(number, ASN).establish().send(a.announce([NET], (), f"172.30.0.{number}", internal=True))
    wait_until(lambda: gateway(pair, NET) == peer_address(4), 5, lambda: pair.speaker.paths(NET))
    assert next(p for p in pair.speaker.paths(NET) if not p["best"])["decision"] == "igpCost"
    pair.node.ip(f"route del 172.30.0.2/32 via {peer_address(4)} proto {OSPF} metric 20",
                 f"route add 172.30.0.2/32 via {peer_address(4)} proto {OSPF} metric 40")
    wait_until(lambda: gateway(pair, NET) == peer_address(3), 5, lambda: pair.speaker.paths(NET))


def test_a_route_that_goes_silently_with_its_link_takes_what_it_led_to_along(pair):
    """IPv4: no RTM_DELROUTE."""
    cable(pair.node, "up1", pair.outside, "down1")
    pair.node.ip("addr add 192.0.2.1/24 dev up1", f"route add {LOOPBACK}/32 via 192.0.2.2 proto {OSPF}")
    pair.start(recursive("p1", peer_address(1)))
    peer = pair.peer(1, ASN).establish()
    peer.send(a.announce([NET], (), LOOPBACK, internal=True))
    wait_until(lambda: gateway(pair, NET) == "192.0.2.2", 5, lambda: pair.speaker.paths(NET))
    pair.node.ip("link set up1 down")
    wait_until(lambda: not pair.speaker.best(NET), 5, lambda: pair.speaker.paths(NET))
    pair.node.ip("link set up1 up")
    pair.node.ip(f"route add {LOOPBACK}/32 via 192.0.2.2 proto {OSPF}")
    wait_until(lambda: gateway(pair, NET) == "192.0.2.2", 5, lambda: pair.speaker.paths(NET))


def test_more_routes_of_others_than_we_keep_are_a_condition_and_end_with_a_reload(pair):
    """Next hops are found on link only then; what was found by them goes."""
    pair.node.ip(f"route add {LOOPBACK}/32 via {peer_address(2)} proto {OSPF}")
    pair.start(recursive("p1", peer_address(1)))
    peer = pair.peer(1, ASN).establish()
    peer.send(a.announce([NET], (), LOOPBACK, internal=True), a.announce(["20.3.0.0/16"], (), SELF, internal=True))
    wait_until(lambda: gateway(pair, NET) == peer_address(2), 5, lambda: pair.speaker.paths(NET))
    many = [f"route add {x}.{y}.{z}.0/24 via {SELF} proto 186" for x in range(100, 104) for y in range(256)
            for z in range(200)]
    pair.node.ip(*many)

    def conditions():
        return [one for one in pair.speaker.get("/v1/status")["conditions"] if "nextHopResolution" in one]
    wait_until(conditions, 30, "the condition")
    wait_until(lambda: gateway(pair, NET) is None, 10, lambda: pair.speaker.paths(NET))
    assert gateway(pair, "20.3.0.0/16") == SELF
    assert pair.speaker.state("p1") == "Established"
    pair.node.run("ip", "route", "flush", "proto", "186")
    pair.speaker.reload(pair.speaker.document)
    wait_until(lambda: gateway(pair, NET) == peer_address(2), 20, lambda: pair.speaker.paths(NET))
    assert not conditions()


def test_who_does_not_ask_for_it_needs_a_next_hop_on_link(pair):
    pair.node.ip(f"route add {LOOPBACK}/32 via {peer_address(2)} proto static")
    pair.start(internal(1), recursive("p2", peer_address(2)))
    for number in (1, 2):
        pair.peer(number, ASN).establish().send(a.announce([f"20.{number}.0.0/16"], (), LOOPBACK, internal=True))
    wait_until(lambda: gateway(pair, "20.2.0.0/16") == peer_address(2), 5)
    wait_until(lambda: pair.speaker.paths("20.1.0.0/16"), 5)
    assert not pair.node.routes(LEARNED)[1:], pair.node.routes(LEARNED)
