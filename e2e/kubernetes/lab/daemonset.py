"""slash32 as it is installed: an image of our programs on the nodes, manifests/slash32.yaml applied, and nothing else."""

import os
import re

from lab.bgpd import Bgpd
from lab.containerd import CONFLIST
from lab.lab import REPOSITORY, binaries_directory
from lab.shell import path_of, run, wait_until

BUILD = os.path.join(REPOSITORY, "manifests/image/build.sh")
MANIFEST = os.path.join(REPOSITORY, "manifests/slash32.yaml")
CLEANUP = os.path.join(REPOSITORY, "manifests/slash32-cleanup.yaml")
NAMESPACE = "slash32-system"
PLUGINS = ("slash32", "slash32-ipam")
PROGRAMS = (*PLUGINS, "slash32-agent", "slash32-bgpd", "slash32ctl")


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


def load(cluster, programs, version=None):
    """Builds the image of a directory of programs, and loads it on the nodes."""
    archive = os.path.join(cluster.lab.directory, "slash32.tar")
    run([BUILD, "--output", archive, "--bin", programs, *(["--version", version] if version else [])], timeout=300)
    cluster.import_image(archive)


def install(cluster):
    """Loads the image on the nodes, and applies the manifest."""
    load(cluster, binaries_directory())
    cluster.plane.kubectl("apply", "-f", MANIFEST)


def other_version(cluster):
    """(programs, manifest) of a version whose programs differ from ours, though only by what they call it; its image is on
    the nodes."""
    programs = os.path.join(cluster.lab.directory, "other")
    os.makedirs(programs, exist_ok=True)
    with open(MANIFEST, encoding="utf-8") as file:
        text = file.read()
    ours = re.search(r"slash32\.io/slash32:([0-9.]+)", text).group(1)
    other = ours[:-1] + str((int(ours[-1]) + 1) % 10)  # as long: it stands in the same place of a program
    for name in PROGRAMS:
        with open(os.path.join(binaries_directory(), name), "rb") as file:
            program = file.read()
        changed = re.sub(rb"(slash32[a-z-]*[ /])" + re.escape(ours.encode()), rb"\g<1>" + other.encode(), program)
        assert changed != program, f"{name} does not say its version"
        with open(os.path.join(programs, name), "wb") as file:
            file.write(changed)
        os.chmod(os.path.join(programs, name), 0o755)
    load(cluster, programs, other)
    manifest = os.path.join(cluster.lab.directory, "other.yaml")
    with open(manifest, "w", encoding="utf-8") as file:
        file.write(text.replace(f"slash32.io/slash32:{ours}", f"slash32.io/slash32:{other}"))
    return programs, manifest


def equip(cluster, nodes):
    """Installs slash32 where it is not yet, and waits for nodes' conflists: the sign that they are ready for pods."""
    if cluster.api.request("GET", f"/api/v1/namespaces/{NAMESPACE}")[0] == 404:
        install(cluster)
    for node in nodes:
        wait_until(lambda node=node: os.path.exists(path_of(node.pid, CONFLIST)), 120,
                   lambda node=node: f"{CONFLIST} on {node.name}\n{report(cluster)}")
        node.bgpd = ContainedBgpd(node)
