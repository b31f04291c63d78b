"""Services of type LoadBalancer from the API to a router: the agents assign their addresses, the speakers announce them,
kube-proxy answers. And what a drained node's router sees of it."""

import re
import signal

import pytest
from kubernetes.lab import agent
from kubernetes.lab.cluster import KubernetesCluster
from lab import session
from lab.bird import Bird, Session
from lab.pod import Place
from lab.shell import wait_until

SERVICES, GROUP = "/api/v1/namespaces/default/services", "/apis/slash32.io/v1alpha1"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/slash32-system/leases/slash32-agent"
ROUTER_AS, SHUTDOWN = 65000, "(65535,0)"


@pytest.fixture(scope="module", name="cluster")
def fixture_cluster():
    """Two nodes with agents, a router that speaks BGP with them, and two addresses for Services."""
    for cluster in session.open_cluster(KubernetesCluster(equip=agent.equip)):
        plan = cluster.plan
        router = plan.router_address(0, "ipv4")
        create_ours(cluster, "IPPool", "public", addresses=["192.0.2.10-192.0.2.11"])
        create_ours(cluster, "BGPPeer", "tor", address=router, remoteAs=ROUTER_AS)
        cluster.bird = Bird(cluster.router, router, ["ipv4"], [
            Session(node.name, router, ROUTER_AS, plan.host_address(number, "ipv4"), 64512, ["ipv4"])
            for number, node in enumerate(cluster.nodes, 1)])
        cluster.bird.start()
        wait_until(cluster.bird.is_established, 60, lambda: cluster.bird.ask("show", "protocols"))
        yield cluster


@pytest.fixture(scope="module", name="web")
def fixture_web(cluster):
    """A pod on n2 that Services lead to. n1, by which the router may come, forwards since it has had a pod as well."""
    cluster.create_pod("web", "n2")
    cluster.create_pod("idle", "n1")
    cluster.running_pod("idle")
    return cluster.running_pod("web")


def create_ours(cluster, kind, name, **spec):
    """An object of our own group."""
    return cluster.api.create(f"{GROUP}/{kind.lower()}s", {"apiVersion": "slash32.io/v1alpha1", "kind": kind,
                                                           "metadata": {"name": name}, "spec": spec})


