"""A cluster: a control plane on a machine of its own, and nodes on the same segment that join it."""

import os

from kubernetes.lab import binaries, stand_in
from kubernetes.lab.control_plane import DUAL_STACK, SERVICE_RANGES, ControlPlane
from kubernetes.lab.node import KubernetesNode
from lab import image
from lab.namespace import Machine, connect
from lab.shell import wait_until
from lab.topology import MTU, Cluster, Plan

POD_RANGES = ("10.244.0.0/16", "fd00:10:244::/48")
ADDRESSES = ("10.0.0.100", "fd00:10::100")  # the control plane's
BUSYBOX = "slash32.test/busybox:1"


def container(name="main", script=None, **more):
    """A container that does nothing but be there, or one that runs a script of busybox's shell."""
    what = {"image": BUSYBOX, "args": ["sh", "-c", script]} if script else {"image": image.NAME}
    return {"name": name, "imagePullPolicy": "Never", **what, **more}


def manifest(name, node=None, **spec):
    """A pod with one container that does nothing but be there, unless `spec` says more."""
    return {"metadata": {"name": name, "labels": {"app": name}},
            "spec": {"containers": [container()], "terminationGracePeriodSeconds": 1,
                     **({"nodeName": node} if node else {}), **spec}}


def is_true(item, condition):
    """Whether an object has a condition with status True."""
    return any(c["type"] == condition and c["status"] == "True" for c in item.get("status", {}).get("conditions", []))


