"""What becomes of a store of addresses that is lost or damaged while pods live: an address is held if an alias or a pod's
route says so, and goes back once neither does.
"""

import json
import subprocess

import pytest
from world import BIN, World, conf, ipam

STORE = "/run/slash32/ipam"
SMALL = conf(section=ipam("10.244.1.0/29"))  # six addresses
LATER = ["unshare", "--time", "--boottime", "62"]  # a clock since boot that is ahead by more than a record's grace


@pytest.fixture
def world():
    with World() as w:
        yield w


def holders(world):
    """{address: container ID}, from a look that changes nothing."""
    shown = world.run(f"{BIN}/slash32ctl", "ipam", "show", "--json").stdout
    return {entry["address"]: entry["containerId"] for entry in json.loads(shown)["allocations"]}


def add_later(world, cid, pod):
    """A minute later: what is left behind is old by then."""
    world.pod(pod)
    done = subprocess.run(world.inside(*LATER, f"{BIN}/slash32"), input=json.dumps(SMALL), capture_output=True, text=True,
                          env=world.environment("ADD", cid, f"/run/netns/{pod}"), timeout=60)
    return json.loads(done.stdout)


def test_a_lost_store_is_rebuilt_from_a_route_whose_links_alias_got_lost(world):
    pod = world.add("a", "a", SMALL)
    world.run("ip", "link", "set", pod.host_link, "alias", "")
    world.sh(f"rm -rf {STORE}")
    world.add("b", "b", SMALL)
    assert holders(world)[pod.addresses[0]] == f"unknown-{pod.addresses[0]}"


def test_a_lost_store_is_rebuilt_from_an_alias_whose_route_got_lost(world):
    pod = world.add("a", "a", SMALL)
    world.ip(f"link set {pod.host_link} down")
    world.ip(f"link set {pod.host_link} up")
    world.sh(f"rm -rf {STORE}")
    world.add("b", "b", SMALL)
    assert holders(world)[pod.addresses[0]] == "a"


def test_an_address_that_only_a_route_held_goes_back_when_the_pod_is_gone(world):
    pod = world.add("a", "a", SMALL)
    world.run("ip", "link", "set", pod.host_link, "alias", "")
    world.sh(f"rm -rf {STORE}")
    for i in range(5):
        world.add(f"b{i}", f"b{i}", SMALL)
    assert add_later(world, "full", "full")["code"] == 11  # old, but its route stands
    assert world.cni("DEL", "a", "a", SMALL).ok
    assert not world.cni("ADD", "young", "b0", SMALL, ifname="net1").ok
    assert add_later(world, "c", "c")["ips"][0]["address"] == f"{pod.addresses[0]}/32"


def test_an_add_that_heals_a_damaged_store_leaves_a_running_adds_address_alone(world):
    pod = world.add("a", "a", SMALL)
    lease = world.cni("ADD", "running", "a", conf(section=ipam("10.244.1.0/29", dataDir=STORE)), program="slash32-ipam")
    taken = lease.addresses[0]  # as an ADD has it that has no link yet
    world.sh(f"dd if=/dev/zero of={STORE}/ipam.mdb bs=4096 count=2 conv=notrunc status=none")
    after = world.add("b", "b", SMALL)
    assert after.addresses[0] not in (pod.addresses[0], taken)
    assert holders(world)[taken] == "running"


def test_the_address_of_a_pod_whose_network_was_renamed_goes_back_when_others_run_short(world):
    """DEL under the new name finds no record; the link goes with the namespace."""
    renamed = {**SMALL, "name": "renamed"}
    pod = world.add("a", "a", SMALL)
    for i in range(5):
        world.add(f"b{i}", f"b{i}", SMALL)
    assert world.cni("DEL", "a", "a", renamed).ok
    world.ip("netns del a")
    assert holders(world)[pod.addresses[0]] == "a"
    assert add_later(world, "c", "c")["ips"][0]["address"].startswith(pod.addresses[0])
