"""RFC 9494: after the restart time stale routes stay as the last resort; raw peers, BIRD and FRR, in both roles."""

import struct

import pytest

from bgp import attributes, wire
from world import matrix, routers, speaker
from world.host import wait_until
from world.pair import PEER_ASN, connect, external, internal, peer_address
from world.routers import PREFIX, PREFIX6, SELF
from world.shown import shown
from world.speaker import ADDRESS, ASN

from test_routers import RANGE, RANGE6, logs

CAP_LONG_LIVED = 71
KEPT, NEVER = "20.1.0.0/16", "20.2.0.0/16"
STALE, NO_LLGR, NO_EXPORT = "65535:6", "65535:7", "65535:65281"
LONG = {"gracefulRestart": {"longLived": {"staleTime": 600}}}


def long_lived(time, *, forwarding=True, families=(wire.IPV4, wire.IPV6)):
    """RFC 9494 section 3.1: the capability."""
    return wire.capability(CAP_LONG_LIVED, b"".join(
        struct.pack("!HBI", afi, safi, (0x80000000 if forwarding else 0) | time) for afi, safi in families))


def capabilities(time=None, *, restart_time=1, asn=PEER_ASN):
    """A peer with graceful restart, and long-lived where there is a time for it."""
    out = [wire.multiprotocol(wire.IPV4), wire.multiprotocol(wire.IPV6), wire.as4(asn),
           wire.graceful_restart(restart_time, forwarding=True)]
    return out + ([long_lived(time)] if time is not None else [])


def communities(update):
    """The communities of an UPDATE, as text."""
    value = update.attributes.get(attributes.COMMUNITIES, (0, b""))[1]
    return [f"{a}:{b}" for a, b in struct.iter_unpack("!HH", value)]


def with_routes(pair, time=4, **options):
    """A session with two routes in the kernel, one of them with NO_LLGR."""
    peer = pair.peer(1).establish(capabilities=capabilities(time, **options))
    peer.send(attributes.announce([KEPT], (PEER_ASN,), peer_address(1)),
              attributes.announce([NEVER], (PEER_ASN,), peer_address(1), attributes.communities(NO_LLGR)))
    peer.send_end_of_rib()
    for prefix in (KEPT, NEVER):
        pair.speaker.wait_in_kernel(prefix)
    return peer


def wait_long_lived(pair, prefix, timeout=6):
    """Waits until a path is the last resort; the path."""
    def found():
        return next((path for path in pair.speaker.paths(prefix) if path.get("longLivedStale")), None)
    return wait_until(found, timeout, f"{prefix} long-lived stale")


def test_section_3_1_the_capability_has_the_time_of_each_family(pair):
    pair.start(external(1, gracefulRestart={"longLived": {"staleTime": 600, "staleTime6": 700}}), external(2))
    peer = pair.peer(1).establish(capabilities=capabilities(5))
    assert peer.open.capability(CAP_LONG_LIVED) == struct.pack("!HBIHBI", 1, 1, 600, 2, 1, 700)
    shown = pair.speaker.neighbor("p1")["gracefulRestart"]["longLived"]
    assert shown == {"offered": True, "remote": True, "staleTime": {"ipv4": 5, "ipv6": 5}}
    assert pair.peer(2).establish().open.capability(CAP_LONG_LIVED) is None, "off by default"


def test_section_4_2_stale_routes_become_the_last_resort_and_then_go(pair):
    pair.start(external(1, **LONG), external(2, **LONG), external(3))
    knowing = pair.peer(2).establish(capabilities=capabilities(9, restart_time=60))
    plain = pair.peer(3).establish()
    peer = with_routes(pair)
    for other in (knowing, plain):
        other.pump(lambda other=other: {KEPT, NEVER} <= set(other.rib))
    monitor = pair.node.monitor_routes()
    peer.close()
    path = wait_long_lived(pair, KEPT)
    assert path["best"] and path["stale"] and "llgr-stale" in path["communities"]
    knowing.pump(lambda: communities(knowing.rib[KEPT]) == [STALE] and NEVER not in knowing.rib)
    plain.pump(lambda: not {KEPT, NEVER} & set(plain.rib))
    pair.speaker.wait_not_in_kernel(NEVER)
    assert pair.speaker.in_kernel(KEPT) and f"Deleted {KEPT}" not in monitor.log()
    stale = pair.speaker.neighbor("p1")["stale"]
    assert [one["family"] for one in stale if one["longLived"]] == ["ipv4", "ipv6"], stale
    pair.speaker.wait_not_in_kernel(KEPT, timeout=8)
    knowing.pump(lambda: KEPT not in knowing.rib)
    assert "stale" not in pair.speaker.neighbor("p1")