class KubernetesCluster(Cluster):
    """Nodes n1, n2… with kubelets, and etcd, kube-apiserver, kube-controller-manager and kube-scheduler beside them."""

    node_type = KubernetesNode

    def __init__(self, nodes=2, keep=False, flags=(), equip=stand_in.equip):
        """flags: more flags of kube-apiserver. equip(cluster, nodes): gives nodes what slash32 needs, and each a `bgpd`,
        once the API has ranges for all nodes."""
        binaries.directory()  # building takes long, and may fail: before anything is there to be taken down
        super().__init__(Plan("mesh", "dual", nodes=nodes), keep)
        self._flags, self._equip_nodes = flags, equip
        self.plane = None

    @property
    def api(self):
        """The API as administrator."""
        return self.plane.api

    def up(self, progress=lambda text: None):
        """Brings everything up until every node is Ready."""
        progress("wiring nodes and control plane")
        self._wire()
        self._add_control_plane()
        progress("starting the control plane")
        self.plane.launch()
        self._start_controllers()
        for node in self.nodes:
            node.containerd.launch()
        self.plane.wait_ready()
        progress("joining the nodes")
        busybox = image.pack("/bin/busybox", os.path.join(self.lab.directory, "busybox.tar"), BUSYBOX)
        for node in self.nodes:
            self.join(node)
            node.containerd.import_image(busybox)
        self.equip(self.nodes)
        progress("waiting for nodes that are Ready")
        self.wait_ready()
        return self

    def _add_control_plane(self):
        machine = self.lab.add(Machine(self.lab, "control-plane"))
        connect(self.router, "pc", machine, "eth0", MTU)
        self.router.ip("link", "set", "pc", "master", "br0")
        self._address(machine, "eth0", lambda family: ADDRESSES[family == "ipv6"])
        self.plane = ControlPlane(machine, ADDRESSES[0], self._flags)

    def _start_controllers(self):
        """The controllers that pods on nodes need: ranges for nodes, accounts, DaemonSets, Deployments, and a choice of
        node. They reach the API as themselves."""
        plane, machine = self.plane, self.plane.host
        for name in ("kube-controller-manager", "kube-scheduler", "kube-proxy"):
            plane.pki.issue(name, f"system:{name}")
        common = ["--leader-elect=false", "--port=0", DUAL_STACK]
        machine.spawn([binaries.path("kube-controller-manager"), *common,
                       f"--kubeconfig={plane.write_kubeconfig('kube-controller-manager')}",
                       "--use-service-account-credentials=true", f"--root-ca-file={plane.ca_file}",
                       f"--service-account-private-key-file={plane.pki.key('service-accounts')}",
                       "--allocate-node-cidrs=true", f"--cluster-cidr={','.join(POD_RANGES)}",
                       f"--service-cluster-ip-range={SERVICE_RANGES}", "--node-cidr-mask-size-ipv4=24",
                       "--node-cidr-mask-size-ipv6=64", "--node-monitor-grace-period=8s",
                       f"--cert-dir={machine.directory}"], "kube-controller-manager")
        machine.spawn([binaries.path("kube-scheduler"), *common, f"--cert-dir={machine.directory}",
                       f"--kubeconfig={plane.write_kubeconfig('kube-scheduler')}"], "kube-scheduler")

    def wire(self, node):
        """Connects a node. Its card keeps its address when the node is rebooted, as neighbours expect. By its default
        route slash32-agent finds out the MTU."""
        super().wire(node)
        node.ip("link", "set", "eth0", "address", f"02:00:0a:00:00:{self.number(node):02x}")
        for family in self.plan.families:
            node.ip("route", "add", "default", "via", self.plan.router_address(0, family))

    def _equip(self, node, number):
        """Nothing yet: what a node is given comes from the API."""

    def join(self, node):
        """Starts a node's kubelet and kube-proxy."""
        node.containerd.wait_serving()
        number = self.number(node)
        node.join(self.plane, [self.plan.host_address(number, family) for family in self.plan.families])
        node.start_proxy(self.plane, POD_RANGES)

    def equip(self, nodes):
        """Gives nodes what slash32 needs, and the control plane, which speaks no BGP, the way back to their pods."""
        items = stand_in.wait_for_nodes(self.api, [node.name for node in self.nodes], self.plan.families)
        for node in nodes:
            for prefix in stand_in.pod_ranges(items[node.name]):
                family = "ipv6" if ":" in prefix else "ipv4"
                via = self.plan.host_address(self.number(node), family)
                self.plane.host.ip("route", "replace", prefix, "via", via)
        self._equip_nodes(self, nodes)

    def wait_ready(self, timeout=90):
        """Waits until every node's speaker has its sessions and every Node is Ready."""
        for node in self.nodes:
            node.bgpd.wait_established()
        wait_until(lambda: all(is_true(item, "Ready") for item in self.node_items()), timeout,
                   lambda: f"Ready nodes: {self.node_items()}")

    def node_items(self):
        """The Nodes of the API."""
        return self.api.get("/api/v1/nodes")["items"]

    def expected_routes(self, node):
        """What a node must have learned: the ranges that the API gave to all others."""
        return {prefix for item in self.node_items() if item["metadata"]["name"] != node.name
                for prefix in stand_in.pod_ranges(item)}

    def node(self, name):
        """A node by its name."""
        return next(node for node in self.nodes if node.name == name)

    def create_pod(self, name, node=None, **spec):
        """Creates a pod in the namespace default; the scheduler chooses the node unless one is named."""
        return self.api.create("/api/v1/namespaces/default/pods", manifest(name, node, **spec))

    def ready_pod(self, name, namespace="default", restarts=0, timeout=60):
        """Waits until a pod is Ready, its containers started anew at least so many times; returns what the API says."""
        path = f"/api/v1/namespaces/{namespace}/pods/{name}"

        def ready():
            item = self.api.get(path)
            statuses = item["status"].get("containerStatuses", [])
            return item if is_true(item, "Ready") and all(s["restartCount"] >= restarts for s in statuses) else None

        return wait_until(ready, timeout,
                          lambda: f"pod {name}\n{self.plane.kubectl('describe', 'pod', '-n', namespace, name)}")

    def running_pod(self, name, **options):
        """Waits until a pod with a network of its own is Ready; options as for ready_pod()."""
        item = self.ready_pod(name, **options)
        return self.node(item["spec"]["nodeName"]).find_pod(item)

    def delete_pod(self, name):
        """Asks for a pod's deletion; the kubelet takes seconds over it, and ten more to tell the API."""
        self.api.delete(f"/api/v1/namespaces/default/pods/{name}")

    def import_image(self, archive):
        """Loads the images of an archive on every node; the archive must lie in the lab's directory."""
        for node in self.nodes:
            node.containerd.import_image(archive)

    def reboot(self, node):
        """Power off and on: the node comes back with its disk, and finds its own way into the cluster."""
        node.reboot()
        self.wire(node)
        node.containerd.launch()
        self.join(node)
        self.equip([node])
