"""BFD (RFC 5880, 5881, 5883) on the wire: packets by hand, and BIRD 2 at 50 ms x 3."""

import contextlib
import copy
import os
import re
import signal
import time

import pytest

from conftest import ROOT, binary_path
from world import bfd, matrix
from world.bfd import ADMIN_DOWN, DOWN, INIT, UP, FAR_LINK, LINK, OURS, THEIRS
from world.host import wait_until
from world.speaker import ASN, Speaker, neighbor as configured

FINAL, POLL = 0x10, 0x20
DETECT = 0.15
SLACK = 0.3  # of a busy machine: to run a process, to write and read a line


@pytest.fixture(scope="module")
def program():
    """The engine with its transport, as a program; built with the tests, in the tree for development."""
    path = binary_path("bfd_speaker") or str(ROOT / "build/dev/bin/bfd_speaker")
    assert binary_path("bfd_speaker") or (ROOT / "build/dev/bin/bfd_speaker").exists(), "build bfd_speaker"
    return path


@pytest.fixture
def hosts(tmp_path):
    """Two hosts and a cable."""
    with contextlib.ExitStack() as stack:
        yield bfd.two_hosts(stack, tmp_path)


@pytest.fixture
def bird(hosts):
    """BIRD on the other host, not yet started."""
    return bfd.Bird(hosts[1])


families = pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])


# ---------------------------------------------------------------- packets by hand

@pytest.fixture
def raw(hosts, family):
    """Raw sockets on the other host."""
    made = bfd.Raw(hosts[1], family)
    yield made
    made.close()


@families
def test_packets_are_as_rfc5881_4_and_5_want_them(hosts, program, raw, family):
    speaker = bfd.Speaker(hosts[0], program, remote=THEIRS[family])
    first, second = raw.receive(), raw.receive()
    assert first["tos_ttl"] == [0xC0, 255], "CS6, TTL 255"
    assert 49152 <= first["port"] <= 65535 and second["port"] == first["port"]
    assert first["source"] == OURS[family]
    assert (first["version"], first["state"], first["flags"], first["length"]) == (1, DOWN, 0, 24)
    assert (first["tx"], first["rx"], first["echo"], first["your"]) == (1_000_000, 50_000, 0, 0)
    assert first["mine"] == second["mine"] != 0
    assert speaker.changes() == []


@families
def test_a_packet_that_crossed_a_router_is_dropped(hosts, program, raw, family):
    """RFC 5881 section 5."""
    speaker = bfd.Speaker(hosts[0], program, remote=THEIRS[family])
    mine = raw.receive()["mine"]
    for ttl in (254, 64, 1):
        raw.set_ttl(ttl)
        raw.send(INIT, mine)
    speaker.wait_now(hop_limit_rejects=3)
    assert speaker.changes() == []
    raw.set_ttl(255)
    raw.send(INIT, mine)
    speaker.wait_state("Up")


@families
def test_a_poll_follows_up_and_a_poll_is_answered(hosts, program, raw, family):
    speaker = bfd.Speaker(hosts[0], program, remote=THEIRS[family])
    mine = raw.receive()["mine"]
    raw.send(INIT, mine)
    up = raw.receive()
    while up["state"] != UP:
        up = raw.receive()
    assert up["flags"] == POLL and up["tx"] == 50_000 and up["your"] == 0x1234
    raw.send(UP, mine, flags=FINAL)
    speaker.wait_now(polling=0, transmit=1_000_000, detect=3_000_000)
    raw.send(UP, mine, flags=POLL)
    answer = raw.receive()
    while not answer["flags"] & FINAL:
        answer = raw.receive()
    assert answer["flags"] == FINAL


@families
def test_admin_down_is_seen_as_such_and_is_no_failure(hosts, program, raw, family):
    """RFC 5882 section 4.2."""
    speaker = bfd.Speaker(hosts[0], program, remote=THEIRS[family])
    mine = raw.receive()["mine"]
    raw.send(INIT, mine)
    speaker.wait_state("Up")
    raw.send(ADMIN_DOWN, mine)
    speaker.wait_state("Down")
    assert speaker.lines("change")[-1] == "change Up Down remote=AdminDown failure=0: neighbor signaled session down"


def test_the_same_port_twice_is_an_error_that_says_so(hosts, program):
    first = bfd.Speaker(hosts[0], program, remote=THEIRS[4])
    wait_until(lambda: first.lines("now"), 10, first.log)
    done = hosts[0].run(program, "remote=10.8.0.9", check=False)
    assert done.returncode == 1
    assert "hear BFD on UDP port 3784 (IPv4): Address already in use" in done.stderr


# ---------------------------------------------------------------- BIRD 2

def up_with_bird(hosts, program, bird, family, **options):
    """Both ends Up at 50 ms x 3."""
    speaker = bfd.Speaker(hosts[0], program, remote=THEIRS[family], **options)
    bird.start(f"{OURS[family]} dev \"{FAR_LINK}\"")
    settle(speaker, bird)
    return speaker


def settle(speaker, bird):
    """Up, and the Polls are over."""
    speaker.wait_state("Up")
    speaker.wait_now(transmit=50_000, detect=150_000, polling=0)
    wait_until(lambda: bird.state() == "Up", 10, bird.sessions)


@matrix.proves(matrix.BFD, router=bfd.Bird, session=None)
@families
def test_comes_up_with_bird_at_50_ms_times_3_and_stays_so(hosts, program, bird, family):
    speaker = up_with_bird(hosts, program, bird, family)
    before = len(speaker.changes())
    watched = time.monotonic() + 5  # a hundred intervals: the timers themselves are under test
    wait_until(lambda: time.monotonic() > watched or len(speaker.changes()) != before, 10)
    assert len(speaker.changes()) == before, speaker.log()
    assert "0.050" in bird.sessions() and "0.150" in bird.sessions(), bird.sessions()


