"""podman 4.3 as a second real client: network_backend "cni" and the same conflist."""

import json
import shutil

import pytest
from lab.containerd import write_conflist
from lab.image import NAME
from lab.lab import Lab, cgroup_parent
from lab.node import Node
from lab import session
from lab.pod import Place
from lab.shell import path_of
from lab.topology import Plan, conflist

PLAN = Plan("tor", "dual")
FILES = {
    "/etc/containers/containers.conf": """[network]
network_backend = "cni"
cni_plugin_dirs = ["/opt/cni/bin"]
network_config_dir = "/etc/cni/net.d"
default_network = "slash32"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
""",
    "/etc/containers/storage.conf": """[storage]
driver = "vfs"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
""",
    "/etc/containers/policy.json": json.dumps({"default": [{"type": "insecureAcceptAnything"}]}),
    "/etc/containers/registries.conf": "",
}


@pytest.fixture(scope="module", name="node")
def fixture_node():
    """A node with podman's files and our conflist, and no daemon at all."""
    if not shutil.which("podman", path="/usr/bin"):
        pytest.fail("podman is not installed")
    lab = Lab()
    session.labs.append(lab.directory)
    try:
        node = lab.add(Node(lab, "n1"))
        node.run("mkdir", "-p", "/etc/containers")
        for path, text in FILES.items():
            with open(path_of(node.pid, path), "w", encoding="utf-8") as file:
                file.write(text)
        write_conflist(node, conflist(PLAN, 1))
        node.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1")
        for link in ("up0", "up1"):
            node.ip("link", "set", link, "up")
        for address in ("10.0.1.1/24", "fd00:10:0:1::1/64"):
            node.ip("address", "add", address, "dev", "up0", *(["nodad"] if ":" in address else []))
        node.run("podman", "load", "-q", "-i", lab.image)
        yield node
    finally:
        lab.down()


def run_container(node, name):
    """Runs the pause image under podman on our network: (its network as a Place, its addresses)."""
    node.run("podman", "run", "-d", "--name", name, "--cgroup-parent", cgroup_parent(node.lab.mark),
             "--network", "slash32", NAME)
    settings = json.loads(node.run("podman", "inspect", name).stdout)[0]["NetworkSettings"]
    network = settings["Networks"]["slash32"]
    place = Place(node.lab, name, path_of(node.pid, settings["SandboxKey"]))
    return place, [network["IPAddress"], network["GlobalIPv6Address"]]


def test_containers_of_podman_reach_each_other_and_their_host(node):
    """Two containers, dual stack, no daemon; afterwards the node is as it was."""
    first, _ = run_container(node, "first")
    state = node.state()
    second, addresses = run_container(node, "second")
    host = Place(node.lab, "n1", f"/proc/{node.pid}/ns/net")
    assert all(addresses), addresses
    assert None not in first.ping([*addresses, "10.0.1.1", "fd00:10:0:1::1"]).values()
    assert None not in host.ping(addresses).values()
    assert second.netns != first.netns
    node.run("podman", "rm", "-f", "-t", "1", "second")
    left = node.state()
    assert {key: left[key] for key in left if left[key] != state[key]} == {}
    node.run("podman", "rm", "-f", "-t", "1", "first")
    assert node.allocations() == []
    assert node.routes("pod") == []
