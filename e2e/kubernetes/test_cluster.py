"""Two nodes with real kubelets: the pods that the API asks for run on our pod network, in both families."""

import ipaddress

import pytest
from kubernetes.lab import stand_in
from kubernetes.lab.api import Api
from kubernetes.lab.cluster import container
from lab.shell import wait_until

FAMILIES = ("ipv4", "ipv6")


@pytest.fixture(scope="module", name="pods")
def fixture_pods(cluster):
    """A pod on each node, a1 on n1 and a2 on n2."""
    for node in cluster.nodes:
        cluster.create_pod(f"a{node.name[1:]}", node.name)
    return [cluster.running_pod(f"a{node.name[1:]}") for node in cluster.nodes]


def ranges_of(cluster, name):
    """What the API gave a node, as networks."""
    item = next(item for item in cluster.node_items() if item["metadata"]["name"] == name)
    return [ipaddress.ip_network(prefix) for prefix in stand_in.pod_ranges(item)]


def test_every_node_is_ready_with_a_range_of_its_own_in_each_family(cluster):
    """By the kubelets' and the controller manager's word."""
    items = cluster.node_items()
    assert [item["metadata"]["name"] for item in items] == ["n1", "n2"]
    ranges = [prefix for item in items for prefix in stand_in.pod_ranges(item)]
    assert len(set(ranges)) == 4
    for item in items:
        assert len([a for a in stand_in.addresses(item) if ":" in a]) == len(stand_in.addresses(item)) - 1 == 1


def test_a_pods_addresses_are_of_its_nodes_ranges_and_the_api_knows_them(cluster, pods):
    """One a family: in the pod, in the runtime and in the pod's status."""
    for pod in pods:
        told = [entry["ip"] for entry in pod.item["status"]["podIPs"]]
        assert sorted(told) == sorted(pod.ips) == sorted(address for address, _ in pod.addresses())
        ranges = ranges_of(cluster, pod.node.name)
        assert [any(ipaddress.ip_address(ip) in prefix for prefix in ranges) for ip in told] == [True, True]


def test_pods_of_different_nodes_reach_each_other(cluster, pods):
    """And every node; pings first, then TCP with the pod's own address at the other end."""
    targets = [ip for pod in pods for ip in pod.ips] + cluster.host_addresses()
    for pod in pods:
        assert [ip for ip, ms in pod.ping(targets).items() if ms is None] == []
    source, target = pods
    for family in FAMILIES:
        with target.probing("serve", target.ip(family)):
            sent = source.probe("send", target.ip(family), "--bytes", 1_000_000)
        assert sent["seen"] == {"peer": source.ip(family), "bytes": 1_000_000, "sha256": sent["sha256"]}


def test_a_deleted_pod_frees_its_addresses_and_leaves_no_route(cluster):
    """Asked for through the API; what the node holds then is what it held before."""
    node = cluster.nodes[0]

    def held():
        return sorted(allocation["address"] for allocation in node.allocations()), len(node.routes("pod"))

    before = held()
    cluster.create_pod("short-lived", node.name)
    pod = cluster.running_pod("short-lived")
    assert held() == (sorted([*before[0], *pod.ips]), before[1] + 2)
    cluster.delete_pod("short-lived")
    wait_until(lambda: held() == before, 60, lambda: f"{held()} to be {before} again")


def test_a_daemonset_has_a_pod_on_each_node(cluster):
    """Controller manager and scheduler do their part."""
    labels = {"app": "everywhere"}
    cluster.api.create("/apis/apps/v1/namespaces/default/daemonsets", {
        "metadata": {"name": "everywhere"},
        "spec": {"selector": {"matchLabels": labels},
                 "template": {"metadata": {"labels": labels}, "spec": {"containers": [container()]}}}})
    path = "/apis/apps/v1/namespaces/default/daemonsets/everywhere"
    wait_until(lambda: cluster.api.get(path)["status"].get("numberReady") == 2, 60,
               lambda: cluster.plane.kubectl("describe", "daemonset,pod", "-l", "app=everywhere"))
    items = cluster.api.get("/api/v1/namespaces/default/pods?labelSelector=app%3Deverywhere")["items"]
    assert sorted(item["spec"]["nodeName"] for item in items) == ["n1", "n2"]
    found = [cluster.running_pod(item["metadata"]["name"]) for item in items]
    assert [ms for ms in found[0].ping(found[1].ips).values() if ms is None] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_a_service_leads_to_the_pod_behind_it(cluster, pods, family):
    """Beside kube-proxy: from a pod on the other node, which the server sees by its own address."""
    source, target = pods
    spec = {"selector": {"app": "a2"}, "ports": [{"port": 80, "targetPort": 7032}],
            "ipFamilies": [{"ipv4": "IPv4", "ipv6": "IPv6"}[family]]}
    service = cluster.api.create("/api/v1/namespaces/default/services", {"metadata": {"name": family}, "spec": spec})
    address = service["spec"]["clusterIP"]
    table = "iptables-save" if family == "ipv4" else "ip6tables-save"
    wait_until(lambda: target.ip(family) in source.node.run(table, "-t", "nat").stdout, 30,
               lambda: f"kube-proxy's rules for {address}")
    with target.probing("serve", target.ip(family)):
        sent = source.probe("send", address, "--port", 80, "--bytes", 100_000)
    assert sent["seen"] == {"peer": source.ip(family), "bytes": 100_000, "sha256": sent["sha256"]}


