"""What the node announces: aggregates with their blackholes, pods as the kernel has them; and what it never touches."""

import signal
import socket

import pytest

from bgp import attributes, wire
from world.host import wait_until
from world.pair import PEER_ASN, external, internal, peer_address, peer_address6
from world.speaker import ADDRESS, ADDRESS6, AGGREGATE, ASN

RANGE, RANGE6 = "10.244.1.0/24", "fd00:10:244:1::/64"
POD, POD6 = "10.244.1.5/32", "fd00:10:244:1::5/128"
OUTSIDE, OUTSIDE6 = "10.200.0.7/32", "fd00:200::7/128"
ORIGINATE = {"prefixes": [RANGE, RANGE6]}


def test_the_blackhole_is_in_the_kernel_when_the_aggregate_is_announced(pair):
    pair.start(external(1), originate=ORIGINATE)
    peer = pair.peer(1).establish()
    for prefix in (RANGE, RANGE6):
        peer.pump(lambda: prefix in peer.rib)
        route = pair.speaker.in_kernel(prefix, AGGREGATE)
        assert route and route["type"] == "blackhole" and route["metric"] == 128, route
    assert peer.rib[RANGE].next_hop == ADDRESS
    assert peer.rib[RANGE6].next_hop == ADDRESS6
    assert peer.rib[RANGE].attributes[attributes.AS_PATH][1] == attributes.segment(2, ASN)


def test_an_aggregate_whose_blackhole_goes_gets_it_back(pair):
    pair.start(external(1), originate=ORIGINATE)
    pair.speaker.wait_in_kernel(RANGE, AGGREGATE)
    pair.node.run("ip", "route", "del", "blackhole", RANGE, "metric", "128")
    pair.speaker.wait_in_kernel(RANGE, AGGREGATE, timeout=10)


def test_pods_inside_an_aggregate_are_not_announced(pair):
    pair.add_pod("pod1", POD, POD6)
    pair.add_pod("pod2", OUTSIDE, OUTSIDE6)
    pair.start(external(1), originate=ORIGINATE)
    peer = pair.peer(1).establish()
    peer.pump(lambda: {OUTSIDE, OUTSIDE6} <= set(peer.rib) and len(peer.end_of_rib) == 2)
    assert set(peer.rib) == {RANGE, RANGE6, OUTSIDE, OUTSIDE6}


def test_pod_routes_none_announces_no_pod(pair):
    pair.add_pod("pod2", OUTSIDE)
    pair.start(external(1), originate={**ORIGINATE, "podRoutes": "none"})
    peer = pair.peer(1).establish()
    peer.pump(lambda: len(peer.end_of_rib) == 2)
    assert set(peer.rib) == {RANGE, RANGE6}


def test_a_pod_that_comes_and_goes_is_announced_and_withdrawn(pair):
    pair.start(external(1), originate={**ORIGINATE, "podRoutes": "all"})
    peer = pair.peer(1).establish()
    peer.pump(lambda: RANGE in peer.rib)
    pair.add_pod("pod1", POD, POD6)
    peer.pump(lambda: {POD, POD6} <= set(peer.rib))
    pair.node.run("ip", "route", "del", POD, "proto", "132")
    peer.pump(lambda: POD not in peer.rib)
    assert POD6 in peer.rib
    pair.node.run("ip", "-6", "route", "del", POD6, "proto", "132")
    peer.pump(lambda: POD6 not in peer.rib)


@pytest.mark.parametrize("how", ["del", "set"], ids=["deleted", "down"])
def test_a_link_that_goes_behind_everyones_back_withdraws_its_pods(pair, how):
    """IPv4 routes of a link vanish without an event of their own."""
    pair.start(external(1), originate={**ORIGINATE, "podRoutes": "all"})
    peer = pair.peer(1).establish()
    pair.add_pod("pod1", POD, POD6)
    pair.add_pod("pod2", OUTSIDE)
    peer.pump(lambda: {POD, POD6, OUTSIDE} <= set(peer.rib))
    pair.node.run("ip", "link", how, "pod1", *(["down"] if how == "set" else []))
    peer.pump(lambda: not {POD, POD6} & set(peer.rib))
    assert OUTSIDE in peer.rib


def test_pods_of_before_the_start_are_announced(pair):
    pair.add_pod("pod1", POD, POD6)
    pair.start(external(1), originate={**ORIGINATE, "podRoutes": "all"})
    peer = pair.peer(1).establish()
    peer.pump(lambda: {POD, POD6} <= set(peer.rib))


