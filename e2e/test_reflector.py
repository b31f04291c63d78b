"""A route reflector passes on next hops as they are, also those a node cannot reach."""

import json

import pytest
from lab.bird import Bird, Session
from lab.namespace import Machine, connect
from lab.session import plans
from lab.shell import wait_until
from lab.topology import NODE_AS, length

pytestmark = pytest.mark.parametrize("cluster", plans("reflector", stacks=("dual",)), indirect=True)

FAR = {"ipv4": ("10.9.9.1", "10.9.9.2"), "ipv6": ("fd00:10:9:9::1", "fd00:10:9:9::2")}
PREFIXES = {"203.0.113.0/24": "10.9.9.2", "2001:db8:113::/48": "fd00:10:9:9::2"}


@pytest.fixture(scope="module", name="far")
def fixture_far(cluster):
    """A reflector's client in a subnet of its own, which the nodes have no route to."""
    machine = cluster.lab.add(Machine(cluster.lab, "far"))
    connect(cluster.router, "far", machine, "eth0")
    for family, (near, distant) in FAR.items():
        cluster.router.ip("address", "add", f"{near}/{length(family)}", "dev", "far")
        machine.ip("address", "add", f"{distant}/{length(family)}", "dev", "eth0")
    near, distant = FAR["ipv4"]
    families = cluster.plan.families
    cluster.bird.append(Session("far", near, NODE_AS, distant, NODE_AS, families, reflector_client=True).text())
    cluster.bird.ask("configure")
    bird = Bird(machine, "10.9.9.2", families, [Session("tor", distant, NODE_AS, near, NODE_AS, families)])
    bird.start()
    bird.announce(PREFIXES)
    return bird


def shown(node):
    """{prefix: route} as slash32ctl shows them."""
    routes = json.loads(node.ctl("routes", "--json").stdout)["routes"]
    return {route["prefix"]: route for route in routes}


def test_a_next_hop_that_is_not_on_link_is_shown_as_unresolved(cluster, far):
    """And neither installed nor hidden, by slash32ctl and by /v1/routes alike."""
    assert far
    for node in cluster.nodes:
        wait_until(lambda node=node: set(PREFIXES) <= set(shown(node)), 20, lambda node=node: shown(node))
        for routes in (shown(node), {route["prefix"]: route for route in node.bgpd.routes()}):
            for prefix, next_hop in PREFIXES.items():
                seen = {key: routes[prefix][key] for key in ("nextHop", "resolved", "installed")}
                assert seen == {"nextHop": next_hop, "resolved": False, "installed": False}
        assert not set(PREFIXES) & {route["dst"] for route in node.routes()}


def test_reflected_routes_of_nodes_on_the_segment_are_resolved(cluster):
    """The next hop is the other node, not the reflector."""
    for node in cluster.nodes:
        routes = shown(node)
        for prefix in cluster.expected_routes(node):
            assert routes[prefix]["resolved"] and routes[prefix]["installed"]
        hops = {route["dst"]: route["gateway"] for route in node.routes("bgp")}
        for number in (n for n in range(1, 4) if n != cluster.number(node)):
            for family in cluster.plan.families:
                assert hops[cluster.plan.pod_range(number, family)] == cluster.plan.host_address(number, family)