def test_a_pod_reaches_the_api_by_its_service(pods):
    """What every controller in a pod does: 10.96.0.1, TLS by the cluster's authority, its service account's token."""
    pod = pods[0]
    with open(pod.secret("token"), encoding="ascii") as file:
        api = Api("https://10.96.0.1:443", pod.secret("ca.crt"), token=file.read(), netns=pod.netns)
    assert api.get("/version")["gitVersion"] == "v1.20.2"
    status, text = api.request("GET", "/api/v1/nodes")
    assert (status, "system:serviceaccount:default:default" in text) == (403, True)


def test_a_pod_in_the_nodes_network_has_the_nodes_address(cluster):
    """As our DaemonSet's pods; the plugin is not asked."""
    node = cluster.nodes[1]
    held = len(node.allocations())
    cluster.create_pod("host-network", node.name, hostNetwork=True)
    item = cluster.ready_pod("host-network")
    assert item["status"]["podIP"] == cluster.plan.host_address(2, "ipv4")
    assert len(node.allocations()) == held


def test_logs_are_read_and_commands_run_in_a_container(cluster):
    """By way of the API server and the kubelet, as administrators do."""
    cluster.create_pod("talker", containers=[container(script="echo started; exec sleep 1000000")])
    pod = cluster.running_pod("talker")
    assert cluster.plane.kubectl("logs", "talker") == "started\n"
    told = cluster.plane.kubectl("exec", "talker", "--", "/busybox", "ip", "-o", "address", "show", "dev", "eth0")
    assert [ip in told for ip in pod.ips] == [True, True]


def test_a_privileged_init_container_prepares_the_node_for_a_confined_one(cluster):
    """What a pod network's DaemonSet is made of: host paths, host network, a read-only root, few capabilities."""
    node = cluster.nodes[0]
    mounts = [{"name": "state", "mountPath": "/host/state"}]
    install = container("install", "echo installed > /host/state/file", volumeMounts=mounts,
                        securityContext={"privileged": True})
    confined = {"readOnlyRootFilesystem": True, "seccompProfile": {"type": "RuntimeDefault"},
                "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}
    work = container("work", "ip link set dev lo mtu 65535; cat /host/state/file; touch /no; exec sleep 1000000",
                     volumeMounts=mounts, securityContext=confined)
    volume = {"name": "state", "hostPath": {"path": "/var/lib/state", "type": "DirectoryOrCreate"}}
    cluster.create_pod("prepared", node.name, hostNetwork=True, initContainers=[install], containers=[work],
                       volumes=[volume])
    cluster.ready_pod("prepared")
    assert node.file("/var/lib/state/file") == "installed\n"
    log = cluster.plane.kubectl("logs", "prepared")
    assert "installed\n" in log and "Read-only file system" in log
    assert node.ip_json("link", "show", "dev", "lo")[0]["mtu"] == 65535


def test_a_node_that_was_rebooted_runs_its_pods_again(cluster, pods):
    """With new sandboxes, no address lost to the old ones, and reachable from the other node."""
    node, other = pods[0].node, pods[1]
    count = len(node.allocations())
    cluster.reboot(node)
    cluster.wait_ready()
    pod = cluster.running_pod("a1", restarts=1)
    wait_until(lambda: len(node.allocations()) == count, 60, lambda: f"{count} addresses: {node.allocations()}")
    wait_until(lambda: None not in other.ping(pod.ips, timeout=1).values(), 30, lambda: f"answers of {pod.ips}")
