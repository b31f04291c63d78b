"""slash32 installed as its users install it: the image on the nodes, one manifest applied, from nothing to running pods."""

import pytest
from kubernetes.lab import daemonset
from kubernetes.lab.cluster import KubernetesCluster
from lab import session
from lab.flow import unbroken
from lab.shell import wait_until

DAEMONSET = f"/apis/apps/v1/namespaces/{daemonset.NAMESPACE}/daemonsets/slash32"
ROLLOUT = ("-n", daemonset.NAMESPACE, "rollout")


@pytest.fixture(scope="module", name="cluster")
def fixture_cluster():
    """Two nodes that are Ready because the DaemonSet made them so."""
    yield from session.open_cluster(KubernetesCluster(equip=daemonset.equip))


def wait_rolled_out(cluster):
    """Waits until every pod of the DaemonSet is the newest and Ready, by the controller's word."""
    def done():
        item = cluster.api.get(DAEMONSET)
        status = item["status"]
        return status.get("observedGeneration") == item["metadata"]["generation"] and \
            status.get("updatedNumberScheduled") == status.get("numberReady") == status["desiredNumberScheduled"] == 2
    wait_until(done, 180, lambda: daemonset.report(cluster))


def test_every_pod_of_the_daemonset_becomes_ready(cluster):
    """Agent and speaker, each by its own probe; no container was started twice."""
    wait_rolled_out(cluster)
    items = cluster.api.get(f"/api/v1/namespaces/{daemonset.NAMESPACE}/pods")["items"]
    restarts = [s["restartCount"] for item in items for s in item["status"]["containerStatuses"]]
    assert restarts == [0] * 4, daemonset.report(cluster)


def test_pods_on_different_nodes_reach_each_other(cluster, pods):
    """In both families, and all nodes."""
    targets = [ip for pod in pods for ip in pod.ips] + cluster.host_addresses()
    for pod in pods:
        assert [ip for ip, ms in pod.ping(targets).items() if ms is None] == []


def test_a_rolling_update_and_a_rollback_lose_no_packet(cluster, pods):
    """One node after another gets new containers, twice, under steady probes between pods."""
    wait_rolled_out(cluster)
    with unbroken(*pods, "rolling update"):
        cluster.plane.kubectl(*ROLLOUT, "restart", "daemonset/slash32")
        wait_rolled_out(cluster)
    with unbroken(*pods, "rollback"):
        cluster.plane.kubectl(*ROLLOUT, "undo", "daemonset/slash32")
        wait_rolled_out(cluster)


def test_a_rebooted_node_comes_back_with_its_pods(cluster, pods):
    """The kubelet starts the DaemonSet's pod, and that makes the rest anew."""
    node, other = pods[0].node, pods[1]
    cluster.reboot(node)
    cluster.wait_ready()
    pod = cluster.running_pod(f"pod-{node.name}", restarts=1)
    wait_until(lambda: None not in other.ping(pod.ips, timeout=1).values(), 60, lambda: f"answers of {pod.ips}")
