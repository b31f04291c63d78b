"""What goes wrong on a node: links deleted, containerd restarted, and peers that announce our own pods."""

import pytest
from lab.flow import unbroken
from lab.session import plans
from lab.shell import wait_until

TOR = plans("tor", stacks=("dual",), pod_routes="all")
MESH = plans("mesh", stacks=("dual",), pod_routes="all")
MARKERS = ["198.51.100.0/24", "2001:db8:99::/48"]


def host_prefixes(pod):
    """A pod's addresses as the prefixes they are announced as."""
    return [f"{ip}/{128 if ':' in ip else 32}" for ip in pod.ips]


def known(node):
    """Destinations a node has learned by BGP."""
    return {route["dst"] for route in node.routes("bgp")}


@pytest.mark.parametrize("cluster", TOR + MESH, indirect=True)
def test_a_pod_is_announced_while_it_lives(cluster):
    """With podRoutes "all" the others learn its /32 and /128, and unlearn them when it is removed."""
    node, other = cluster.nodes[:2]
    pod = node.run_pod("announced")
    wait_until(lambda: set(pod.ips) <= known(other), 10, lambda: known(other))
    node.remove_pod(pod)
    wait_until(lambda: not set(pod.ips) & known(other), 10, lambda: known(other))


@pytest.mark.parametrize("cluster", TOR + MESH, indirect=True)
def test_a_pods_link_deleted_behind_everyones_back_is_withdrawn(cluster):
    """IPv4 routes vanish with the link and the kernel says nothing; the speaker must notice all the same."""
    node, other = cluster.nodes[:2]
    pod = node.run_pod("cut")
    wait_until(lambda: set(pod.ips) <= known(other), 10, lambda: known(other))
    node.ip("link", "delete", pod.host_link())
    wait_until(lambda: not set(pod.ips) & known(other), 10, lambda: known(other))
    node.remove_pod(pod)
    assert pod.ips[0] not in str(node.allocations())


@pytest.mark.parametrize("cluster", TOR + MESH, indirect=True)
def test_a_pods_link_taken_down_is_withdrawn(cluster):
    """As above; the link stays, its routes do not. Removing the pod still works."""
    node, other = cluster.nodes[:2]
    pod = node.run_pod("down")
    wait_until(lambda: set(pod.ips) <= known(other), 10, lambda: known(other))
    node.ip("link", "set", pod.host_link(), "down")
    wait_until(lambda: not set(pod.ips) & known(other), 10, lambda: known(other))
    node.remove_pod(pod)


@pytest.mark.parametrize("cluster", TOR, indirect=True)
def test_a_router_that_announces_a_live_pod_changes_nothing(cluster):
    """Its exact /32 and /128, beside prefixes whose arrival shows that the announcement was heard."""
    node = cluster.nodes[0]
    pod = node.pods[0]
    before = node.routes()
    cluster.bird.announce([*host_prefixes(pod), *MARKERS])
    wait_until(lambda: set(MARKERS) <= known(node), 20, lambda: known(node))
    assert [route for route in node.routes() if route["dst"] not in MARKERS] == before
    assert None not in node.pods[1].ping(pod.ips).values()
    cluster.bird.announce([])
    wait_until(lambda: not set(MARKERS) & known(node), 20, lambda: known(node))
    assert node.routes() == before


@pytest.mark.parametrize("cluster", MESH, indirect=True)
def test_a_node_that_announces_anothers_live_pod_changes_nothing(cluster):
    """The same from an iBGP peer of ours, whose configuration is wrong."""
    node, liar = cluster.nodes[:2]
    pod = node.pods[0]
    before, config = node.routes(), liar.bgpd.config
    prefixes = [{"prefix": prefix, "blackhole": False} for prefix in [*host_prefixes(pod), *MARKERS]]
    originate = {**config["originate"], "prefixes": [*config["originate"]["prefixes"], *prefixes]}
    liar.bgpd.reload({**config, "originate": originate})
    wait_until(lambda: set(MARKERS) <= known(node), 20, lambda: known(node))
    assert [route for route in node.routes() if route["dst"] not in MARKERS] == before
    assert None not in node.pods[1].ping(pod.ips).values()
    liar.bgpd.reload(config)
    wait_until(lambda: not set(MARKERS) & known(node), 20, lambda: known(node))
    assert node.routes() == before


@pytest.mark.parametrize("cluster", TOR, indirect=True)
def test_containerd_restarts_under_running_pods(cluster):
    """No packet is lost, the sandboxes are known again, and one of them can be removed."""
    node, other = cluster.nodes[:2]
    extra = node.run_pod("survivor")
    with unbroken(extra, other.pods[0], "containerd restarted"):
        node.containerd.stop()
        node.containerd.launch()
        node.containerd.wait_ready()
    assert {pod.sandbox for pod in node.pods} <= set(node.containerd.cri.sandboxes())
    assert node.containerd.cri.status(extra.sandbox)["ips"] == extra.ips
    node.remove_pod(extra)
    assert not set(extra.ips) & {route["dst"] for route in node.routes("pod")}


@pytest.mark.parametrize("cluster", TOR, indirect=True)
def test_pods_come_and_go_without_a_speaker(cluster):
    """ADD and DEL need no daemon; the speaker finds what changed while it was away."""
    node, other = cluster.nodes[:2]
    gone = node.run_pod("gone")
    wait_until(lambda: set(gone.ips) <= known(other), 10, lambda: known(other))
    node.bgpd.kill()
    node.remove_pod(gone)
    pod = node.run_pod("new")
    node.bgpd.start()
    wait_until(lambda: set(pod.ips) <= known(other) and not set(gone.ips) & known(other), 40, lambda: known(other))
    assert None not in other.pods[0].ping(pod.ips).values()
    node.remove_pod(pod)
