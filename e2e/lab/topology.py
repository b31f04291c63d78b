"""The networks the tests run in: who is wired to whom, with which addresses and which BGP sessions."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from lab.bgpd import Bgpd
from lab.bird import Bird, Session
from lab.containerd import write_conflist
from lab.lab import Lab
from lab.namespace import Machine, connect
from lab.node import Node
from lab.pod import Place
from lab.shell import wait_until

FAMILIES = {"ipv4": ("ipv4",), "ipv6": ("ipv6",), "dual": ("ipv4", "ipv6")}
TOR_AS = 65000
NODE_AS = 64512
MTU = 1500


@dataclass(frozen=True)
class Plan:
    """A topology and the families it carries.

    mesh: all nodes on one segment, iBGP between every two.
    tor: a subnet and an AS per node, each speaks eBGP with the router.
    tor-one-as: the same with one AS for all nodes, which accept their own AS once.
    reflector: all nodes on one segment, iBGP with the router, which reflects.
    """

    kind: str
    stack: str
    nodes: int = 3
    hold_time: int = 9
    pod_routes: str = "outside-aggregates"

    @property
    def families(self):
        """The address families in use."""
        return FAMILIES[self.stack]

    @property
    def has_router(self):
        """Whether the router speaks BGP and can be pinged."""
        return self.kind != "mesh"

    @property
    def is_routed(self):
        """Whether every node has a subnet of its own."""
        return self.kind.startswith("tor")

    def node_as(self, number):
        """The AS of a node."""
        return NODE_AS + number if self.kind == "tor" else NODE_AS

    def router_as(self):
        """The router's AS."""
        return TOR_AS if self.is_routed else NODE_AS

    def host_address(self, number, family):
        """A node's own address."""
        if family == "ipv4":
            return f"10.0.{number}.1" if self.is_routed else f"10.0.0.{number}"
        return f"fd00:10:0:{number}::1" if self.is_routed else f"fd00:10::{number}"

    def router_address(self, number, family):
        """The router's address on the link of a node."""
        subnet = number if self.is_routed else 0
        if family == "ipv4":
            return f"10.0.{subnet}.254"
        return f"fd00:10:0:{subnet}::fe" if subnet else "fd00:10::fe"

    @staticmethod
    def pod_range(number, family):
        """The pod range of a node."""
        return f"10.244.{number}.0/24" if family == "ipv4" else f"fd00:10:244:{number}::/64"

    def pod_ranges(self, number):
        """The pod ranges of a node in all families."""
        return [self.pod_range(number, family) for family in self.families]

    def __str__(self):
        return f"{self.kind}-{self.stack}"


def length(family):
    """The prefix length of the lab's links."""
    return 24 if family == "ipv4" else 64


def conflist(plan, number):
    """A node's CNI configuration."""
    ranges = [[{"subnet": prefix}] for prefix in plan.pod_ranges(number)]
    ipam = {"type": "slash32-ipam", "dataDir": "/run/slash32/ipam", "ranges": ranges}
    return {"cniVersion": "1.0.0", "cniVersions": ["1.0.0", "1.1.0"], "name": "slash32",
            "plugins": [{"type": "slash32", "mtu": MTU, "ipam": ipam}]}


def neighbor(plan, name, address, remote_as):
    """A neighbour of slash32-bgpd."""
    entry = {"name": name, "address": address, "remoteAs": remote_as, "holdTime": plan.hold_time,
             "connectRetryTime": 2, "families": list(plan.families),
             "gracefulRestart": {"enabled": True, "restartTime": 120}}
    if plan.is_routed:
        entry.update({"import": ["all"], "export": ["own"]})
    if plan.kind == "tor-one-as":
        entry["allowOwnAs"] = 1
    return entry


def bgpd_config(plan, number):
    """A node's slash32-bgpd configuration."""
    session_family = plan.families[0]
    if plan.has_router:
        neighbors = [neighbor(plan, "tor", plan.router_address(number, session_family), plan.router_as())]
    else:
        others = [other for other in range(1, plan.nodes + 1) if other != number]
        neighbors = [neighbor(plan, f"n{other}", plan.host_address(other, session_family), NODE_AS)
                     for other in others]
    return {
        "localAs": plan.node_as(number),
        "routerId": f"10.0.{number}.1",
        "kernel": {"install": True},
        "control": {"socket": "/run/slash32/bgpd.sock"},
        "originate": {"prefixes": plan.pod_ranges(number), "podRoutes": plan.pod_routes},
        "neighbors": neighbors,
        "policies": {"all": [{"then": "accept"}], "own": [{"match": {"source": ["local"]}, "then": "accept"}]},
    }