def test_section_4_4_any_other_route_is_better(pair):
    pair.start(external(1, **LONG), external(2))
    peer = with_routes(pair, 60)
    other = pair.peer(2).establish()
    other.send(attributes.announce([KEPT], (PEER_ASN, 65010, 65011), peer_address(2)))
    wait_until(lambda: len(pair.speaker.paths(KEPT)) == 2, 5)
    assert pair.speaker.best(KEPT)["neighbor"] == "p1"
    peer.close()
    wait_until(lambda: pair.speaker.best(KEPT)["neighbor"] == "p2", 6)
    assert pair.speaker.in_kernel(KEPT)["gateway"] == peer_address(2)
    last = next(path for path in pair.speaker.paths(KEPT) if path["neighbor"] == "p1")
    assert last["why"] == "long-lived stale: the last resort (RFC 9494)"


def test_section_4_2_a_peer_that_returns_makes_them_routes_again(pair):
    pair.start(external(1, **LONG))
    with_routes(pair, 60).close()
    wait_long_lived(pair, KEPT)
    again = pair.peer(1).establish(capabilities=capabilities(60))
    assert pair.speaker.best(KEPT)["longLivedStale"], "until it says it again"
    again.send(attributes.announce([KEPT], (PEER_ASN,), peer_address(1)))
    again.send_end_of_rib()
    wait_until(lambda: not pair.speaker.best(KEPT).get("longLivedStale"), 5)
    assert pair.speaker.best(KEPT)["communities"] == []


def test_section_4_2_without_f_in_the_capability_they_go_at_once(pair):
    pair.start(external(1, **LONG))
    with_routes(pair, 60).close()
    wait_long_lived(pair, KEPT)
    pair.peer(1).establish(capabilities=capabilities()[:4] + [long_lived(60, forwarding=False)])
    pair.speaker.wait_not_in_kernel(KEPT)


def test_section_4_6_partial_deployment_within_the_as(pair):
    partial = {"gracefulRestart": {"longLived": {"partialDeployment": True}}}
    pair.start(external(1, **LONG), internal(2, **partial), internal(3))
    first = pair.peer(2, asn=ASN).establish(capabilities=capabilities(asn=ASN))
    second = pair.peer(3, asn=ASN).establish(capabilities=capabilities(asn=ASN))
    peer = with_routes(pair, 60)
    for other in (first, second):
        other.pump(lambda other=other: KEPT in other.rib)
    peer.close()
    first.pump(lambda: sorted(communities(first.rib[KEPT])) == sorted([STALE, NO_EXPORT]))
    assert first.rib[KEPT].attributes[attributes.LOCAL_PREF][1] == bytes(4)
    second.pump(lambda: KEPT not in second.rib)


def test_section_5_each_family_is_enabled_by_itself(pair):
    pair.start(external(1, gracefulRestart={"longLived": {"staleTime4": 600}}))
    peer = pair.peer(1).establish(capabilities=capabilities(60))
    assert peer.open.capability(CAP_LONG_LIVED) == struct.pack("!HBIHBI", 1, 1, 600, 2, 1, 0)
    shown = pair.speaker.neighbor("p1")["gracefulRestart"]["longLived"]
    assert shown["staleTime"] == {"ipv4": 60, "ipv6": 0}, "whatever the neighbour asks for"
    peer.close()
    wait_until(lambda: [one["family"] for one in pair.speaker.neighbor("p1").get("stale", ())] == ["ipv4"], 6)
    assert pair.speaker.neighbor("p1")["stale"][0]["longLived"]


def test_who_is_only_long_lived_stale_makes_room_in_a_full_range_and_who_restarts_does_not(pair):
    pair.start(dynamicNeighbors=[{"name": "rack", "range": "10.9.1.0/24", "remoteAs": "external", "limit": 1,
                                  "import": ["all"], **LONG}])
    pair.peer(1).establish(capabilities=capabilities(60, restart_time=6)).close()
    assert pair.peer(2).end() is None, "the first one may come back within its restart time"
    name = f"rack-{peer_address(1)}"
    stale = lambda: pair.speaker.neighbor(name).get("stale")  # once its end has been noticed
    wait_until(lambda: (found := stale()) and all(one["longLived"] for one in found), 10)
    listed = lambda: [one["name"] for one in pair.speaker.get("/v1/neighbors")["neighbors"]]
    caller = connect(pair.outside, peer_address(2), ADDRESS)
    wait_until(lambda: len(listed()) == 2, 5)
    caller.close()
    assert name in listed(), "a call alone takes nobody's place"
    pair.peer(2).establish()
    wait_until(lambda: listed() == [f"rack-{peer_address(2)}"], 5)
    assert [one["address"] for one in pair.speaker.get("/v1/neighbors")["neighbors"]] == [peer_address(2)]


