"""BFD for BGP sessions (RFC 5882) with BIRD and FRR, over either family: a failure takes session and routes, and a restart of
the other side keeps its routes although its BFD ends with it."""

import pytest

from test_features import over, start, wait_for_routes
from test_over_ipv6 import with_ipv6
from test_routers import RANGE, RANGE6
from test_their_restart import RESTARTING, lost
from world import bfd, matrix, routers
from world.host import wait_until
from world.routers import PREFIX, PREFIX6

PATIENT = 40  # of ours: the other side itself would notice after two seconds
TIMERS = "interval 50 ms; multiplier 3; idle tx interval 1 s;"


class BfdBird(routers.Bird):
    """BIRD that ends without a word."""

    def stop(self):
        self._process.kill()


class BfdFrr(routers.Frr):
    """FRR with bfdd; both end without a word."""

    programs = (*routers.Frr.programs, "/usr/lib/frr/bfdd")
    _bfdd = None

    def start_again(self):
        self._bfdd = self.host.spawn("/usr/lib/frr/bfdd", "-u", "frr", "-g", "frr", "-f", "/dev/null", "--vty_socket", "/run/frr",
                                     "-z", "/run/frr/zserv.api", "-i", "/run/frr/bfdd.pid", "--bfdctl", "/run/frr/bfdd.sock")
        wait_until(lambda: "bfd" in self.vtysh("show zebra client summary", daemon="zebra"), 20, "bfdd at zebra")
        super().start_again()

    def stop(self):
        self._bfdd.kill()  # first: it would say goodbye for a bgpd that goes
        super().stop()


WORDS = {
    BfdBird: {"session": "bfd on;", "more": f'protocol bfd watch {{ interface "*" {{ {TIMERS} }}; multihop {{ {TIMERS} }}; }}\n'},
    BfdFrr: {"session": "neighbor 10.9.0.1 bfd 3 50 50"},
}
ONE_HOP = {BfdFrr: {"multihop": False}}  # it goes by where the neighbour is, BIRD and we by the type of the session
FAMILIES = pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])


def begin(pair, other, family, restarting=""):
    """Both, with BFD Up between them and all routes there."""
    words = {kind: {**said, "session": f"{said['session']}\n {restarting}"} for kind, said in WORDS.items()}
    made = start(pair, other, words if family == 4 else with_ipv6(words), transport=family,
                 bfd={"minTx": 50, "minRx": 50, "multiplier": PATIENT, **ONE_HOP.get(other[0], {})})
    wait_for_routes(pair, made)
    wait_bfd(pair, state="Up", remoteState="Up", detectionTime=150)
    return made


def wait_bfd(pair, **expected):
    """Waits for what the control interface says of BFD."""
    def shown():
        return pair.speaker.neighbor("router").get("bfd", {})
    wait_until(lambda: expected.items() <= shown().items(), 20, lambda: f"{expected}: {shown()}")
    return shown()


@matrix.proves(matrix.BFD_BGP)
@over(WORDS)
@FAMILIES
def test_a_failed_path_takes_the_session_and_all_routes_at_both_ends(pair, other, family):
    made = begin(pair, other, family)
    bfd.cut(pair.node)
    for prefix in (PREFIX, PREFIX6):
        pair.speaker.wait_not_in_kernel(prefix)
    shown = pair.speaker.neighbor("router")
    assert shown["lastError"].startswith("BFD: control detection time expired; sent Cease/BFD"), shown
    for prefix in (RANGE, RANGE6):
        wait_until(lambda prefix=prefix: not made.has_route(prefix), 10, f"the end of {prefix} there")
    bfd.uncut(pair.node)
    wait_bfd(pair, state="Up")
    wait_for_routes(pair, made)


@matrix.proves(matrix.BFD_RESTART)
@over(WORDS)
@FAMILIES
def test_stale_routes_of_a_restarting_router_stay_when_its_bfd_ends_with_it(pair, other, family):
    """RFC 5882 section 4.3: its BFD is not independent of its control plane (C=0)."""
    made = begin(pair, other, family, RESTARTING[other[0].__mro__[1]]["session"])
    monitor = pair.node.monitor_routes()
    made.stop()
    assert wait_bfd(pair, state="Down")["diagnostic"] == "control detection time expired"
    shown = pair.speaker.neighbor("router")
    assert shown["state"] != "Established" and shown["lastError"].startswith("connection lost"), shown
    for prefix in (PREFIX, PREFIX6):
        assert pair.speaker.best(prefix)["stale"] is True
        assert pair.speaker.in_kernel(prefix)
    assert not lost(monitor), lost(monitor)
    made.start_again()
    wait_bfd(pair, state="Up")
    wait_for_routes(pair, made)
    # FRR 8.4 may make its BFD session anew once BGP is up, which is a failure to whoever sees it.
    assert other[0] is BfdFrr or not lost(monitor), lost(monitor)
