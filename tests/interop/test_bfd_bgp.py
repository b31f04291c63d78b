"""BFD for BGP sessions (RFC 5882): slash32-bgpd against BIRD 2 at 50 ms x 3, also while a table comes and goes."""

import copy
import re
import time

import pytest

from test_bfd import DETECT, SLACK, hosts  # pylint: disable=unused-import
from world import bfd, matrix
from world.bfd import LINK, OURS, THEIRS
from world.host import wait_until
from world.speaker import ASN, Speaker, neighbor as configured

OWN, OWN6 = "10.244.1.0/24", "fd00:10:244:1::/64"  # what slash32-bgpd announces


class Bgp:
    """slash32-bgpd on one host, BIRD on the other; both with BFD for their BGP session."""

    def __init__(self, hosts, bgpd, *, asn=bfd.ASN, detect=("bfd on",), interface=None, family=4, many=0, kernel=None,
                 **settings):
        self.hosts, self.family = hosts, family
        self.own, self.learned = (OWN, bfd.PREFIX) if family == 4 else (OWN6, bfd.PREFIX6)
        one = configured("bird", THEIRS[family], asn, bindInterface=interface, maxPrefixes={"in": 10_000 + many},
                         bfd={"minTx": 50, "minRx": 50, **settings})
        self.speaker = Speaker(hosts[0], bgpd, neighbors=[one], originate={"prefixes": [OWN, OWN6]},
                               kernel={"maxRoutes": 10_000 + many, **(kernel or {})})
        self.bird = bfd.BgpBird(hosts[1], family, asn=asn, detect=detect, many=many)

    def start(self):
        """Both, until everything is up."""
        self.speaker.start()
        self.bird.start(f"{OURS[self.family]} as {ASN}")
        self.speaker.wait_best(self.learned, timeout=20)
        wait_until(lambda: self.bird.has_route(self.own), 20, self.bird.protocol)
        self.wait_bfd(state="Up", remoteState="Up", transmitInterval=50)
        wait_until(lambda: self.bird.state() == "Up", 10, self.bird.sessions)
        return self

    def wait_bfd(self, **expected):
        """Waits for what the control interface says of BFD."""
        shown = lambda: self.speaker.neighbor("bird").get("bfd", {})
        wait_until(lambda: expected.items() <= shown().items(), 15, lambda: f"{expected}: {shown()}")
        return shown()

    def reload(self, **settings):
        """Another `bfd` of the neighbour."""
        document = copy.deepcopy(self.speaker.document)
        document["neighbors"][0]["bfd"] = settings
        self.speaker.reload(document)

    def is_untouched(self):
        """Whether the session is still the first one."""
        shown = self.speaker.neighbor("bird")
        return shown["state"] == "Established" and shown["flaps"] == 0


def table_comes_and_goes(bgp, many, install, patience):
    """BIRD announces so many routes and withdraws them again, with BFD at 50 ms x 3 all the while: nothing flaps."""
    since = bgp.wait_bfd(state="Up", detectionTime=150)["since"]
    received = lambda: bgp.speaker.neighbor("bird")["families"]["ipv4"]["received"]
    kernel = lambda: len(bgp.hosts[0].routes(family=4)) if install else None
    for order, count in (("enable", many), ("disable", 0)):
        began = time.monotonic()
        assert bgp.bird.ask(order, bfd.BIG).returncode == 0
        wait_until(lambda: received() == count + 1, patience, lambda: f"{received()} routes")  # pylint: disable=cell-var-from-loop
        took = time.monotonic() - began
        if install:
            wait_until(lambda: abs(kernel() - count) < 10, patience, lambda: f"{kernel()} routes")  # pylint: disable=cell-var-from-loop
        print(f"\n{order}: {count} routes in {took:.1f} s, in the kernel after {time.monotonic() - began:.1f} s"
              if install else f"\n{order}: {count} routes in {took:.1f} s")
        shown = bgp.speaker.neighbor("bird")
        assert shown["flaps"] == 0 and shown["bfd"]["state"] == "Up" and shown["bfd"]["since"] == since, shown
    assert "expired" not in bgp.bird.log(), "BIRD has missed our packets"


@pytest.fixture
def make_bgp(hosts, bgpd):
    """Makes and starts both speakers."""
    return lambda **options: Bgp(hosts, bgpd, **options).start()


def test_bgpd_shows_bfd_up_and_so_does_bird(make_bgp):
    bgp = make_bgp()
    shown = bgp.wait_bfd(transmitInterval=50, detectionTime=150)
    assert shown["multihop"] is False and shown["diagnostic"] == "no diagnostic"
    assert shown["since"].endswith("Z")
    assert "0.150" in bgp.bird.sessions(), bgp.bird.sessions()


@matrix.proves(matrix.BFD_BGP, router=bfd.Bird, families=(6,))
def test_a_failed_path_takes_an_ipv6_session_too(make_bgp):
    bgp = make_bgp(family=6, multiplier=40)
    assert bgp.wait_bfd(state="Up", detectionTime=150)["multihop"] is False
    bgp.speaker.wait_in_kernel(bfd.PREFIX6)
    wait_until(lambda: "2.000" in bgp.bird.sessions(), 10, bgp.bird.sessions)
    when = bfd.cut(bgp.hosts[0])
    bgp.speaker.wait_not_in_kernel(bfd.PREFIX6)
    took = time.monotonic() - when
    assert took < DETECT + SLACK, took
    assert bgp.speaker.neighbor("bird")["lastError"].startswith("BFD: control detection time expired; sent Cease/BFD")


