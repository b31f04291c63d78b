"""In every topology and family: pods, hosts and the router reach each other, by the routes BGP carried."""

import ipaddress

import pytest
from lab.session import plans

ALL = plans("mesh", "tor", "tor-one-as", "reflector")
pytestmark = pytest.mark.parametrize("cluster", ALL, indirect=True)


def unanswered(place, addresses):
    """The addresses that did not answer a place's pings."""
    return [address for address, ms in place.ping(addresses).items() if ms is None]


def pairs(cluster):
    """(a pod on one node, a pod on another) for each two neighbouring nodes, in a circle."""
    nodes = cluster.nodes
    return [(node.pods[0], nodes[(at + 1) % len(nodes)].pods[-1]) for at, node in enumerate(nodes)]


def test_every_pod_reaches_every_pod_host_and_router(cluster):
    """The main job."""
    addresses = [ip for pod in cluster.pods() for ip in pod.ips] + cluster.host_addresses()
    lost = {str(pod): unanswered(pod, addresses) for pod in cluster.pods()}
    assert lost == {str(pod): [] for pod in cluster.pods()}


def test_every_host_and_the_router_reach_every_pod(cluster):
    """The way from outside in."""
    addresses = [ip for pod in cluster.pods() for ip in pod.ips]
    lost = {str(host): unanswered(host, addresses) for host in cluster.hosts()}
    assert lost == {str(host): [] for host in cluster.hosts()}


def test_a_pods_addresses_are_what_the_cri_reports(cluster):
    """One address a family, whole (/32, /128), out of the node's range."""
    for node in cluster.nodes:
        ranges = [ipaddress.ip_network(prefix) for prefix in cluster.plan.pod_ranges(cluster.number(node))]
        for pod in node.pods:
            reported = node.containerd.cri.status(pod.sandbox)["ips"]
            assert pod.addresses() == sorted((ip, 128 if ":" in ip else 32) for ip in reported)
            assert len(reported) == len(ranges)
            for prefix in ranges:
                assert any(ipaddress.ip_address(ip) in prefix for ip in reported), f"{reported} not in {prefix}"


def test_no_address_is_given_twice(cluster):
    """Over all nodes."""
    ips = [ip for pod in cluster.pods() for ip in pod.ips]
    assert len(set(ips)) == len(ips)


def test_tcp_carries_ten_megabytes_intact(cluster):
    """Between pods on different nodes, in every family."""
    for source, target in pairs(cluster):
        for family in cluster.plan.families:
            address = target.ip(family)
            with target.probing("serve", address):
                sent = source.probe("send", address, "--bytes", 10_000_000)
            assert sent["seen"] == {"peer": source.ip(family), "bytes": 10_000_000, "sha256": sent["sha256"]}


def fits(source, address, size):
    """Whether a packet of this size on the wire, with DF, is answered."""
    payload = size - (48 if ":" in address else 28)
    words = ["ping", "-n", "-q", "-c", "1", "-W", "1", "-M", "do", "-s", payload, address]
    return source.run(*words, check=False).returncode == 0


def test_packets_of_the_whole_mtu_pass_unfragmented(cluster):
    """1500 bytes with DF between pods on different nodes; a byte more is refused at the source."""
    addresses = [(source, target.ip(family)) for source, target in pairs(cluster) for family in cluster.plan.families]
    assert [f"{source} to {address}" for source, address in addresses if not fits(source, address, 1500)] == []
    assert not fits(*addresses[0], 1501)


def test_traffic_from_a_host_to_a_pod_carries_the_nodes_own_address(cluster):
    """To its own pods and to others'."""
    hosts = {host.name: host for host in cluster.hosts()}
    for node in cluster.nodes:
        targets = [node.pods[0], next(pod for pod in cluster.pods() if pod.node is not node)]
        for target in targets:
            for family in cluster.plan.families:
                with target.probing("serve", target.ip(family)):
                    sent = hosts[node.name].probe("send", target.ip(family), "--bytes", 1)
                assert sent["seen"]["peer"] == cluster.plan.host_address(cluster.number(node), family)


def test_every_route_carries_its_owners_tag(cluster):
    """Pods 132 at metric 64, the node's ranges 133 as blackholes at 128, what was learned 134 at 512."""
    for node in cluster.nodes:
        pods = {(route["dst"], route.get("metric")) for route in node.routes("pod")}
        assert pods == {(ip, 64) for pod in node.pods for ip in pod.ips}
        aggregates = {(r["dst"], r.get("metric"), r.get("type")) for r in node.routes("aggregate")}
        assert aggregates == {(p, 128, "blackhole") for p in cluster.plan.pod_ranges(cluster.number(node))}
        learned = node.routes("bgp")
        assert {route["dst"] for route in learned} >= cluster.expected_routes(node)
        assert {route["metric"] for route in learned} == {512}


def test_a_removed_pod_leaves_nothing_on_the_node(cluster):
    """Links, routes, neighbours, mounts, namespaces, processes, results, rules and allocations."""
    for node in cluster.nodes:
        state, allocations = node.state(), node.allocations()
        pod = node.run_pod("short-lived")
        assert node.state() != state
        node.remove_pod(pod)
        left = node.state()
        assert {key: left[key] for key in left if left[key] != state[key]} == {}
        assert node.allocations() == allocations
