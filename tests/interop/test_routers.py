"""Interoperation with other speakers: a session, both families both ways, kernel routes, loss and return."""

import os

import pytest

from world import matrix, routers
from world.host import wait_until
from world.routers import PREFIX, PREFIX6, SELF
from world.speaker import ASN, neighbor

RANGE, RANGE6 = "10.244.1.0/24", "fd00:10:244:1::/64"
POD, POD6 = "10.200.0.7/32", "fd00:200::7/128"
HELPERS = (routers.Bird, routers.GracefulFrr, routers.GracefulGobgp, routers.Openbgpd)


@pytest.fixture
def router(request, pair):
    """slash32-bgpd beside one foreign speaker, both starting the connection; the session is up."""
    kind, is_internal = request.param
    if not kind.is_installed():
        assert not os.environ.get("SLASH32_INTEROP_ALL"), f"{kind.__name__} is not installed"
        pytest.skip(f"{kind.__name__} is not installed")
    asn = ASN if is_internal else 65001
    made = kind(pair.outside, asn)
    pair.add_pod("pod1", POD, POD6)
    pair.start(neighbor("router", SELF, asn, passive=False, holdTime=9, gracefulRestart=kind.graceful_restart),
               originate={"prefixes": [RANGE, RANGE6], "podRoutes": "all"})
    made.start()
    pair.speaker.wait_established("router", 40)
    return made


both = pytest.mark.parametrize("router", [(kind, internal) for kind in routers.ALL for internal in (False, True)],
                               ids=[f"{kind.__name__.lower()}-{'ibgp' if internal else 'ebgp'}"
                                    for kind in routers.ALL for internal in (False, True)], indirect=True)


def wait_for_everything(pair, router):
    """Every route of both sides at the other."""
    for prefix in (RANGE, RANGE6, POD, POD6):
        wait_until(lambda: router.has_route(prefix), 30, lambda: f"{prefix} at {router}:\n{logs(pair)}")
        if router.has_fib:
            shown = prefix.removesuffix("/32").removesuffix("/128")
            wait_until(lambda: router.kernel_has(shown), 20, f"{prefix} in the kernel of {router}")
    assert pair.speaker.wait_in_kernel(PREFIX, timeout=20)["gateway"] == SELF
    gateway = pair.speaker.wait_in_kernel(PREFIX6, timeout=20).get("gateway")
    assert gateway in addresses6(pair), "a global address of the other end, or its link-local one (RFC 2545)"


def addresses6(pair):
    """The other end's IPv6 addresses; which one is the next hop is its choice."""
    shown = pair.outside.ip_json("-6", "address", "show", "dev", "down0")
    return [one["local"] for one in shown[0]["addr_info"]]


def logs(pair):
    """What the foreign speaker wrote."""
    return "\n".join(process.log()[-2000:] for process in pair.outside.processes)


@matrix.proves(matrix.ROUTES)
@both
def test_routes_of_both_families_go_both_ways(pair, router):
    wait_for_everything(pair, router)
    best = pair.speaker.best(PREFIX)
    assert best["asPath"] == ([] if router.asn == ASN else [router.asn])
    # A pod that goes is withdrawn there, and only it.
    pair.node.run("ip", "link", "del", "pod1")
    for prefix in (POD, POD6):
        wait_until(lambda: not router.has_route(prefix), 20, f"{prefix} gone from {router}")
    assert router.has_route(RANGE)
    # The session comes back after a reset, and so do the routes.
    router.reset()
    wait_until(lambda: pair.speaker.neighbor("router")["flaps"] > 0, 20, "the reset")
    pair.speaker.wait_established("router", 40)
    wait_until(lambda: router.has_route(RANGE6), 30)
    pair.speaker.wait_in_kernel(PREFIX, timeout=20)


@matrix.proves(matrix.PACKETS)
@pytest.mark.parametrize("router", [(kind, internal) for kind in (routers.Bird, routers.Frr) for internal in (False, True)],
                         ids=["bird-ebgp", "bird-ibgp", "frr-ebgp", "frr-ibgp"], indirect=True)
def test_packets_follow_the_routes(pair, router):
    """From an address of the node's range to one of the router's prefix and back."""
    pair.node.ip("address add 10.200.0.7/32 dev lo", "address add fd00:200::7/128 dev lo")
    wait_for_everything(pair, router)
    pair.outside.ip("address add 20.1.0.1/32 dev lo", "address add 2a00:1::1/128 dev lo")
    for own, theirs in (("10.200.0.7", "20.1.0.1"), ("fd00:200::7", "2a00:1::1")):
        pair.node.run("ping", "-c", "1", "-W", "3", "-I", own, theirs)


@matrix.proves(matrix.OUR_RESTART)
@pytest.mark.parametrize("router", [(kind, internal) for kind in HELPERS for internal in (False, True)],
                         ids=[f"{kind.__name__.lower()}-{'ibgp' if internal else 'ebgp'}"
                              for kind in HELPERS for internal in (False, True)], indirect=True)
def test_a_restart_loses_no_kernel_route_on_either_side(pair, router):
    """SIGTERM and a new start under a helper, watched on both sides."""
    wait_for_everything(pair, router)
    monitors = [pair.node.monitor_routes(), pair.outside.monitor_routes()]
    pair.speaker.terminate()
    assert router.has_route(RANGE) and router.has_route(RANGE6), "the helper keeps them while we are away"
    pair.speaker.start()
    pair.speaker.wait_established("router", 40)
    wait_for_everything(pair, router)
    for monitor in monitors:
        lost = [line for line in monitor.log().splitlines() if line.startswith("Deleted") and "198.18" not in line]
        assert not lost, lost