@matrix.proves(matrix.BFD_RESTART, router=bfd.Bird, families=(4,))
def test_stale_routes_of_a_restarting_neighbour_stay_when_its_bfd_fails(make_bgp):
    """RFC 5882 section 4.3: BFD here is not independent of the control plane (C=0), so it ends with that of BIRD."""
    bgp = make_bgp()
    bgp.speaker.wait_in_kernel(bfd.PREFIX)
    monitor = bgp.hosts[0].monitor_routes()
    bgp.bird.kill()
    assert bgp.wait_bfd(state="Down")["diagnostic"] == "control detection time expired"
    shown = bgp.speaker.neighbor("bird")
    assert shown["state"] != "Established" and shown["lastError"].startswith("connection lost"), shown
    assert bgp.speaker.best(bfd.PREFIX)["stale"] is True
    assert bgp.speaker.in_kernel(bfd.PREFIX) and f"Deleted {bfd.PREFIX}" not in monitor.log(), monitor.log()
    bgp.bird.start(f"{OURS[4]} as {ASN}")
    bgp.speaker.wait_established("bird", 30)
    bgp.wait_bfd(state="Up")


def test_nothing_flaps_while_a_table_comes_and_goes(make_bgp):
    """scale_bfd.py does the same with 200,000 routes, on demand."""
    many = 30_000
    table_comes_and_goes(make_bgp(many=many, kernel={"install": True}), many, True, 120)


def test_bgpd_with_ibgp_speaks_multihop_bfd_as_bird_does(make_bgp):
    bgp = make_bgp(asn=ASN)
    assert bgp.wait_bfd(state="Up", detectionTime=150)["multihop"] is True


@matrix.proves(matrix.BFD_BGP, router=bfd.Bird, families=(4,))
def test_a_failed_path_takes_session_and_routes_long_before_the_hold_time(make_bgp):
    bgp = make_bgp(multiplier=40)  # of ours: BIRD itself would notice after 2 s
    bgp.wait_bfd(detectionTime=150)
    wait_until(lambda: "2.000" in bgp.bird.sessions(), 10, bgp.bird.sessions)
    assert bgp.speaker.neighbor("bird")["holdTime"] == 90
    when = bfd.cut(bgp.hosts[0])
    bgp.speaker.wait_not_in_kernel(bfd.PREFIX)
    took = time.monotonic() - when
    assert took < DETECT + SLACK, took
    shown = bgp.speaker.neighbor("bird")
    assert shown["lastError"].startswith("BFD: control detection time expired; sent Cease/BFD Down"), shown
    assert shown["flaps"] == 1
    wait_until(lambda: re.search("slash32: Received: (BFD|Unknown error 6.10)", bgp.bird.log()), 5, bgp.bird.log)
    bgp.speaker.wait_established("bird", 30)  # RFC 5882 section 4.1: a path without BFD keeps nobody away
    assert bgp.wait_bfd(state="Down")["diagnostic"] == "control detection time expired"
    bfd.uncut(bgp.hosts[0])
    bgp.wait_bfd(state="Up")


def test_a_restart_of_bgpd_says_admin_down_to_bird_and_routes_stay(make_bgp):
    """BIRD 2.0 takes AdminDown for a failure as well (RFC 5882 section 4.2 does not), but with "graceful" no harm comes of
    it."""
    bgp = make_bgp(detect=("bfd graceful",))
    assert bgp.speaker.terminate() == 0
    wait_until(lambda: "Neighbor graceful restart active" in bgp.bird.protocol(), 5, bgp.bird.log)
    wait_until(lambda: f"CTL received from {OURS[4]} [AdminDown" in bgp.bird.log(), 5, bgp.bird.log)
    assert bgp.bird.has_route(OWN), bgp.bird.protocol()
    assert bgp.speaker.in_kernel(bfd.PREFIX)
    bgp.speaker.start()
    bgp.speaker.wait_established("bird", 30)
    bgp.wait_bfd(state="Up")
    assert bgp.bird.has_route(OWN) and bgp.speaker.in_kernel(bfd.PREFIX)
    assert "expired" not in bgp.bird.log(), "our silence was noticed"


def test_a_reload_changes_bfd_and_leaves_the_session_alone(make_bgp):
    bgp = make_bgp()
    bgp.reload(minTx=50, minRx=200)
    bgp.wait_bfd(state="Up", detectionTime=600)
    assert bgp.is_untouched()
    bgp.reload(minTx=100, minRx=50, multiplier=5)
    bgp.wait_bfd(state="Up", transmitInterval=100, detectionTime=150)
    wait_until(lambda: "0.500" in bgp.bird.sessions(), 10, bgp.bird.sessions)
    assert bgp.is_untouched()


def test_bfd_comes_back_on_an_interface_that_was_made_anew(make_bgp):
    bgp = make_bgp(interface=LINK)
    bgp.hosts[0].ip(f"link del {LINK}")
    shown = lambda: bgp.speaker.neighbor("bird")
    # Held as not connected, once its time is over nothing is sent to it: no BFD either.
    wait_until(lambda: "not connected" in shown().get("held", "") and "bfd" not in shown(), 15, shown)
    bfd.connect(*bgp.hosts)
    bgp.wait_bfd(state="Up")
    bgp.speaker.wait_established("bird", 30)
