"""The reason for the end of a session (RFC 9003), as it arrives at the other side: ours there, and theirs here."""

from urllib.parse import quote

from test_features import over, start, wait_for_routes
from test_routers import RANGE, RANGE6, logs
from world import matrix, routers
from world.host import wait_until
from world.routers import PREFIX, PREFIX6

REASON = "maintenance of rack 7"

# Where each shows what it was told.
SEEN = {
    routers.Bird: lambda made: made.birdc("show", "protocols", "all", "slash32"),
    routers.Frr: lambda made: made.vtysh(f"show bgp neighbors {made.peer} json"),
    routers.Gobgp: lambda made: made.host.processes[-1].log(),
    routers.Openbgpd: lambda made: made.bgpctl("show", "neighbor", made.peer),
}

# How its operator gives one, and takes the order back.
ORDERS = {
    routers.Bird: (lambda made: made.birdc("disable", "slash32", f'"{REASON}"'), lambda made: made.birdc("enable", "slash32")),
    routers.Frr: (lambda made: made.configure(f"neighbor {made.peer} shutdown message {REASON}"),
                  lambda made: made.configure(f"no neighbor {made.peer} shutdown")),
    routers.Gobgp: (lambda made: made.gobgp("neighbor", made.peer, "shutdown", "--reason", REASON),
                    lambda made: made.gobgp("neighbor", made.peer, "enable")),
    routers.Openbgpd: (lambda made: made.bgpctl("neighbor", made.peer, "down", REASON),
                       lambda made: made.bgpctl("neighbor", made.peer, "up")),
}


def order(pair, verb, **words):
    """An operator's order to us."""
    query = "&".join(f"{key}={quote(value)}" for key, value in words.items())
    status, body = pair.speaker.request("POST", f"/v1/neighbors/router/{verb}?{query}")
    assert status == 200, body


@matrix.proves(matrix.REASON_TO)
@over(SEEN)
def test_a_session_that_we_disable_ends_there_with_our_reason(pair, other):
    """And its routes with it; enabled again they are back."""
    made = start(pair, other, {})
    wait_for_routes(pair, made)
    order(pair, "disable", reason=REASON)
    wait_until(lambda: REASON in SEEN[other[0]](made), 20, lambda: SEEN[other[0]](made) + logs(pair))
    wait_until(lambda: not made.has_route(RANGE) and not made.has_route(RANGE6), 20, "the end of our routes there")
    for prefix in (PREFIX, PREFIX6):
        pair.speaker.wait_not_in_kernel(prefix)
    order(pair, "enable")
    wait_for_routes(pair, made)


@matrix.proves(matrix.REASON_FROM)
@over(ORDERS)
def test_a_session_that_its_operator_ends_has_his_reason_here(pair, other):
    """Graceful restart or not, it is an end: its routes go at once. They are back when he takes it back."""
    disable, enable = ORDERS[other[0]]
    made = start(pair, other, {})
    wait_for_routes(pair, made)
    disable(made)
    wait_until(lambda: pair.speaker.neighbor("router")["flaps"] > 0, 20, lambda: logs(pair))
    received = pair.speaker.neighbor("router")["errors"]["received"]
    assert (received["code"], received["text"]) == (6, REASON), received
    for prefix in (PREFIX, PREFIX6):
        pair.speaker.wait_not_in_kernel(prefix)
    enable(made)
    wait_for_routes(pair, made)