# ---------------------------------------------------------------- other speakers

RESTART = {routers.Bird: {"session": "graceful restart on; graceful restart time 1; long lived graceful restart on; "
                                     "long lived stale time 600;"},
           routers.Frr: {"session": "bgp graceful-restart\n bgp graceful-restart restart-time 1\n"
                                    " bgp graceful-restart preserve-fw-state\n"
                                    " bgp long-lived-graceful-restart stale-time 600"},
           routers.Gobgp: {"family": """[neighbors.afi-safis.mp-graceful-restart.config]
enabled = true
[neighbors.afi-safis.long-lived-graceful-restart.config]
enabled = true
restart-time = 600""", "more": """
[neighbors.graceful-restart.config]
enabled = true
restart-time = 1
long-lived-enabled = true
"""}}


@pytest.fixture(name="far", params=[(kind, internal) for kind in RESTART for internal in (False, True)],
                ids=[f"{kind.__name__.lower()}-{'ibgp' if internal else 'ebgp'}" for kind in RESTART for internal in (False, True)])
def far_router(request, pair):
    """slash32-bgpd and a router, both with a restart time of 1 s and long-lived times behind it."""
    kind, is_internal = request.param
    asn = speaker.ASN if is_internal else PEER_ASN
    if not kind.is_installed():
        pytest.skip(f"{kind.__name__} is not installed")
    made = kind(pair.outside, asn, **RESTART[kind])
    pair.start(speaker.neighbor("router", SELF, asn, passive=False, holdTime=9,
                                gracefulRestart={"restartTime": 1, "longLived": {"staleTime": 600}}),
               originate={"prefixes": [RANGE, RANGE6]})
    made.start()
    pair.speaker.wait_established("router", 40)
    wait_until(lambda: made.has_route(RANGE) and made.has_route(RANGE6), 30, lambda: logs(pair))
    pair.speaker.wait_in_kernel(PREFIX, timeout=20)
    pair.speaker.wait_in_kernel(PREFIX6, timeout=20)
    return made


@matrix.proves(matrix.LONG_LIVED)
def test_a_router_that_is_away_for_long_loses_no_kernel_route(pair, far):
    shown = pair.speaker.neighbor("router")["gracefulRestart"]["longLived"]
    assert shown["staleTime"] == {"ipv4": 600, "ipv6": 600}, shown
    monitor = pair.node.monitor_routes()
    for process in pair.outside.processes:
        process.kill()
    for prefix in (PREFIX, PREFIX6):
        assert wait_long_lived(pair, prefix, 15)["best"]
        assert pair.speaker.in_kernel(prefix)
    lost = [line for line in monitor.log().splitlines() if line.startswith("Deleted") and PREFIX in line]
    assert not lost, lost
    far.start()
    pair.speaker.wait_established("router", 40)
    wait_until(lambda: far.has_route(RANGE), 30, lambda: logs(pair))
    for prefix in (PREFIX, PREFIX6):
        wait_until(lambda prefix=prefix: pair.speaker.best(prefix) and not pair.speaker.best(prefix)["stale"], 30,
                   lambda: logs(pair))
        assert not pair.speaker.best(prefix).get("longLivedStale")


def is_marked(far, prefix):
    """Whether the router has the route, with LLGR_STALE."""
    if isinstance(far, routers.Bird):
        return "(65535,6)" in far.birdc("show", "route", "all", prefix).replace(" ", "")
    if isinstance(far, routers.Gobgp):
        return str(0xFFFF0006) in shown(far, prefix)
    family = "ipv6" if ":" in prefix else "ipv4"
    return "llgr-stale" in far.vtysh(f"show bgp {family} unicast {prefix}").lower()


@matrix.proves(matrix.LONG_LIVED)
def test_we_are_away_for_long_and_the_router_keeps_our_routes(pair, far):
    pair.speaker.terminate()
    for prefix in (RANGE, RANGE6):
        wait_until(lambda prefix=prefix: is_marked(far, prefix), 15, lambda: logs(pair))
        assert not far.has_fib or far.kernel_has(prefix)
    pair.speaker.start()
    pair.speaker.wait_established("router", 40)
    for prefix in (RANGE, RANGE6):
        wait_until(lambda prefix=prefix: far.has_route(prefix) and not is_marked(far, prefix), 30, lambda: logs(pair))
