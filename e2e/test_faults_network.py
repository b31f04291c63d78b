"""Links and neighbours that fail: what was reachable is reachable again, and what is gone is withdrawn."""

from contextlib import contextmanager

import pytest
from lab.flow import unbroken
from lab.session import plans
from lab.shell import wait_until

TOR = plans("tor", stacks=("dual",))
MESH = plans("mesh", stacks=("dual",))
BOTH = TOR + MESH


@contextmanager
def changed(machine, change, back):
    """A link setting for the length of a with block, undone also when the block fails."""
    machine.ip("link", "set", *change)
    try:
        yield
    finally:
        machine.ip("link", "set", *back)


def reach(cluster, source, target):
    """Whether every address of a pod answers another's pings."""
    assert cluster
    return None not in source.ping(target.ips, timeout=1).values()


def wait_reached(cluster, source, target, timeout=40):
    """Waits until a pod reaches another."""
    wait_until(lambda: reach(cluster, source, target), timeout, f"{source} to reach {target}")


def wait_forgotten(cluster, node, by, timeout=40):
    """Waits until a node's ranges are gone from the others' kernels."""
    ranges = set(cluster.plan.pod_ranges(cluster.number(node)))
    for other in by:
        wait_until(lambda other=other: not ranges & {r["dst"] for r in other.routes("bgp")}, timeout,
                   lambda other=other: f"{other.name} to forget {ranges}: {other.routes('bgp')}")


@pytest.mark.parametrize("cluster", BOTH, indirect=True)
def test_an_uplink_that_flaps_gets_its_routes_back(cluster):
    """Down and up within the hold time: the sessions live, the kernel has dropped their routes."""
    node, other = cluster.nodes[:2]
    with changed(node, ("eth0", "down"), ("eth0", "up")):
        wait_until(lambda: not node.routes("bgp", "ipv4"), 5, "the kernel to drop the routes")
    cluster.wait_converged()
    wait_reached(cluster, node.pods[0], other.pods[0])


@pytest.mark.parametrize("cluster", BOTH, indirect=True)
def test_an_uplink_without_carrier_for_a_moment_comes_back(cluster):
    """The far end of the cable goes down and up."""
    node, other = cluster.nodes[:2]
    with changed(cluster.router, ("p1", "down"), ("p1", "up")):
        wait_until(lambda: not reach(cluster, node.pods[0], other.pods[0]), 10, "the cut")
    cluster.wait_converged()
    wait_reached(cluster, node.pods[0], other.pods[0])


@pytest.mark.parametrize("cluster", TOR, indirect=True)
def test_a_node_cut_off_for_longer_than_the_hold_time_heals(cluster):
    """Its ranges are withdrawn meanwhile; its own pods go on reaching each other."""
    node, others = cluster.nodes[0], cluster.nodes[1:]
    with unbroken(node.pods[0], node.pods[1], "pods of a node that is cut off"):
        with changed(cluster.router, ("p1", "down"), ("p1", "up")):
            wait_forgotten(cluster, node, others)
            wait_until(lambda: not node.bgpd.is_established(), 30, "the session's end on the node")
        cluster.wait_converged(60)
        wait_reached(cluster, node.pods[0], others[0].pods[0])


@pytest.mark.parametrize("cluster", MESH, indirect=True)
def test_a_node_cut_off_in_silence_is_found_by_the_hold_timer(cluster):
    """The cable stays up but carries nothing: only the hold timers can tell."""
    node, others = cluster.nodes[0], cluster.nodes[1:]
    with unbroken(others[0].pods[0], others[1].pods[0], "pods beside a node that is cut off"):
        with changed(cluster.router, ("p1", "nomaster"), ("p1", "master", "br0")):
            wait_forgotten(cluster, node, others)
            wait_until(lambda: not node.routes("bgp"), 30, lambda: node.routes("bgp"))
        cluster.wait_converged(60)
        wait_reached(cluster, node.pods[0], others[0].pods[0])


@pytest.mark.parametrize("cluster", TOR, indirect=True)
def test_a_router_that_is_restarted_in_order_is_learned_from_again(cluster):
    """It says Cease, so its routes go; when it is back, they are back."""
    cluster.bird.stop()
    for node in cluster.nodes:
        wait_until(lambda node=node: not node.routes("bgp"), 20, lambda node=node: node.routes("bgp"))
    cluster.bird.start()
    cluster.wait_converged(60)
    wait_reached(cluster, cluster.nodes[0].pods[0], cluster.nodes[1].pods[0])


@pytest.mark.parametrize("cluster", TOR, indirect=True)
def test_a_router_that_crashes_and_recovers_costs_no_packet(cluster):
    """We are the helper of its graceful restart: its routes stay while it is away."""
    source, target = cluster.nodes[0].pods[0], cluster.nodes[1].pods[0]
    # A second restart within the first one's recovery must lose what is stale (RFC 4724 4.2).
    wait_until(cluster.bird.is_established, 40, "the router's sessions")
    wait_until(lambda: not cluster.bird.is_recovering(), 40, "the end of an earlier recovery")
    with unbroken(source, target, "router killed and recovered"):
        cluster.bird.kill()
        cluster.bird.start(recover=True)
        wait_until(cluster.bird.is_established, 40, "the router's sessions")
        for node in cluster.nodes:
            node.bgpd.wait_established()
        cluster.wait_converged()
