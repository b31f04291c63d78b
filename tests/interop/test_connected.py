"""The connected check: who may be an eBGP neighbour over one hop, and what brings one that was held."""

import json
from urllib.parse import quote

import pytest

from bgp import attributes as a
from world.host import cable, wait_until
from world.pair import PEER_ASN, external, internal, peer_address
from world.speaker import ADDRESS, neighbor

AWAY = "172.31.0.1"  # on the other host, on none of our subnets
LINK = "up0"


def away(**settings):
    """The neighbour that is elsewhere."""
    return neighbor("away", AWAY, PEER_ASN, passive=False, **settings)


def held(pair, name="away"):
    """Why a neighbour is held down; None where it is not."""
    return pair.speaker.neighbor(name).get("held")


def conditions(pair):
    """What the status complains of."""
    return pair.speaker.get("/v1/status")["conditions"]


def calls(pair):
    """A socket at which the neighbour that is elsewhere waits for us."""
    pair.outside.ip(f"addr add {AWAY}/24 dev down0")
    waiting = pair.outside.socket(2)
    waiting.bind((AWAY, 179))
    waiting.listen(8)
    waiting.settimeout(10)
    return waiting


def test_a_neighbour_on_no_subnet_of_ours_is_held_and_begins_with_the_address(pair):
    with calls(pair) as waiting:
        pair.node.ip(f"route add default via {peer_address(1)}")
        pair.start(away(), external(1))
        wait_until(lambda: held(pair), 5, "held")
        assert f"{AWAY} is on no subnet" in held(pair)
        assert any("away held down: not connected" in one for one in conditions(pair))
        assert "slash32_bgp_neighbor_held{neighbor=\"away\"} 1" in pair.speaker.request("GET", "/metrics")[1].decode()
        pair.peer(1).establish()  # nobody else minds
        pair.node.ip(f"addr add 172.31.0.2/24 dev {LINK}")
        pair.accept(waiting).establish()
        pair.speaker.wait_established("away")
        assert held(pair) is None
        assert not any("away" in one for one in conditions(pair))


@pytest.mark.parametrize("route", [f"{AWAY}/32 dev {LINK} proto static", f"172.31.0.0/16 dev {LINK} proto boot",
                                   f"192.168.0.0/16 via {AWAY} dev {LINK} onlink proto static"],
                         ids=["to-it", "to-its-subnet", "by-it"])
def test_a_configured_route_without_gateway_is_enough_and_its_end_holds_again(pair, route):
    pair.start(away())
    wait_until(lambda: held(pair), 5, "held")
    pair.node.ip(f"route add {route}")
    wait_until(lambda: held(pair) is None, 5, lambda: held(pair))
    pair.node.ip(f"route del {route}")
    wait_until(lambda: held(pair), 5, "held again")
    pair.node.ip(f"route add {route}")
    wait_until(lambda: held(pair) is None, 5, lambda: held(pair))
    cut_off = pair.outside.run("ip", "link", "set", "down0", "down")
    assert cut_off.returncode == 0
    wait_until(lambda: held(pair), 5, "held without carrier")


def test_a_route_that_goes_silently_with_its_link_holds_too(pair):
    """IPv4: no RTM_DELROUTE (research: the kernel's silent loss)."""
    cable(pair.node, "up1", pair.outside, "down1")
    pair.node.ip(f"route add {AWAY}/32 dev up1 proto static")
    pair.start(away(), neighbor("beside", "198.51.100.2", PEER_ASN))
    assert held(pair) is None
    pair.node.ip("link set up1 down")
    wait_until(lambda: held(pair), 5, "held")
    pair.node.ip("link set up1 up")
    pair.node.ip("addr add 198.51.100.1/24 dev up1")  # another event
    wait_until(lambda: pair.speaker.neighbor("beside").get("held") is None, 5, "the event is heard")
    assert held(pair)
    pair.node.ip(f"route add {AWAY}/32 dev up1 proto static")
    wait_until(lambda: held(pair) is None, 5, lambda: held(pair))


def test_a_speaker_in_a_pod_is_connected_as_long_as_the_pod_lives(pair):
    pair.add_pod("pod1", "10.244.1.5")
    pair.start(neighbor("pod", "10.244.1.5", PEER_ASN))
    assert held(pair, "pod") is None
    pair.node.ip("link del pod1")
    wait_until(lambda: held(pair, "pod"), 5, "held")


def test_without_the_check_and_over_several_hops_and_within_the_as_nobody_is_held(pair):
    pair.start(away(connectedCheck=False), neighbor("far", "172.31.0.2", PEER_ASN, multihop=2),
               neighbor("gtsm", "172.31.0.3", PEER_ASN, ttlSecurity=2), internal(1),
               neighbor("inner", "172.31.0.4", 64512))
    for name in ("away", "far", "gtsm", "inner"):
        assert held(pair, name) is None, name


def test_the_check_is_switched_live(pair):
    pair.start(away(), external(1))
    pair.peer(1).establish()
    wait_until(lambda: held(pair), 5, "held")
    document = json.loads(json.dumps(pair.speaker.document))
    document["neighbors"][0]["connectedCheck"] = False
    assert pair.speaker.request("PUT", "/v1/config", json.dumps(document))[0] == 200
    wait_until(lambda: held(pair) is None, 5, lambda: held(pair))
    document["neighbors"][0]["connectedCheck"] = True
    assert pair.speaker.request("PUT", "/v1/config", json.dumps(document))[0] == 200
    wait_until(lambda: held(pair), 5, "held again")
    assert pair.speaker.state("p1") == "Established" and pair.speaker.neighbor("p1")["flaps"] == 0


def test_an_address_that_goes_and_comes_back_ends_no_session(pair):
    pair.start(external(1))
    peer = pair.peer(1).establish()
    peer.send(a.announce(["20.1.0.0/16"], (PEER_ASN,), peer_address(1)))
    pair.speaker.wait_in_kernel("20.1.0.0/16")
    pair.node.ip(f"addr del {ADDRESS}/16 dev {LINK}")
    wait_until(lambda: not pair.speaker.in_kernel("20.1.0.0/16"), 5, "no route")
    path = pair.speaker.paths("20.1.0.0/16")[0]
    assert path["why"] == f"next hop {peer_address(1)} is unresolved: not connected", path
    pair.node.ip(f"addr add {ADDRESS}/16 dev {LINK}")
    pair.speaker.wait_in_kernel("20.1.0.0/16")
    assert pair.speaker.neighbor("p1")["flaps"] == 0


def test_a_third_partys_next_hop_must_be_on_link(pair):
    """RFC 4271 section 6.3."""
    pair.start(external(1))
    pair.node.ip(f"route add 172.30.0.0/16 via {peer_address(2)} proto static")
    peer = pair.peer(1).establish()
    peer.send(a.announce(["20.1.0.0/16"], (PEER_ASN,), "172.30.0.1"),
              a.announce(["20.2.0.0/16"], (PEER_ASN,), peer_address(3)))
    assert pair.speaker.wait_in_kernel("20.2.0.0/16")["gateway"] == peer_address(3)
    shown = pair.speaker.get("/v1/routes/" + quote("20.1.0.0/16", safe=""))["paths"][0]
    assert shown["why"] == "next hop 172.30.0.1 is unresolved: not connected", shown
    assert not pair.speaker.in_kernel("20.1.0.0/16")