def create(cluster, name, **spec):
    """A Service of type LoadBalancer in front of the pod `web`."""
    return cluster.api.create(SERVICES, {"metadata": {"name": name}, "spec": {
        "type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 7032}], **spec}})


def addresses(cluster, name):
    """What the Service's status says."""
    status = cluster.api.get(f"{SERVICES}/{name}").get("status", {})
    return [one["ip"] for one in status.get("loadBalancer", {}).get("ingress", [])]


def wait_address(cluster, name, address, timeout=30):
    """Waits until the Service has this address."""
    wait_until(lambda: addresses(cluster, name) == [address], timeout,
               lambda: f"{name} has {addresses(cluster, name)}: {[node.agent.status() for node in cluster.nodes]}")


def announcers(cluster, prefix):
    """The nodes by which the router reaches a prefix, and what BIRD says of it."""
    text = cluster.bird.ask("show", "route", "all", "where", "net", "=", prefix)  # empty where there is none
    return {node.name for number, node in enumerate(cluster.nodes, 1)
            if f"via {cluster.plan.host_address(number, 'ipv4')} " in text}, text


def wait_announced(cluster, prefix, names, timeout=30):
    """Waits until exactly these nodes announce it."""
    wait_until(lambda: announcers(cluster, prefix)[0] == set(names), timeout,
               lambda: f"{prefix} by {names}: {announcers(cluster, prefix)[1]}")


def leaders(cluster):
    """The nodes whose agents say that they lead."""
    return [node for node in cluster.nodes if node.agent.status().get("leader", {}).get("self")]


def test_a_load_balancer_gets_its_address_is_announced_and_answers(cluster, web):
    """From an address of the pool to bytes that a router's side gets back from the pod."""
    create(cluster, "first")
    wait_address(cluster, "first", "192.0.2.10")
    wait_announced(cluster, "192.0.2.10/32", ["n1", "n2"])
    wait_until(lambda: "192.0.2.10" in cluster.nodes[0].run("iptables-save", "-t", "nat").stdout, 30, "kube-proxy's rules")
    outside = Place(cluster.lab, "tor", f"/proc/{cluster.router.pid}/ns/net")
    with web.probing("serve", web.ip("ipv4")):
        sent = outside.probe("send", "192.0.2.10", "--port", 80, "--bytes", 100_000)
    assert (sent["seen"]["bytes"], sent["seen"]["sha256"]) == (100_000, sent["sha256"])


def test_an_address_of_the_range_that_no_service_has_is_dropped_behind_kube_proxy(cluster, web):
    """The pool is announced whole. The used address answers as before, from outside and from a node itself; a packet for
    the other one ends at the node that it comes by."""
    outside = Place(cluster.lab, "tor", f"/proc/{cluster.router.pid}/ns/net")
    create_ours(cluster, "BGPConfiguration", "default", services={"aggregationLength": 31})

    def dropped():
        tables = [node.run("nft", "list", "table", "inet", "slash32-unused", check=False).stdout for node in cluster.nodes]
        return [int(number) for table in tables for number in re.findall(r"192.0.2.10/31 counter packets (\d+)", table)]
    try:
        wait_announced(cluster, "192.0.2.10/31", ["n1", "n2"])
        wait_until(lambda: dropped() == [0, 0], 30, dropped)
        with web.probing("serve", web.ip("ipv4")):
            for place in (outside, Place(cluster.lab, "n1", f"/proc/{cluster.nodes[0].pid}/ns/net")):
                assert place.probe("send", "192.0.2.10", "--port", 80, "--bytes", 1000)["seen"]["bytes"] == 1000
        assert dropped() == [0, 0]
        heard = cluster.router.run("ping", "-c1", "-W1", "192.0.2.11", check=False).stdout
        assert "1 packets transmitted, 0 received" in heard and "exceeded" not in heard, heard
        assert sum(dropped()) == 1
    finally:
        cluster.api.delete(f"{GROUP}/bgpconfigurations/default")
    wait_announced(cluster, "192.0.2.10/32", ["n1", "n2"])
    wait_until(lambda: not dropped(), 30, dropped)


def test_one_agent_leads_and_pools_and_peers_have_their_status(cluster, web):
    """By the lease's holder, who says so."""
    assert len(leaders(cluster)) == 1
    assert cluster.api.get(LEASE)["spec"]["holderIdentity"].startswith(f"{leaders(cluster)[0].name}_")

    def status(path):
        return cluster.api.get(f"{GROUP}/{path}").get("status", {})
    wait_until(lambda: status("ippools/public").get("used") == 1, 30, lambda: status("ippools/public"))
    assert (status("ippools/public")["total"], status("ippools/public")["free"]) == (2, 1)
    assert [c["status"] for c in status("bgppeers/tor")["conditions"]] == ["True"]
    assert status("bgppeers/tor")["conditions"][0]["message"] == "selects 2 nodes"


def test_a_leader_that_is_killed_is_followed_and_nothing_changes(cluster, web):
    """Meanwhile Services wait; what has an address keeps it, and is not even written again."""
    leader, = leaders(cluster)
    other, = (node for node in cluster.nodes if node is not leader)
    before = cluster.api.get(f"{SERVICES}/first")["metadata"]["resourceVersion"]
    leader.agent.stop(signal.SIGKILL)
    create(cluster, "second")
    wait_address(cluster, "second", "192.0.2.11", 150)
    assert other.agent.status()["leader"]["self"]
    assert cluster.api.get(LEASE)["spec"]["leaseTransitions"] == 1
    assert cluster.api.get(f"{SERVICES}/first")["metadata"]["resourceVersion"] == before
    wait_announced(cluster, "192.0.2.10/32", ["n1", "n2"])
    leader.agent.start()
    leader.agent.wait_ready()
    wait_announced(cluster, "192.0.2.11/32", ["n1", "n2"])
    assert leaders(cluster) == [other]


def test_a_service_for_which_no_address_is_left_hears_why(cluster, web):
    """As an Event; and gets one as soon as there is one."""
    create(cluster, "third")

    def said():
        items = cluster.api.get("/api/v1/namespaces/default/events")["items"]
        return [item["message"] for item in items
                if item["involvedObject"]["name"] == "third" and item["reason"] == "NoAddress"]
    wait_until(said, 40, "an Event")
    assert said()[0].startswith("no IPPool that serves this Service has an ")
    cluster.api.delete(f"{SERVICES}/second")
    wait_address(cluster, "third", "192.0.2.11")


def test_a_lease_is_given_back_by_an_agent_that_ends(cluster, web):
    """The other need not wait for its end."""
    leader, = leaders(cluster)
    assert leader.agent.stop() == 0
    assert cluster.api.get(LEASE)["spec"]["holderIdentity"] == ""
    leader.agent.start()
    leader.agent.wait_ready()
    wait_until(lambda: len(leaders(cluster)) == 1, 90, lambda: cluster.api.get(LEASE))
    assert addresses(cluster, "first") == ["192.0.2.10"]


def test_a_cordoned_node_drains_and_comes_back(cluster, web):
    """kubectl's own cordon: the router is told to use the node last, for its pods and for Services: were all nodes
    cordoned at once, nobody else would announce these."""
    pods = next(item for item in cluster.node_items() if item["metadata"]["name"] == "n1")["spec"]["podCIDR"]
    cluster.plane.kubectl("cordon", "n1")
    wait_until(lambda: SHUTDOWN in cluster.bird.routes(pods), 20, lambda: cluster.bird.routes(pods))
    wait_until(lambda: SHUTDOWN in cluster.bird.routes("192.0.2.10/32"), 20,
               lambda: cluster.bird.routes("192.0.2.10/32"))
    wait_announced(cluster, "192.0.2.10/32", ["n1", "n2"])
    wait_until(lambda: any(c["type"] == "Draining" and c["reason"] == "Cordoned" for c in
                           cluster.api.get(f"{GROUP}/bgpnodestatuses/n1")["status"]["conditions"]), 40, "condition")
    cluster.plane.kubectl("uncordon", "n1")
    wait_until(lambda: SHUTDOWN not in cluster.bird.routes(pods), 20, lambda: cluster.bird.routes(pods))
    wait_until(lambda: SHUTDOWN not in cluster.bird.routes("192.0.2.10/32"), 20,
               lambda: cluster.bird.routes("192.0.2.10/32"))
    wait_announced(cluster, "192.0.2.10/32", ["n1", "n2"])
    assert cluster.bird.is_established()


def test_a_node_that_is_being_shut_down_drains(cluster, web):
    """By the words of graceful node shutdown in the Node's status; a kubelet that starts again corrects them."""
    node = cluster.nodes[0]
    condition = {"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "node is shutting down"}
    node.kubelet.stop()
    try:
        cluster.api.call("PATCH", f"/api/v1/nodes/{node.name}/status", {"status": {"conditions": [condition]}},
                         content_type="application/strategic-merge-patch+json")
        wait_announced(cluster, "192.0.2.10/32", ["n2"])
    finally:
        node.join(cluster.plane, [cluster.plan.host_address(1, family) for family in cluster.plan.families])
    wait_announced(cluster, "192.0.2.10/32", ["n1", "n2"], 60)


def test_a_nodes_status_says_what_its_speaker_complains_of_and_belongs_to_its_node(cluster):
    """Without a look at the node: a session that is held down for want of its password."""
    def status():
        return cluster.api.get(f"{GROUP}/bgpnodestatuses/n1")

    def said(kind):
        found = [one for one in status()["status"]["conditions"] if one["type"] == kind]
        return [(one["status"], one["reason"]) for one in found]
    wait_until(lambda: said("Ready") == [("True", "Ready")] and said("SpeakerHealthy") == [("True", "Healthy")], 40,
               lambda: status()["status"])
    create_ours(cluster, "BGPPeer", "locked", address="192.0.2.77", remoteAs=65001, passwordSecret={"name": "missing"})
    try:
        wait_until(lambda: said("SpeakerHealthy") == [("False", "Conditions")], 40, lambda: status()["status"])
        message, = (one["message"] for one in status()["status"]["conditions"] if one["type"] == "SpeakerHealthy")
        assert "neighbor locked held down" in message
    finally:
        cluster.api.delete(f"{GROUP}/bgppeers/locked")
    wait_until(lambda: said("SpeakerHealthy") == [("True", "Healthy")], 40, lambda: status()["status"])
    owner, = status()["metadata"]["ownerReferences"]
    node = cluster.api.get("/api/v1/nodes/n1")["metadata"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("Node", "n1", node["uid"])
