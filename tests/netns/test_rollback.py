"""An ADD that fails, wherever, leaves nothing behind; nor does one that is told to stop."""

import json
import subprocess

import pytest

from world import BIN, conf, ipam


def assert_undone(world, before, network):
    assert world.snapshot() == before
    if "p1" in world.ip("netns"):
        assert "eth0" not in world.ip("-n p1 link")
    # Nothing stays allocated: a range of two addresses serves two more pods.
    world.add("x1", "px1", network)
    world.add("x2", "px2", network)


TWO = conf(section=ipam("10.244.1.0/30", "fd00:10:244:1::/126", coolDown=0))
INSISTENT = {**TWO, "defaultRoute": True}
OBSTACLES = {
    # The IPAM passes an address over that has a foreign /32; a metric of its own makes the exclusive route collide
    # only where the IPAM is told not to look: see test_delegation. Here: what the kernel refuses.
    "the host's link name is taken": "ip link add {link} type veth peer name blocker",
    "no room for another default route": "ip -n p1 link add d0 type veth peer name d1 && ip -n p1 link set d0 up && "
                                         "ip -n p1 addr add 192.0.2.1/24 dev d0 && ip -n p1 route add default via 192.0.2.2",
    "an address the pod already has": "ip -n p1 link add d0 type veth peer name d1 && ip -n p1 link set d0 up && "
                                      "ip -n p1 -6 route add default dev d0",
}


@pytest.mark.parametrize("name", OBSTACLES)
def test_what_stands_in_the_way_undoes_all(world, name):
    link = world.add("c1", "p0", TWO).host_link
    assert world.cni("DEL", "c1", "p0", TWO).ok
    world.pod("p1")
    world.sh(OBSTACLES[name].format(link=link))
    before = world.snapshot()
    answer = world.cni("ADD", "c1", "p1", INSISTENT)
    assert answer.code == 1, "nothing stood in the way"
    assert "eth0" not in world.ip("-n p1 link")
    assert_undone(world, before, INSISTENT)


def test_a_runtime_that_went_away_undoes_the_add(world):
    world.add("warm", "p0", TWO)
    assert world.cni("DEL", "warm", "p0", TWO).ok
    path = world.pod("p1")
    before = world.snapshot()
    process = subprocess.Popen(world.inside("sh", "-c", f"{BIN}/slash32 >/dev/full"), stdin=subprocess.PIPE, text=True,
                               stderr=subprocess.PIPE, env=world.environment("ADD", "c1", path))
    _, errors = process.communicate(json.dumps(TWO))
    assert process.returncode == 1 and "No space left" in errors
    assert_undone(world, before, TWO)


def test_a_full_range_names_the_numbers_and_leaves_nothing(world):
    world.add("c1", "p1", TWO)
    world.add("c2", "p2", TWO)
    world.pod("p3")
    before = world.snapshot()
    answer = world.cni("ADD", "c3", "p3", TWO)
    assert answer.json["code"] == 11
    assert "2 in the ranges, 2 taken, 0 cooling down" in answer.json["details"]
    assert world.snapshot() == before


def test_an_address_asked_for_that_is_taken_is_refused(world):
    first = world.add("c1", "p1")
    world.pod("p2")
    answer = world.cni("ADD", "c2", "p2", conf(runtimeConfig={"ips": [first.addresses[0]]}))
    assert not answer.ok and first.addresses[0] in answer.json["msg"]
    asked = world.add("c2", "p2", conf(runtimeConfig={"ips": ["10.244.1.200", "fd00:10:244:1::200"]}))
    assert asked.addresses == ["10.244.1.200", "fd00:10:244:1::200"]


def test_an_address_with_a_foreign_host_route_or_on_the_node_is_passed_over(world):
    network = conf(section=ipam("10.244.1.0/29"))
    world.ip("route add 10.244.1.1/32 dev up0")
    world.ip("addr add 10.244.1.2/32 dev lo")
    world.ip("route add blackhole 10.244.1.0/29 proto 133 metric 128")
    assert world.add("c1", "p1", network).addresses == ["10.244.1.3"]


def test_a_killed_add_is_cleaned_up_by_del_and_the_next_add(world):
    """At each of the first system calls: the storm of every call is the kill harness's."""
    world.add("warm", "p0")
    assert world.cni("DEL", "warm", "p0").ok
    before = world.snapshot()
    for call in ("socket", "setns", "sendto", "unlink"):
        path = world.pod("k")
        killer = ["strace", "-f", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when=3", f"{BIN}/slash32"]
        subprocess.run(world.inside(*killer), input=json.dumps(conf()), text=True, capture_output=True,
                       env=world.environment("ADD", "kc", path), timeout=60)
        assert world.cni("DEL", "kc", "k").ok
        assert world.snapshot() == before
        world.add("kc", "k")
        assert world.cni("DEL", "kc", "k").ok
        world.ip("netns del k")


def test_a_dead_pods_route_does_not_stand_in_the_way_of_a_delegates_address(world):
    """host-local gives an address again whose old pod's link is down: the route is ours and dead, and is replaced."""
    network = conf("1.0.0", {"type": "host-local", "dataDir": "/run/hl", "ranges": [[{"subnet": "10.55.0.0/24"}]]})
    old = world.add("c1", "p1", network)
    world.ip("-n p1 link set eth0 down")  # no carrier: the route stays, dead
    world.sh("rm -rf /run/hl")
    new = world.add("c2", "p2", network)
    assert new.addresses == old.addresses and new.host_link != old.host_link
    assert world.pings(new.addresses[0])
    world.pod("p3")
    world.sh("rm -rf /run/hl")
    refused = world.cni("ADD", "c3", "p3", network)  # now the route's link lives
    assert not refused.ok and new.host_link in refused.json["msg"]
    assert world.pings(new.addresses[0])
