"""The lab itself, shown with programs that are not ours: Debian's ptp, host-local and BIRD on the nodes."""

import pytest
from lab.session import open_cluster
from lab.standin import StandInCluster
from lab.topology import Plan


@pytest.fixture(scope="module", name="standin")
def fixture_standin():
    """A cluster of three nodes with Debian's programs in the places of ours."""
    yield from open_cluster(StandInCluster(Plan("tor", "dual"), pods_per_node=1))


def test_pods_of_ptp_and_bird_reach_each_other(standin):
    """If this fails, the lab is broken and no other failure means anything."""
    targets = [ip for pod in standin.pods() for ip in pod.ips] + standin.host_addresses()
    for place in [*standin.pods(), *standin.hosts()]:
        took = place.ping(targets)
        assert not [address for address, ms in took.items() if ms is None], f"from {place}: {took}"


def test_a_removed_pod_leaves_nothing_on_the_node(standin):
    """What state() compares, it compares also for another plugin."""
    node = standin.nodes[0]
    before = node.state()
    pod = node.run_pod("short-lived")
    assert pod.ips
    node.remove_pod(pod)
    after = node.state()
    assert {key: value for key, value in after.items() if value != before[key]} == {}
