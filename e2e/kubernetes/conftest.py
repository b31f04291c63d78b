"""The control plane and the cluster as fixtures."""

import pytest

from kubernetes.lab import control_plane
from kubernetes.lab.cluster import KubernetesCluster
from lab import session


@pytest.fixture(scope="module", name="apiserver")
def fixture_apiserver(request):
    """etcd and kube-apiserver for a module; more flags of kube-apiserver as a parameter, by `indirect`."""
    with control_plane.running(getattr(request, "param", ())) as plane:
        session.labs.append(plane.host.lab.directory)
        yield plane


@pytest.fixture(scope="module", name="cluster")
def fixture_cluster():
    """Two nodes that are Ready, for a module."""
    yield from session.open_cluster(KubernetesCluster())


@pytest.fixture(scope="module", name="pods")
def fixture_pods(cluster):
    """A pod on each node."""
    for node in cluster.nodes:
        cluster.create_pod(f"pod-{node.name}", node.name)
    return [cluster.running_pod(f"pod-{node.name}") for node in cluster.nodes]
