"""slash32 as it is installed: an image of our programs on the nodes, manifests/slash32.yaml applied, and nothing else."""

import os

from lab.bgpd import Bgpd
from lab.containerd import CONFLIST
from lab.lab import REPOSITORY, binaries_directory
from lab.shell import path_of, run, wait_until

BUILD = os.path.join(REPOSITORY, "manifests/image/build.sh")
MANIFEST = os.path.join(REPOSITORY, "manifests/slash32.yaml")
NAMESPACE = "slash32-system"


class ContainedBgpd(Bgpd):
    """A speaker in a container: asked by its socket, started and ended by the kubelet."""

    def is_running(self):
        """The kubelet's business."""
        return True


def report(cluster):
    """What Kubernetes says of the DaemonSet and its pods, and what these say."""
    kubectl = cluster.plane.kubectl
    out = kubectl("-n", NAMESPACE, "describe", "daemonset,pod")
    for pod in cluster.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods")["items"]:
        name = pod["metadata"]["name"]
        out += kubectl("-n", NAMESPACE, "logs", name, "--all-containers", "--tail=20", check=False)
    return out


def install(cluster):
    """Builds the image, loads it on the nodes, and applies the manifest."""
    archive = os.path.join(cluster.lab.directory, "slash32.tar")
    run([BUILD, "--output", archive, "--bin", binaries_directory()], timeout=300)
    cluster.import_image(archive)
    cluster.plane.kubectl("apply", "-f", MANIFEST)


def equip(cluster, nodes):
    """Installs slash32 where it is not yet, and waits for nodes' conflists: the sign that they are ready for pods."""
    if cluster.api.request("GET", f"/api/v1/namespaces/{NAMESPACE}")[0] == 404:
        install(cluster)
    for node in nodes:
        wait_until(lambda node=node: os.path.exists(path_of(node.pid, CONFLIST)), 120,
                   lambda node=node: f"{CONFLIST} on {node.name}\n{report(cluster)}")
        node.bgpd = ContainedBgpd(node)
