"""Other people's restarts with us as the helper (RFC 4724). Ours with them as helpers are in `test_routers.py`."""

from test_features import over, start, wait_for_routes
from test_routers import RANGE, RANGE6, logs
from world import matrix, routers
from world.host import wait_until
from world.routers import PREFIX, PREFIX6

RESTARTING = {
    routers.Bird: {"session": "graceful restart on; graceful restart time 60;"},
    routers.Frr: {"session": "bgp graceful-restart\n bgp graceful-restart preserve-fw-state"},
    routers.Exabgp: {"session": "capability { graceful-restart 60; }"},
}


def lost(monitor):
    """The router's prefixes that went from a kernel."""
    return [line for line in monitor.log().splitlines()
            if line.startswith("Deleted") and any(prefix in line for prefix in (PREFIX, PREFIX6))]


@matrix.proves(matrix.THEIR_RESTART)
@over(RESTARTING)
def test_a_router_that_restarts_keeps_its_routes_here(pair, other):
    """Stale while it is away, then confirmed; the kernel sees nothing. Ours are there again."""
    made = start(pair, other, RESTARTING)
    wait_for_routes(pair, made)
    monitor = pair.node.monitor_routes()
    made.stop()
    wait_until(lambda: pair.speaker.state("router") != "Established", 20, "the end of its session")
    for prefix in (PREFIX, PREFIX6):
        assert pair.speaker.best(prefix)["stale"] is True
        assert pair.speaker.in_kernel(prefix)
    made.start_again()
    pair.speaker.wait_established("router", 40)
    for prefix in (PREFIX, PREFIX6):
        wait_until(lambda prefix=prefix: not pair.speaker.best(prefix)["stale"], 30, lambda: logs(pair))
    wait_for_routes(pair, made)
    assert made.has_route(RANGE) and made.has_route(RANGE6)
    shown = pair.speaker.neighbor("router")["gracefulRestart"]
    assert shown["remotePreserved"], shown
    assert not lost(monitor), lost(monitor)