@pytest.mark.parametrize("kind", ["ebgp", "ibgp"])
@pytest.mark.parametrize("pod_routes", ["outside-aggregates", "all"])
def test_a_live_pods_exact_prefix_from_a_peer_changes_nothing(pair, kind, pod_routes):
    is_internal = kind == "ibgp"
    pair.add_pod("pod1", POD, POD6)
    make = internal if is_internal else external
    pair.start(make(1), originate={**ORIGINATE, "podRoutes": pod_routes})
    peer = pair.peer(1, ASN if is_internal else PEER_ASN).establish()
    before = pair.node.routes(132) + pair.node.routes(132, 6)
    path = (65010,) if is_internal else (PEER_ASN,)
    peer.send(attributes.announce([POD], path, peer_address(1), internal=is_internal),
              attributes.announce6([POD6], path, peer_address6(1), internal=is_internal),
              attributes.announce(["20.1.0.0/16"], path, peer_address(1), internal=is_internal))
    pair.speaker.wait_in_kernel("20.1.0.0/16")
    assert pair.node.routes(132) + pair.node.routes(132, 6) == before
    assert not pair.speaker.in_kernel(POD) and not pair.speaker.in_kernel(POD6)


def test_a_pod_that_arrives_after_its_prefix_was_learned_wins(pair):
    """A pod that moved here: iBGP's route to it gives way, and comes back when the pod goes."""
    pair.start(internal(1), originate=ORIGINATE)
    peer = pair.peer(1, ASN).establish()
    peer.send(attributes.announce([POD], (), peer_address(1), internal=True))
    pair.speaker.wait_in_kernel(POD)
    pair.add_pod("pod1", POD)
    pair.speaker.wait_not_in_kernel(POD)
    pair.node.run("ip", "link", "del", "pod1")
    pair.speaker.wait_in_kernel(POD)


def test_foreign_routes_are_never_touched(pair):
    """A foreign route in the place of ours is a conflict: neither merged, nor replaced, nor removed."""
    foreign = ["20.1.0.0/16 via 10.9.1.2 proto static metric 512", "20.2.0.0/16 via 10.9.1.2 proto bird",
               f"blackhole {RANGE} proto static metric 128", "10.200.0.9/32 dev up0 proto 99 metric 64"]
    for route in foreign:
        pair.node.run("ip", "route", "add", *route.split())
    before = {route["dst"]: route for route in pair.node.routes() if route.get("protocol") not in ("kernel",)}
    pair.start(external(1), originate=ORIGINATE)
    peer = pair.peer(1).establish()
    peer.send(attributes.announce(["20.1.0.0/16", "20.2.0.0/16", "20.3.0.0/16"], (PEER_ASN,), peer_address(1)))
    pair.speaker.wait_in_kernel("20.3.0.0/16")
    peer.send(attributes.withdraw("20.1.0.0/16", "20.2.0.0/16", "20.3.0.0/16"))
    pair.speaker.wait_not_in_kernel("20.3.0.0/16")
    pair.speaker.shutdown()
    after = {route["dst"]: route for route in pair.node.routes() if route.get("protocol") not in ("kernel",)}
    assert after == before


def test_shutdown_leaves_nothing(pair):
    pair.add_pod("pod1", POD, POD6)
    before = [pair.node.ip_json("-4", "route", "show", "table", "all"),
              [r for r in pair.node.ip_json("-6", "route", "show", "table", "all")], pair.node.ip_json("rule", "show")]
    pair.start(external(1), originate=ORIGINATE)
    peer = pair.peer(1).establish()
    peer.send(attributes.announce(["20.1.0.0/16"], (PEER_ASN,), peer_address(1)),
              attributes.announce6(["2a00:1::/48"], (PEER_ASN,), peer_address6(1)))
    pair.speaker.wait_in_kernel("20.1.0.0/16")
    pair.speaker.wait_in_kernel("2a00:1::/48")
    assert pair.speaker.shutdown() == 0, "systemd must not start it again"
    after = [pair.node.ip_json("-4", "route", "show", "table", "all"),
             [r for r in pair.node.ip_json("-6", "route", "show", "table", "all")], pair.node.ip_json("rule", "show")]
    assert after == before
    wait_until(lambda: pair.node.run("test", "!", "-e", pair.speaker.socket, check=False).returncode == 0, 2,
               "the control socket's file gone")