class Cluster:
    """Three nodes and what is between them, brought up by a Plan."""

    plugins = ("loopback",)  # of Debian's, beside our own
    learned = "bgp"  # the kernel's routing protocol of what the nodes' speaker learned
    node_type = Node

    def __init__(self, plan, keep=False, pods_per_node=2):
        self.plan = plan
        self.lab = Lab(keep)
        self.nodes, self.router, self.bird = [], None, None
        self._pods_per_node = pods_per_node

    def up(self, progress=lambda text: None):
        """Brings everything up: wires, containerd, BGP, pods, and waits until all routes are in the kernels."""
        progress("wiring nodes and router")
        self._wire()
        progress("starting containerd and slash32-bgpd on every node")
        self._start_runtimes()
        self._start_speakers()
        progress("waiting for the BGP sessions")
        for node in self.nodes:
            node.bgpd.wait_established()
        progress("running pods through the CRI")
        # Threads may speak the CRI but start no process: what they start is tied to the life of the thread.
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            list(pool.map(self._run_pods, self.nodes))
        progress("waiting for the routes")
        self.wait_converged()
        return self

    def _run_pods(self, node):
        for number in range(1, self._pods_per_node + 1):
            node.run_pod(f"{node.name}-pod{number}")

    def down(self):
        """Takes everything down."""
        self.lab.down()

    def _wire(self):
        self.router = self.lab.add(Machine(self.lab, "tor"))
        self.router.sysctl({"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1})
        if not self.plan.is_routed:
            self.router.ip("link", "add", "br0", "type", "bridge", "mcast_snooping", 0)
            self.router.ip("link", "set", "br0", "up")
            self._address(self.router, "br0", lambda family: self.plan.router_address(0, family))
        for number in range(1, self.plan.nodes + 1):
            self._add_node(number)

    def _add_node(self, number):
        node = self.lab.add(self.node_type(self.lab, f"n{number}", self.plugins))
        self.nodes.append(node)
        self.wire(node)
        self._equip(node, number)

    def wire(self, node):
        """Connects a node, whose old cable if it had one is gone, to the router."""
        number = self.number(node)
        port = f"p{number}"
        connect(self.router, port, node, "eth0", MTU)
        self._address(node, "eth0", lambda family: self.plan.host_address(number, family))
        if self.plan.is_routed:
            self._address(self.router, port, lambda family: self.plan.router_address(number, family))
        else:
            self.router.ip("link", "set", port, "master", "br0")

    def _equip(self, node, number):
        write_conflist(node, conflist(self.plan, number))
        node.bgpd = Bgpd(node, bgpd_config(self.plan, number))

    def _address(self, machine, link, address):
        for family in self.plan.families:
            machine.ip("address", "add", f"{address(family)}/{length(family)}", "dev", link)

    def _start_runtimes(self):
        for node in self.nodes:
            node.containerd.launch()
        for node in self.nodes:
            node.containerd.wait_ready()

    def _start_speakers(self):
        if self.plan.has_router:
            self.bird = Bird(self.router, "10.0.0.254", self.plan.families, self._router_sessions())
            self.bird.start()
        for node in self.nodes:
            node.bgpd.start()

    def _router_sessions(self):
        family = self.plan.families[0]
        return [Session(node.name, self.plan.router_address(number, family), self.plan.router_as(),
                        self.plan.host_address(number, family), self.plan.node_as(number), self.plan.families,
                        reflector_client=self.plan.kind == "reflector")
                for number, node in enumerate(self.nodes, 1)]

    def number(self, node):
        """A node's number, from 1."""
        return self.nodes.index(node) + 1

    def pods(self):
        """All pods of all nodes."""
        return [pod for node in self.nodes for pod in node.pods]

    def hosts(self):
        """The nodes' own networks, and the router's where it takes part, as places to probe from."""
        machines = [*self.nodes, *([self.router] if self.plan.has_router else [])]
        return [Place(self.lab, machine.name, f"/proc/{machine.pid}/ns/net") for machine in machines]

    def host_addresses(self):
        """The addresses of all nodes, and of the router where it takes part."""
        found = [self.plan.host_address(n, f) for n in range(1, self.plan.nodes + 1) for f in self.plan.families]
        if self.plan.has_router:
            numbers = range(1, self.plan.nodes + 1) if self.plan.is_routed else [1]
            found += [self.plan.router_address(n, f) for n in numbers for f in self.plan.families]
        return found

    def expected_routes(self, node):
        """What a node must have learned: the pod ranges of all others."""
        others = [n for n in range(1, self.plan.nodes + 1) if n != self.number(node)]
        return {prefix for n in others for prefix in self.plan.pod_ranges(n)}

    def missing_routes(self):
        """(node, prefix) of every pod range that is not yet in a node's kernel or on the router."""
        missing = []
        for node in self.nodes:
            have = {route["dst"] for route in node.routes(self.learned)}
            missing += [(node.name, prefix) for prefix in self.expected_routes(node) - have]
        if self.plan.has_router:
            have = {r["dst"] for flag in ("-4", "-6") for r in self.router.ip_json(flag, "route", "show")}
            wanted = {prefix for n in range(1, self.plan.nodes + 1) for prefix in self.plan.pod_ranges(n)}
            missing += [("tor", prefix) for prefix in wanted - have]
        return missing

    def wait_converged(self, timeout=40):
        """Waits until every pod range is in every kernel that must have it."""
        wait_until(lambda: not self.missing_routes(), timeout, lambda: f"routes {self.missing_routes()}")
