"""A full iBGP mesh in which everybody starts at once: every pair calls the other at the same moment (RFC 4271 section 6.8)."""

import contextlib
import os
import time

import pytest

from world.host import Host, wait_until
from world.speaker import Speaker, neighbor

NODES = 50
IDLE = 0.002  # of one processor, each: 49 keepalives sent and received in 30 s are all there is to do


def address(number):
    return f"10.9.2.{number}"


def mac(number):
    return f"02:09:00:00:00:{number:02x}"


def pods(number):
    return f"10.244.{number}.0/24"


def speaker_of(host, bgpd, number):
    """Node `number`: a neighbour of all others, none of them passive."""
    others = [neighbor(f"n{i}", address(i), 64512, passive=False) for i in range(1, NODES + 1) if i != number]
    return Speaker(host, bgpd, routerId=address(number), neighbors=others, originate={"prefixes": [pods(number)]})


@pytest.fixture
def mesh(bgpd, tmp_path):
    """The speakers, not started, on one switch."""
    with contextlib.ExitStack() as stack:
        switch = stack.enter_context(Host("switch", tmp_path))
        hosts = [stack.enter_context(Host(f"n{i}", tmp_path)) for i in range(1, NODES + 1)]
        switch.ip("link add br0 type bridge", "link set br0 up",
                  *[f"link add p{i} type veth peer name up0 netns {host.holder_pid()}" for i, host in enumerate(hosts, 1)],
                  *[f"link set p{i} master br0 up" for i in range(1, NODES + 1)])
        for i, host in enumerate(hosts, 1):
            # Permanent entries: the machine's neighbour table is one for all namespaces, and 50 times 49 overflow it.
            host.ip(f"link set up0 address {mac(i)} up", f"addr add {address(i)}/24 dev up0",
                    *[f"neigh add {address(j)} lladdr {mac(j)} dev up0" for j in range(1, NODES + 1) if j != i])
        yield [speaker_of(host, bgpd, i) for i, host in enumerate(hosts, 1)]


def neighbors_of(speaker):
    return speaker.get("/v1/neighbors")["neighbors"]


def sessions_missing(mesh):
    """Pairs that do not speak with each other yet, as each end sees it."""
    return [(speaker.host.name, one["name"], one["state"]) for speaker in mesh for one in neighbors_of(speaker)
            if one["state"] != "Established"]


def routes_missing(mesh):
    """Nodes whose kernel lacks a way to some other's pods."""
    return [(speaker.host.name, NODES - 1 - len(found)) for speaker in mesh
            if len(found := speaker.host.routes(134)) != NODES - 1]


def processor_seconds(speaker):
    """What the process has used so far."""
    with open(f"/proc/{speaker.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def history(mesh):
    """What moves when sessions flap or routes oscillate. Keepalives are no part of it."""
    return [(speaker.host.name, one["name"], one["flaps"], one["messages"]["updatesIn"])
            for speaker in mesh for one in neighbors_of(speaker)]


def test_a_mesh_that_starts_at_once_is_established_within_seconds_and_then_rests(mesh):
    begun = time.monotonic()
    for speaker in mesh:
        speaker.start(wait=False)
    for speaker in mesh:
        wait_until(speaker.answers, 60, f"the control socket of {speaker.host.name}")
    wait_until(lambda: not sessions_missing(mesh), 60, lambda: f"every session: {sessions_missing(mesh)[:20]}")
    established = time.monotonic() - begun
    wait_until(lambda: not routes_missing(mesh), 60, lambda: f"every route: {routes_missing(mesh)}")
    print(f"{NODES} nodes, {NODES * (NODES - 1) // 2} sessions: Established after {established:.1f} s, "
          f"in every kernel after {time.monotonic() - begun:.1f} s")

    assert all(flaps == 0 for _, _, flaps, _ in history(mesh)), "no session was lost on the way"
    before, used, watched = history(mesh), [processor_seconds(speaker) for speaker in mesh], 10
    time.sleep(watched)  # a stretch of time is what is looked at: whether anything happens in it
    idle = [processor_seconds(speaker) - was for speaker, was in zip(mesh, used)]
    assert history(mesh) == before, "no session flaps and no route moves"
    print(f"processor seconds for all {NODES}: {sum(used):.2f} until then, {sum(idle):.2f} in the next {watched} s")
    assert sum(idle) < IDLE * watched * NODES, f"processor seconds in {watched}: {idle}"
