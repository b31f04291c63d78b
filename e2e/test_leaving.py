"""When the last pod and the speaker are gone, a node keeps nothing of ours."""

import pytest
from lab.session import plans
from lab.shell import wait_until

pytestmark = pytest.mark.parametrize("cluster", plans("tor", stacks=("dual",)), indirect=True)


def test_nothing_is_left_after_the_last_pod_and_the_speaker(cluster):
    """Links, routes, blackholes, permanent neighbours, allocations, sandboxes, processes but containerd's own."""
    node = cluster.nodes[0]
    for pod in list(node.pods):
        node.remove_pod(pod)
    assert node.bgpd.shutdown() == 0
    left = node.state()
    assert left["links"] == ["eth0", "lo"]
    assert [node.routes(kind) for kind in ("pod", "aggregate", "bgp")] == [[], [], []]
    assert left["permanent neighbours"] == []
    assert left["namespaces"] == left["cni results"] == []
    assert [command for command in left["processes"] if not command.startswith("containerd ")] == []
    assert node.allocations() == []
    assert node.containerd.cri.sandboxes() == []
    wait_until(lambda: not set(cluster.plan.pod_ranges(1)) & {r["dst"] for r in cluster.nodes[1].routes("bgp")}, 20,
               lambda: cluster.nodes[1].routes("bgp"))