def test_a_control_client_that_does_not_read_delays_no_leaving(pair):
    """Our kernel routes go once the withdraws are out, whoever still hangs on the control socket."""
    pair.start(external(1), originate=ORIGINATE)
    pair.peer(1).establish()
    wait_until(lambda: pair.node.routes(133), 5)
    with socket.socket(socket.AF_UNIX) as idle:
        idle.connect(pair.speaker.socket)
        idle.sendall(b"GET /v1/status HTTP/1.1\r\nHost: x\r\n")  # never finished
        pair.speaker.request("POST", "/v1/shutdown")
        wait_until(lambda: not pair.node.routes(133) and not pair.node.routes(133, 6), 3)


def test_a_single_best_path_is_no_multipath(pair):
    pair.start(external(1), external(2))
    one, two = pair.peer(1).establish(), pair.peer(2).establish()
    one.send(attributes.announce(["20.1.0.0/16"], (PEER_ASN,), peer_address(1)))
    pair.speaker.wait_in_kernel("20.1.0.0/16")
    assert [path["multipath"] for path in pair.speaker.paths("20.1.0.0/16")] == [False]
    two.send(attributes.announce(["20.1.0.0/16"], (PEER_ASN,), peer_address(2)))
    wait_until(lambda: [path["multipath"] for path in pair.speaker.paths("20.1.0.0/16")] == [True, True], 5)


def test_two_equal_paths_become_one_multipath_route(pair):
    """ECMP into the kernel, and back to one next hop."""
    pair.start(external(1), external(2))
    one, two = pair.peer(1).establish(), pair.peer(2).establish()
    one.send(attributes.announce(["20.1.0.0/16"], (PEER_ASN,), peer_address(1)))
    pair.speaker.wait_in_kernel("20.1.0.0/16")
    two.send(attributes.announce(["20.1.0.0/16"], (PEER_ASN,), peer_address(2)))
    route = wait_until(lambda: (r := pair.speaker.in_kernel("20.1.0.0/16")) and "nexthops" in r and r, 5)
    assert {hop["gateway"] for hop in route["nexthops"]} == {peer_address(1), peer_address(2)}
    two.send(wire.notification(wire.CEASE, 2))
    wait_until(lambda: pair.speaker.in_kernel("20.1.0.0/16").get("gateway") == peer_address(1), 5)


def test_learned_routes_have_our_metric_and_come_back_after_a_link_flap(pair):
    pair.start(external(1, holdTime=90))
    peer = pair.peer(1).establish()
    peer.send(attributes.announce(["20.1.0.0/16"], (PEER_ASN,), peer_address(1)))
    route = pair.speaker.wait_in_kernel("20.1.0.0/16")  # asked for by protocol 134
    assert (route["metric"], route["gateway"]) == (512, peer_address(1))
    pair.node.ip("link set up0 down", "link set up0 up")
    pair.speaker.wait_in_kernel("20.1.0.0/16", timeout=10)


def events_lost(host):
    """How many of the kernel's messages found no room in a netlink socket of the host."""
    lines = host.run("cat", "/proc/net/netlink").stdout.splitlines()
    drops = lines[0].split().index("Drops")
    return sum(int(line.split()[drops]) for line in lines[1:])


def test_a_table_that_somebody_flushes_comes_back_though_most_events_of_it_are_lost(pair):
    """After an overrun everything is looked at again: nothing says which routes went."""
    prefixes = [f"{20 + at // 65536}.{at // 256 % 256}.{at % 256}.0/24" for at in range(60_000)]
    pair.start(external(1, maxPrefixes={"in": len(prefixes)}))
    peer = pair.peer(1).establish()
    peer.send(*[attributes.announce(prefixes[at:at + 900], (PEER_ASN,), peer_address(1))
                for at in range(0, len(prefixes), 900)])
    installed = lambda: len(pair.node.run("ip", "-4", "route", "show", "proto", "134").stdout.splitlines())
    wait_until(lambda: installed() == len(prefixes), 30, lambda: f"{installed()} routes")
    before = events_lost(pair.node)
    pair.speaker.process.send(signal.SIGSTOP)  # it reads none of them meanwhile
    try:
        pair.node.run("ip", "-4", "route", "flush", "proto", "134")
        assert not installed()
    finally:
        pair.speaker.process.send(signal.SIGCONT)
    wait_until(lambda: installed() == len(prefixes), 30, lambda: f"{installed()} routes")
    assert events_lost(pair.node) > before, "nothing was lost: nothing was tried"
    assert pair.speaker.neighbor("p1")["flaps"] == 0
