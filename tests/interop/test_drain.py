"""RFC 8326 as the one who goes: a drained node is used last, and leaves when its last pod is gone."""

import os
import struct
import subprocess

from bgp import attributes, wire
from test_features import over, start as start_with_router, wait_for_routes
from world import matrix, routers, speaker
from world.host import wait_until
from world.pair import PEER_ASN, external, internal, peer_address
from world.routers import PREFIX, PREFIX6
from world.shown import shown

RANGE, SERVICE, POD = "10.244.1.0/24", "192.0.2.1/32", "10.244.1.7/32"
ORIGINATE = {"prefixes": [RANGE, {"prefix": SERVICE, "blackhole": False, "onDrain": "withdraw"}]}
TAG = struct.pack("!I", 0xFFFF0000)  # GRACEFUL_SHUTDOWN
LAST = struct.pack("!I", 0)


def attribute(peer, prefix, kind):
    """The value of an attribute of a prefix as it was last told; None without."""
    return peer.rib[prefix].attributes.get(kind, (None, None))[1]


def start(pair):
    """An external and an internal peer that were told everything."""
    pair.start(external(1), internal(2), originate=ORIGINATE)
    peers = pair.peer(1).establish(), pair.peer(2, speaker.ASN).establish()
    for peer in peers:
        peer.pump(lambda p=peer: {RANGE, SERVICE} <= p.rib.keys())
    return peers