@matrix.proves(matrix.BFD, router=bfd.Bird, session=None)
@families
def test_notices_within_the_detection_time_that_bird_was_killed(hosts, program, bird, family):
    speaker = up_with_bird(hosts, program, bird, family)
    killed = bird.kill()
    speaker.wait_state("Down")
    took = time.monotonic() - killed
    assert took < DETECT + SLACK, took
    assert speaker.lines("change")[-1] == "change Up Down remote=Up failure=1: control detection time expired"


@families
def test_bird_notices_within_the_detection_time_that_we_were_killed(hosts, program, bird, family):
    speaker = up_with_bird(hosts, program, bird, family)
    speaker.send(signal.SIGKILL)
    killed = time.monotonic()
    wait_until(lambda: bird.state() == "Down", 10, bird.sessions)
    assert time.monotonic() - killed < DETECT + SLACK


@matrix.proves(matrix.BFD, router=bfd.Bird, session=None)
@families
def test_bird_that_is_disabled_falls_silent_and_comes_back(hosts, program, bird, family):
    """BIRD 2.0 says nothing when it is disabled, so that this cannot be told from a failure."""
    speaker = up_with_bird(hosts, program, bird, family)
    bird.ask("disable", "watch")
    speaker.wait_state("Down")
    assert speaker.lines("change")[-1] == "change Up Down remote=Up failure=1: control detection time expired"
    bird.ask("enable", "watch")
    settle(speaker, bird)


@matrix.proves(matrix.BFD, router=bfd.Bird, session=None)
@families
def test_admin_down_of_ours_is_told_to_bird(hosts, program, bird, family):
    speaker = up_with_bird(hosts, program, bird, family)
    speaker.send(signal.SIGUSR1)
    wait_until(lambda: bird.state() == "Down", 10, bird.sessions)
    speaker.wait_state("AdminDown")
    speaker.send(signal.SIGUSR1)
    settle(speaker, bird)
    assert not [line for line in speaker.lines("change") if "failure=1" in line]


@families
def test_new_intervals_at_bird_are_polled_and_nothing_flaps(hosts, program, bird, family):
    speaker = up_with_bird(hosts, program, bird, family)
    before = len(speaker.changes())
    neighbor = f"{OURS[family]} dev \"{FAR_LINK}\""
    bird.reconfigure(neighbor, 200)
    speaker.wait_now(transmit=200_000, detect=600_000)
    bird.reconfigure(neighbor, 50)
    speaker.wait_now(transmit=50_000, detect=150_000)
    assert len(speaker.changes()) == before, speaker.log()
    assert bird.state() == "Up"


@families
def test_new_intervals_of_ours_are_polled_and_nothing_flaps(hosts, program, bird, family):
    speaker = up_with_bird(hosts, program, bird, family)
    before = len(speaker.changes())
    speaker.send(signal.SIGUSR2)
    speaker.wait_now(transmit=200_000, detect=600_000, polling=0)
    wait_until(lambda: "0.600" in bird.sessions(), 10, bird.sessions)
    speaker.send(signal.SIGUSR2)
    speaker.wait_now(transmit=50_000, detect=150_000, polling=0)
    assert len(speaker.changes()) == before, speaker.log()
    assert bird.state() == "Up"


@matrix.proves(matrix.BFD_MULTIHOP, router=bfd.Bird, session=None)
@families
def test_multihop_with_bird(hosts, program, bird, family):
    """RFC 5883: UDP port 4784."""
    speaker = bfd.Speaker(hosts[0], program, remote=THEIRS[family], local=OURS[family], multihop=1)
    bird.start(f"{OURS[family]} local {THEIRS[family]} multihop")
    settle(speaker, bird)


def test_link_local_with_bird(hosts, program, bird):
    ours, theirs = bfd.link_local(hosts[0], LINK), bfd.link_local(hosts[1], FAR_LINK)
    speaker = bfd.Speaker(hosts[0], program, remote=theirs, interface=LINK)
    bird.start(f"{ours} dev \"{FAR_LINK}\"")
    settle(speaker, bird)


def test_retiring_says_admin_down_and_ends(hosts, program, bird):
    speaker = up_with_bird(hosts, program, bird, 4)
    assert speaker.stop() == 0
    assert "failure=1" not in speaker.log()
    wait_until(lambda: bird.state() == "Down", 10, bird.sessions)


# ---------------------------------------------------------------- slash32-bgpd with BIRD 2

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


# ---------------------------------------------------------------- FRR

@matrix.proves(matrix.BFD, router=bfd.Frr, session=None)
@families
def test_frr_comes_up_and_its_admin_down_is_no_failure(hosts, program, family):
    if not bfd.Frr.is_installed():
        assert not os.environ.get("SLASH32_INTEROP_ALL"), "Frr is not installed"
        pytest.skip("Frr is not installed")
    speaker = bfd.Speaker(hosts[0], program, remote=THEIRS[family])
    frr = bfd.Frr(hosts[1], family).start()
    speaker.wait_state("Up")
    speaker.wait_now(transmit=50_000, detect=150_000, polling=0)
    wait_until(lambda: frr.state() == "up", 10, frr.state)
    frr.set("shutdown")
    speaker.wait_state("Down")
    assert speaker.lines("change")[-1] == "change Up Down remote=AdminDown failure=0: neighbor signaled session down"
    frr.set("no shutdown")
    speaker.wait_state("Up")
    assert not [line for line in speaker.lines("change") if "failure=1" in line]
