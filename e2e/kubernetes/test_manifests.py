"""The manifests against a real kube-apiserver of an old version: it takes every field, twice without a change, and gives
the agent's account the rights it needs and no others."""

import json
import os

import pytest
from lab.lab import REPOSITORY
from lab.shell import wait_until

MANIFESTS = os.path.join(REPOSITORY, "manifests")
ACCOUNT = "system:serviceaccount:slash32-system:slash32"
OURS = ("bgpconfigurations", "bgppeers", "bgpfilters", "bgpadvertisements", "ippools")


@pytest.fixture(scope="module", name="applied")
def fixture_applied(apiserver):
    """The API with slash32.yaml applied, and what kubectl said."""
    apiserver.said = apiserver.kubectl("apply", "-f", os.path.join(MANIFESTS, "slash32.yaml"))
    apiserver.kubectl("wait", "--for=condition=established", "crd", "--all", "--timeout=60s")
    return apiserver


def test_everything_is_created_and_nothing_changes_the_second_time(applied):
    """By a validating kubectl: a field that the server's schema does not know would be refused."""
    lines = applied.said.splitlines()
    assert len(lines) == 14 and all(line.endswith(" created") for line in lines), applied.said
    again = applied.kubectl("apply", "-f", os.path.join(MANIFESTS, "slash32.yaml")).splitlines()
    assert all(line.endswith(" unchanged") for line in again), again


@pytest.mark.parametrize("file", ["slash32.yaml", "slash32-cleanup.yaml"])
def test_a_dry_run_of_the_server_accepts_it(applied, file):
    """Where the namespaces are there; a dry run makes none."""
    applied.kubectl("apply", "-f", os.path.join(MANIFESTS, "cleanup/namespace.yaml"))
    applied.kubectl("apply", "--dry-run=server", "-f", os.path.join(MANIFESTS, file))


def test_what_the_server_keeps_is_what_was_written(applied):
    """No field was dropped on the way: the DaemonSet's pod still has its probes, capabilities and mounts."""
    path = "/apis/apps/v1/namespaces/slash32-system/daemonsets/slash32"
    kept = applied.api.get(path)
    written = json.loads(kept["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"])

    def holds(larger, smaller):
        if isinstance(smaller, dict):
            return isinstance(larger, dict) and all(key in larger and holds(larger[key], smaller[key]) for key in smaller)
        if isinstance(smaller, list):
            return len(larger) == len(smaller) and all(map(holds, larger, smaller))
        return larger == smaller

    assert holds(kept["spec"], written["spec"])


def allowed(plane, verb, group, resource, space=None, subresource="", name=""):
    """What the authorizer says of the agent's account."""
    attributes = {"verb": verb, "group": group, "resource": resource, "subresource": subresource,
                  **({"name": name} if name else {}), **({"namespace": space} if space else {})}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
              "spec": {"user": ACCOUNT, "resourceAttributes": attributes}}
    return plane.api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)["status"]["allowed"]


def test_the_agent_may_what_it_does(applied):
    """As its README lists it."""
    assert wait_until(lambda: allowed(applied, "list", "", "nodes"), 10, "rights")
    wanted = [(verb, "", resource) for resource in ("nodes", "services") for verb in ("list", "watch")]
    wanted += [(verb, "slash32.io", resource) for resource in OURS for verb in ("list", "watch")]
    wanted += [(verb, "discovery.k8s.io", "endpointslices") for verb in ("list", "watch")]
    wanted += [("get", "slash32.io", "bgpnodestatuses"), ("create", "slash32.io", "bgpnodestatuses"), ("create", "", "events")]
    assert [one for one in wanted if not allowed(applied, *one)] == []
    assert allowed(applied, "patch", "", "nodes", subresource="status")
    for group, resource in (("slash32.io", "bgpnodestatuses"), ("", "services"), *(("slash32.io", one) for one in OURS)):
        assert allowed(applied, "patch", group, resource, subresource="status")
    lease = {"group": "coordination.k8s.io", "resource": "leases", "space": "slash32-system"}
    assert allowed(applied, "create", **lease)
    assert all(allowed(applied, verb, name="slash32-agent", **lease) for verb in ("get", "patch"))
    assert all(allowed(applied, verb, "", "secrets", "slash32-system") for verb in ("list", "watch"))


def test_the_agent_may_nothing_else(applied):
    """Least of all what would let a node become the cluster."""
    refused = [("list", "", "secrets", "kube-system"), ("list", "", "secrets"), ("get", "", "secrets", "slash32-system"),
               ("patch", "", "nodes"), ("update", "", "nodes"), ("delete", "", "nodes"), ("list", "", "pods"),
               ("create", "", "pods", "slash32-system"), ("patch", "", "services"), ("list", "", "configmaps"),
               ("create", "", "serviceaccounts", "slash32-system"), ("patch", "slash32.io", "bgppeers"),
               ("patch", "coordination.k8s.io", "leases", "slash32-system"), ("create", "coordination.k8s.io", "leases"),
               ("patch", "slash32.io", "ippools"), ("patch", "slash32.io", "bgpnodestatuses"), ("delete", "slash32.io", "bgpnodestatuses"),
               ("create", "rbac.authorization.k8s.io", "clusterrolebindings"), ("impersonate", "", "users")]
    assert [one for one in refused if allowed(applied, *one)] == []


def test_a_bgppeer_is_a_router_with_an_as_or_nodes(applied):
    """And what it does not say is said by nobody else: nodes that reflect tell more than routers are told."""
    path, peer = "/apis/slash32.io/v1alpha1/bgppeers", {"apiVersion": "slash32.io/v1alpha1", "kind": "BGPPeer"}
    nodes = {"matchExpressions": [{"key": "rack", "operator": "In", "values": ["a"]}]}
    kept = applied.api.create(path, {**peer, "metadata": {"name": "racks"}, "spec": {"peerSelector": nodes}})
    assert kept["spec"]["peerSelector"] == nodes and "defaultExport" not in kept["spec"], kept
    with pytest.raises(Exception, match="remoteAs"):
        applied.api.create(path, {**peer, "metadata": {"name": "router"}, "spec": {"address": "192.0.2.1"}})


def test_the_resources_of_the_kind_cluster_are_valid(applied):
    """e2e/kind's own, with an address in the place of the router's."""
    with open(os.path.join(REPOSITORY, "e2e/kind/bgp.yaml.in"), encoding="utf-8") as file:
        text = file.read().replace("@TOR4@", "172.18.0.9")
    path = os.path.join(applied.host.directory, "bgp.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    assert applied.kubectl("apply", "-f", path).count(" created") == 2
