"""slash32 installed as its users install it: the image on the nodes, one manifest applied, from nothing to running pods, to
another version and back, and away again."""

import os

import pytest
from kubernetes.lab import daemonset
from kubernetes.lab.cluster import KubernetesCluster
from lab import session
from lab.flow import unbroken
from lab.lab import binaries_directory
from lab.shell import path_of, wait_until

DAEMONSET = f"/apis/apps/v1/namespaces/{daemonset.NAMESPACE}/daemonsets/slash32"
ROLLOUT = ("-n", daemonset.NAMESPACE, "rollout")


OURS = ("/opt/cni", "/etc/cni", "/etc/iproute2", "/run/slash32", "/var/lib/slash32", "/var/log/slash32")
OF_THE_LAB = ("/run/slash32", "/var/lib/slash32", "/var/log/slash32")
SETTINGS = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "net.ipv6.conf.default.forwarding")


def looks_of(node):
    """What there is on a node where slash32 leaves things."""
    return {
        "files": set(node.run("find", *OURS, check=False).stdout.splitlines()),
        "tables": {line for line in node.run("nft", "list", "tables").stdout.splitlines() if "slash32" in line},
        "routes": {line for flag in ("-4", "-6") for line in node.ip(flag, "route", "show", "table", "main").splitlines()},
        "links": {link["ifname"] for link in node.ip_json("link", "show")},
        "settings": set(node.run("sysctl", *SETTINGS).stdout.splitlines()),
    }


@pytest.fixture(scope="module", name="found")
def fixture_found():
    """{node: how it looked before slash32 was installed}."""
    return {}


@pytest.fixture(scope="module", name="cluster")
def fixture_cluster(found):
    """Two nodes that are Ready because the DaemonSet made them so."""
    def equip(cluster, nodes):
        for node in nodes:
            if node.name not in found:  # it is as new: the lab puts there what a node without the DaemonSet needs
                node.run("rm", "-r", *(f"/opt/cni/bin/{name}" for name in daemonset.PLUGINS), *OF_THE_LAB)
                found[node.name] = looks_of(node)
        daemonset.equip(cluster, nodes)
    yield from session.open_cluster(KubernetesCluster(equip=equip))


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


def has_plugins_of(node, programs):
    """Whether the node's plugins are those of a directory, byte for byte."""
    for name in daemonset.PLUGINS:
        with open(path_of(node.pid, f"/opt/cni/bin/{name}"), "rb") as there, open(os.path.join(programs, name), "rb") as meant:
            if there.read() != meant.read():
                return False
    return True


def holds(node, addresses):
    """Which of the addresses the node has given to pods, or has routes of pods for."""
    given = str(node.allocations()) + str(node.routes("pod"))
    return [address for address in addresses if f"'{address}'" in given or f"{address}/" in given]


def test_an_update_to_another_version_and_a_rollback_lose_no_packet(cluster, pods):
    """One node after another gets other programs, and ours again, under steady probes between pods. Each version deletes
    what the other one added."""
    wait_rolled_out(cluster)
    programs, manifest = daemonset.other_version(cluster)
    node = pods[0].node

    def replaces(what, words, meant):
        cluster.create_pod(f"before-{what}", node.name)
        before = cluster.running_pod(f"before-{what}")
        assert holds(node, before.ips) == before.ips
        with unbroken(*pods, what):
            cluster.plane.kubectl(*words)
            wait_rolled_out(cluster)
        assert all(has_plugins_of(one, meant) for one in cluster.nodes)
        cluster.delete_pod(f"before-{what}")
        wait_until(lambda: holds(node, before.ips) == [], 60, lambda: f"{before.ips} in {node.allocations()}")

    replaces("update", ["apply", "-f", manifest], programs)
    replaces("rollback", [*ROLLOUT, "undo", "daemonset/slash32"], binaries_directory())


def test_a_rebooted_node_comes_back_with_its_pods(cluster, pods):
    """The kubelet starts the DaemonSet's pod, and that makes the rest anew."""
    node, other = pods[0].node, pods[1]
    cluster.reboot(node)
    cluster.wait_ready()
    pod = cluster.running_pod(f"pod-{node.name}", restarts=1)
    wait_until(lambda: None not in other.ping(pod.ips, timeout=1).values(), 60, lambda: f"answers of {pod.ips}")


def test_an_uninstall_by_the_readme_leaves_the_nodes_as_they_were_before(cluster, pods, found):
    """manifests/README.md, "Uninstall", word by word; last, for nothing is there afterwards."""
    kubectl = cluster.plane.kubectl
    for pod in pods:  # nobody would make them anew, which a drain minds
        cluster.delete_pod(f"pod-{pod.node.name}")
    wait_until(lambda: cluster.api.get("/api/v1/namespaces/default/pods")["items"] == [], 60, "the end of the pods")
    for node in cluster.nodes:
        assert looks_of(node) != found[node.name]
        kubectl("drain", node.name, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=60s")
    kubectl("delete", "-f", daemonset.MANIFEST, "--timeout=120s")
    kubectl("apply", "-f", daemonset.CLEANUP)
    kubectl("-n", "slash32-cleanup", "rollout", "status", "daemonset", "slash32-cleanup", "--timeout=120s")
    kubectl("delete", "-f", daemonset.CLEANUP, "--timeout=60s")
    for node in cluster.nodes:
        looks = looks_of(node)
        assert {what: looks[what] ^ before for what, before in found[node.name].items() if looks[what] != before} == {}
