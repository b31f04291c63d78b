"""slash32-agent itself on two nodes, in the place of the lab's stand-in."""

import json
import signal

import pytest
from kubernetes.lab import agent, stand_in
from kubernetes.lab.cluster import KubernetesCluster
from lab import session
from lab.flow import unbroken
from lab.shell import wait_until


@pytest.fixture(scope="module", name="cluster")
def fixture_cluster():
    """Two nodes that the agent has made Ready."""
    yield from session.open_cluster(KubernetesCluster(equip=agent.equip))


def test_a_node_has_the_ranges_that_the_api_gave_it(cluster):
    """In node.json, in the order of the API, and announced by its speaker to the other."""
    for item in cluster.node_items():
        node = cluster.node(item["metadata"]["name"])
        content = json.loads(node.file("/run/slash32/node.json"))
        assert content["nodeName"] == node.name
        assert content["podCidrs"] == stand_in.pod_ranges(item)
        assert content["mtu"] == 1500
    cluster.wait_converged()


def test_pods_on_different_nodes_reach_each_other(cluster, pods):
    """Over routes between neighbours that the agents found out."""
    targets = [ip for pod in pods for ip in pod.ips] + cluster.host_addresses()
    for pod in pods:
        assert [ip for ip, ms in pod.ping(targets).items() if ms is None] == []


def test_an_agent_that_is_killed_and_started_loses_no_packet(cluster, pods):
    """And no session: what it had written stands, and it writes the same again."""
    source, target = pods
    before = {node.name: node.bgpd.neighbors()[0]["flaps"] for node in cluster.nodes}
    with unbroken(source, target, "both agents killed and started"):
        for node in cluster.nodes:
            node.agent.stop(signal.SIGKILL)
            node.agent.start()
            node.agent.wait_ready()
    assert {node.name: node.bgpd.neighbors()[0]["flaps"] for node in cluster.nodes} == before


def test_without_the_api_server_pods_start_and_stop(cluster, pods):
    """The runtime is asked directly, as a kubelet asks it for static pods; routes and sessions stand."""
    node, other = cluster.nodes[0], pods[1]
    cluster.plane.stop_server()
    try:
        pod = node.run_pod("static")
        assert [ip for ip, ms in other.ping(pod.ips).items() if ms is None] == []
        assert all(node.bgpd.is_established() for node in cluster.nodes)
        node.remove_pod(pod)
    finally:
        cluster.plane.start_server()
    wait_until(lambda: cluster.api.get("/api/v1/nodes")["items"], 30, "the API again")


def test_a_rebooted_node_comes_back_with_its_pods(cluster, pods):
    """The conflist is there from before; node.json and the rest are made anew."""
    node, other = pods[0].node, pods[1]
    cluster.reboot(node)
    cluster.wait_ready()
    pod = cluster.running_pod(f"pod-{node.name}", restarts=1)
    wait_until(lambda: None not in other.ping(pod.ips, timeout=1).values(), 30, lambda: f"answers of {pod.ips}")
