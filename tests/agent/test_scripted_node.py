"""The whole agent in a network of its own: what it learns of the node's kernel, and what becomes of pods' former ranges. As
root. What it makes of the API: test_scripted_daemon.py."""

import json

import pytest
from scripted_network import Network
from scripted_server import wait_until
from scripted_world import World, node, ours

FORMER, PRESENT, POD = "10.244.1.0/24", "10.244.9.0/24", "10.244.1.7"


@pytest.fixture(name="network")
def fixture_network():
    made = Network()
    yield made
    made.close()


@pytest.fixture(name="world")
def fixture_world(network, tmp_path):
    made = network.make(lambda: World(tmp_path, flags=("--no-conflist",), before=network.inside))
    try:
        yield made
    finally:
        made.close()


def test_the_mtu_and_the_gateway_are_those_of_the_default_route_and_follow_it(world, network):
    world.api.put("bgppeers", ours("tor", defaultGateway="ipv4", remoteAs=65000))
    world.start()
    world.waits(FORMER, ["10.0.0.2", "10.0.0.254"])
    assert world.read("run/node.json")["mtu"] == 1432
    network.ip("link set up0 mtu 1400")
    network.ip("route replace default via 10.0.0.253")
    wait_until(lambda: world.read("run/node.json")["mtu"] == 1400, world.said, 60)
    world.waits(FORMER, ["10.0.0.2", "10.0.0.253"])


def test_a_default_route_that_is_away_changes_nothing_not_even_for_an_agent_that_starts_meanwhile(world, network):
    world.api.put("bgppeers", ours("tor", defaultGateway="ipv4", remoteAs=65000))
    world.start()
    world.waits(FORMER, ["10.0.0.2", "10.0.0.254"])
    network.ip("route del default")
    world.api.put("nodes", node(3))
    world.waits(FORMER, ["10.0.0.2", "10.0.0.254", "10.0.0.3"])
    assert world.read("run/node.json")["mtu"] == 1432
    world.kill()
    world.start()
    world.api.put("nodes", node(4))
    world.waits(FORMER, ["10.0.0.2", "10.0.0.254", "10.0.0.3", "10.0.0.4"])
    assert world.read("run/node.json")["mtu"] == 1432
    network.ip("route add default via 10.0.0.253")
    world.waits(FORMER, ["10.0.0.2", "10.0.0.253", "10.0.0.3", "10.0.0.4"])


def test_a_labs_node_with_a_documentation_address_has_its_gateway_too(world, network):
    for words in ("addr add 192.0.2.1/24 dev up0", "route replace default via 192.0.2.254"):
        network.ip(words)
    world.api.put("bgppeers", ours("tor", defaultGateway="ipv4", remoteAs=65000))
    world.start()
    world.waits(FORMER, ["10.0.0.2", "192.0.2.254"])
    assert world.read("run/node.json")["mtu"] == 1432


def test_a_former_range_is_announced_while_a_pod_lives_in_it_whoever_is_killed_meanwhile(world, network):
    world.start()
    world.waits(FORMER, ["10.0.0.2"])
    network.ip(f"route add {POD} dev up1 proto 132 metric 64")
    world.api.put("nodes", node(1, PRESENT))
    world.waits(PRESENT, ["10.0.0.2"])
    assert FORMER in world.originated()
    world.kill()
    (world.directory / "bgpd.json").unlink()  # what the next life writes is its own
    world.start()
    world.waits(PRESENT, ["10.0.0.2"])
    assert FORMER in world.originated()
    assert set(json.loads((world.directory / "state/pod-ranges.json").read_text())) == {FORMER, PRESENT}
