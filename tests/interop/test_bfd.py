"""BFD (RFC 5880, 5881, 5883) on the wire: packets by hand, and BIRD 2 at 50 ms x 3."""

import contextlib
import os
import signal
import time

import pytest

from conftest import ROOT, binary_path
from world import bfd, matrix
from world.bfd import ADMIN_DOWN, DOWN, INIT, UP, FAR_LINK, LINK, OURS, THEIRS
from world.host import wait_until

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


@matrix.proves(matrix.BFD_MULTIHOP, router=bfd.Frr, session=None)
@families
def test_multihop_with_frr(hosts, program, family):
    """RFC 5883."""
    if not bfd.Frr.is_installed():
        assert not os.environ.get("SLASH32_INTEROP_ALL"), "Frr is not installed"
        pytest.skip("Frr is not installed")
    speaker = bfd.Speaker(hosts[0], program, remote=THEIRS[family], local=OURS[family], multihop=1)
    frr = bfd.Frr(hosts[1], family, multihop=True).start()
    speaker.wait_state("Up")
    speaker.wait_now(transmit=50_000, detect=150_000, polling=0)
    wait_until(lambda: frr.state() == "up", 10, frr.state)
    frr.set("shutdown")
    speaker.wait_state("Down")
    assert speaker.lines("change")[-1] == "change Up Down remote=AdminDown failure=0: neighbor signaled session down"
