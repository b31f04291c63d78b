"""Uninstalling from a cluster: manifests/slash32-cleanup.yaml frees node after node, and strands no pod that lives."""

import os

import pytest
from lab.containerd import CONFLIST, write_conflist
from lab.lab import REPOSITORY, binaries_directory
from lab.shell import path_of, run, wait_until

from kubernetes.lab import stand_in

BUILD = os.path.join(REPOSITORY, "manifests/image/build.sh")
MANIFEST = os.path.join(REPOSITORY, "manifests/slash32-cleanup.yaml")
NAMESPACE = "slash32-cleanup"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"


@pytest.fixture(scope="module", name="loaded")
def fixture_loaded(cluster):
    """The cluster with our image on its nodes."""
    archive = os.path.join(cluster.lab.directory, "slash32.tar")
    there = os.path.exists(os.path.join(binaries_directory(), "slash32-agent"))
    run([BUILD, "--output", archive, "--bin", binaries_directory(), *([] if there else ["--without", "slash32-agent"])],
        timeout=300)
    cluster.import_image(archive)
    return cluster


def log_of(cluster, node):
    """What the pod of a node has said; empty while there is none."""
    names = [p["metadata"]["name"] for p in cluster.api.get(PODS)["items"] if p["spec"].get("nodeName") == node]
    return cluster.plane.kubectl("-n", NAMESPACE, "logs", names[0], check=False) if names else ""


def has(node, path):
    """Whether the node has a file."""
    return os.path.exists(path_of(node.pid, path))


def says(cluster, node, text, timeout=90):
    """Waits until the pod of a node has said so."""
    wait_until(lambda: text in log_of(cluster, node), timeout,
               lambda: f"{text!r} from {node}: {log_of(cluster, node)}\n" +
               cluster.plane.kubectl("-n", NAMESPACE, "describe", "pods"))


def is_clean(node):
    """Nothing of ours in the kernel and on the disk."""
    return not any([node.routes("pod"), node.routes("bgp"), node.routes("aggregate"), has(node, CONFLIST),
                    has(node, "/opt/cni/bin/slash32"), has(node, "/run/slash32"), has(node, "/var/lib/slash32"),
                    "slash32" in node.run("nft", "list", "tables").stdout])


def test_the_cleanup_frees_every_node_and_waits_for_pods_that_live(loaded):
    """bgpd still runs; then a pod lives on one node; then nothing is left."""
    busy, idle = loaded.nodes
    loaded.create_pod("survivor", busy.name)
    survivor = loaded.running_pod("survivor")
    loaded.plane.kubectl("apply", "-f", MANIFEST)
    for node in loaded.nodes:
        says(loaded, node.name, "slash32-bgpd runs (it listens on /host/run/slash32/bgpd.sock)")
        assert has(node, CONFLIST), "nothing was changed"
    for node in loaded.nodes:
        node.bgpd.terminate()
    says(loaded, idle.name, "done: the node is as it was found")
    assert is_clean(idle)
    says(loaded, busy.name, "pods of ours live")
    assert not has(busy, CONFLIST) and has(busy, "/opt/cni/bin/slash32") and busy.routes("pod") and busy.routes("bgp")
    assert None not in survivor.ping([loaded.plan.host_address(loaded.number(busy), f) for f in ("ipv4", "ipv6")]).values()
    write_conflist(busy, stand_in.CONFLIST)  # as another network's would be; without one containerd removes no pod
    loaded.delete_pod("survivor")
    says(loaded, busy.name, "done: the node is as it was found")
    assert is_clean(busy)
    loaded.plane.kubectl("-n", NAMESPACE, "rollout", "status", "daemonset", "slash32-cleanup", "--timeout=60s")
    loaded.plane.kubectl("delete", "-f", MANIFEST, "--timeout=60s")