def ctl(pair, ctl_binary, *words):
    """slash32ctl's exit status and what it said."""
    done = subprocess.run([ctl_binary, "--socket", pair.speaker.socket, *words], capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout + done.stderr


def test_a_drained_node_is_used_last_by_both_kinds_of_peers_and_its_services_go(pair):
    outside, inside = start(pair)
    assert pair.speaker.request("POST", "/v1/drain")[0] == 200
    for peer in (outside, inside):
        peer.pump(lambda p=peer: SERVICE not in p.rib and attribute(p, RANGE, attributes.COMMUNITIES) == TAG)
        assert ("-", RANGE) not in peer.history, "make before break"
    assert attribute(outside, RANGE, attributes.LOCAL_PREF) is None
    assert attribute(inside, RANGE, attributes.LOCAL_PREF) == LAST
    status = pair.speaker.get("/v1/status")
    assert status["draining"] and any("RFC 8326" in why for why in status["conditions"])
    assert pair.speaker.request("POST", "/v1/drain")[0] == 200, "twice is no mistake"
    assert pair.speaker.request("POST", "/v1/undrain")[0] == 200
    for peer in (outside, inside):
        peer.pump(lambda p=peer: SERVICE in p.rib and attribute(p, RANGE, attributes.COMMUNITIES) is None)


def test_an_ordered_drain_outlives_a_restart_of_the_daemon(pair):
    start(pair)
    assert pair.speaker.request("POST", "/v1/drain")[0] == 200
    assert pair.speaker.terminate() == 0
    pair.speaker.start()
    outside = pair.peer(1).establish()
    outside.pump(lambda: RANGE in outside.rib)
    assert attribute(outside, RANGE, attributes.COMMUNITIES) == TAG
    outside.pump(lambda: len(outside.end_of_rib) == 2)
    assert SERVICE not in outside.rib


def test_the_configuration_drains_as_well_and_an_order_does_not_undo_that(pair):
    outside, _ = start(pair)
    pair.speaker.reload({**pair.speaker.document, "drain": True})
    outside.pump(lambda: attribute(outside, RANGE, attributes.COMMUNITIES) == TAG)
    status, body = pair.speaker.request("POST", "/v1/undrain")
    assert status == 409 and b"/drain" in body
    pair.speaker.reload({**pair.speaker.document, "drain": False})
    outside.pump(lambda: attribute(outside, RANGE, attributes.COMMUNITIES) is None)
    assert pair.speaker.neighbor("p1")["flaps"] == 0


TOLD = "20.1.0.0/16"


def local_prefs(pair):
    """LOCAL_PREF of each neighbour's path to TOLD, as it is decided by."""
    return {path["neighbor"]: path["localPref"] for path in pair.speaker.paths(TOLD)}


def told_by_two(pair, **neighbor):
    """Two external peers that told us of the same prefix, the first one of the shorter path."""
    pair.start(external(1, **neighbor), external(2), originate=ORIGINATE)
    peers = [pair.peer(number).establish() for number in (1, 2)]
    for number, peer in enumerate(peers, 1):
        peer.send(attributes.announce([TOLD], (PEER_ASN,) * number, peer_address(number)))
        peer.send_end_of_rib()
        peer.pump(lambda p=peer: {RANGE, SERVICE} <= p.rib.keys())
    wait_until(lambda: len(pair.speaker.paths(TOLD)) == 2, 5, "both paths")
    pair.speaker.wait_in_kernel(TOLD)
    return peers


def test_a_drained_node_uses_what_it_learns_last_as_well(pair):
    told_by_two(pair)
    before = local_prefs(pair)
    assert pair.speaker.request("POST", "/v1/drain")[0] == 200
    wait_until(lambda: local_prefs(pair) == {"p1": 0, "p2": 0}, 5, lambda: local_prefs(pair))
    assert pair.speaker.in_kernel(TOLD), "last, but used"
    assert pair.speaker.request("POST", "/v1/undrain")[0] == 200
    wait_until(lambda: local_prefs(pair) == before, 5, lambda: local_prefs(pair))


def test_one_drained_neighbor_is_used_last_both_ways_over_a_restart_until_undone(pair, bgpd):
    ctl_binary = os.path.join(os.path.dirname(bgpd), "slash32ctl")
    first, second = told_by_two(pair)
    assert pair.speaker.best(TOLD)["neighbor"] == "p1"
    status, said = ctl(pair, ctl_binary, "neighbor", "drain", "p1")
    assert status == 0, said
    first.pump(lambda: attribute(first, RANGE, attributes.COMMUNITIES) == TAG)
    assert SERVICE in first.rib, "the node stays: its services are still there"
    wait_until(lambda: pair.speaker.best(TOLD)["neighbor"] == "p2", 5)
    assert attribute(second, RANGE, attributes.COMMUNITIES) is None
    assert pair.speaker.neighbor("p1")["drained"] == "an operator's order"
    assert pair.speaker.neighbor("p1")["flaps"] == 0
    assert any("neighbor p1 drained" in why for why in pair.speaker.get("/v1/status")["conditions"])
    assert pair.speaker.terminate() == 0
    pair.speaker.start()
    first = pair.peer(1).establish()
    first.send(attributes.announce([TOLD], (PEER_ASN,), peer_address(1)))
    first.pump(lambda: RANGE in first.rib and attribute(first, RANGE, attributes.COMMUNITIES) == TAG)
    wait_until(lambda: local_prefs(pair).get("p1") == 0, 10, lambda: local_prefs(pair))
    status, said = ctl(pair, ctl_binary, "neighbor", "undrain", "p1")
    assert status == 0, said
    first.pump(lambda: attribute(first, RANGE, attributes.COMMUNITIES) is None)
    wait_until(lambda: local_prefs(pair)["p1"] is None, 5, lambda: local_prefs(pair))
    assert "drained" not in pair.speaker.neighbor("p1")


def test_the_configuration_drains_a_neighbor_as_well_and_an_order_does_not_undo_that(pair):
    first, _ = told_by_two(pair)
    drained = [{**one, "drain": True} if one["name"] == "p1" else one for one in pair.speaker.document["neighbors"]]
    plain = pair.speaker.document["neighbors"]
    pair.speaker.reload({**pair.speaker.document, "neighbors": drained})
    first.pump(lambda: attribute(first, RANGE, attributes.COMMUNITIES) == TAG)
    wait_until(lambda: pair.speaker.best(TOLD)["neighbor"] == "p2", 5)
    status, body = pair.speaker.request("POST", "/v1/neighbors/p1/undrain")
    assert status == 409 and b"drain" in body
    pair.speaker.reload({**pair.speaker.document, "neighbors": plain})
    first.pump(lambda: attribute(first, RANGE, attributes.COMMUNITIES) is None)
    assert pair.speaker.neighbor("p1")["flaps"] == 0


def test_drain_then_shutdown_leaves_when_the_last_pod_is_gone_and_not_before(pair, bgpd):
    ctl_binary = os.path.join(os.path.dirname(bgpd), "slash32ctl")
    outside, _ = start(pair)
    pair.add_pod("pod1", POD)
    wait_until(lambda: pair.speaker.get("/v1/status")["pods"] == 1, 5, "the pod")
    status, said = ctl(pair, ctl_binary, "drain", "--then-shutdown", "--settle", "0", "--timeout", "1")
    assert status == 1 and "still 1 pods" in said, said
    assert pair.speaker.process.is_running() and RANGE in outside.rib
    pair.node.ip("link del pod1")
    status, said = ctl(pair, ctl_binary, "drain", "--then-shutdown", "--settle", "0", "--timeout", "20")
    assert status == 0, said
    outside.expect_notification(wire.CEASE, 2)
    assert pair.speaker.process.wait(15) == 0
    assert pair.node.routes(133) == []


# ---------------------------------------------------------------- other speakers


# How each writes GRACEFUL_SHUTDOWN, and a LOCAL_PREF of 0.
WRITTEN = {
    routers.Bird: ("(65535,0)", "BGP.local_pref: 0"),
    routers.Frr: ("graceful-shutdown", "localpref 0"),
    routers.Gobgp: ("[4294901760]", '{"type": 5, "value": 0}'),
    routers.Openbgpd: ("GRACEFUL_SHUTDOWN", "localpref 0"),
    routers.Exabgp: ("[ 65535, 0 ]", '"local-preference": 0'),
}


def told(router, prefix):
    """What a router says of our route: whether it carries GRACEFUL_SHUTDOWN, and a LOCAL_PREF of 0."""
    said = shown(router, prefix)
    return tuple(words in said for words in WRITTEN[type(router)])


@matrix.proves(matrix.DRAIN)
@over(routers.ALL)
def test_a_drained_router_sees_it_and_its_routes_are_used_last(pair, other):
    router = start_with_router(pair, other, {})
    wait_for_routes(pair, router)
    ranges = ("10.244.1.0/24", "fd00:10:244:1::/64")
    assert not any(told(router, prefix)[0] for prefix in ranges)
    assert pair.speaker.request("POST", "/v1/neighbors/router/drain")[0] == 200
    for prefix in ranges:
        wait_until(lambda prefix=prefix: told(router, prefix)[0], 10, lambda prefix=prefix: told(router, prefix))
        assert not other[1] or told(router, prefix)[1], shown(router, prefix)
    for prefix in (PREFIX, PREFIX6):
        wait_until(lambda prefix=prefix: pair.speaker.best(prefix)["localPref"] == 0, 10,
                   lambda prefix=prefix: pair.speaker.paths(prefix))
        assert pair.speaker.in_kernel(prefix), "last, but used"
    assert pair.speaker.request("POST", "/v1/neighbors/router/undrain")[0] == 200
    for prefix in ranges:
        wait_until(lambda prefix=prefix: not told(router, prefix)[0], 10, lambda prefix=prefix: told(router, prefix))
    wait_until(lambda: pair.speaker.best(PREFIX)["localPref"] != 0, 10, lambda: pair.speaker.paths(PREFIX))
    assert pair.speaker.neighbor("router")["flaps"] == 0
