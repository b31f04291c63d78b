"""One network namespace with an API server, the agent, the speaker and its peer; and what is measured there."""

import os
import statistics
import time
from contextlib import contextmanager

from agentbench import fill
from kubernetes.lab import binaries
from kubernetes.lab.control_plane import ControlPlane
from lab.lab import Lab
from lab.namespace import Machine
from lab.shell import wait_until

MERGE = "application/merge-patch+json"
MEMORY_BAR = 40  # MB, of each program, at its most
TICKS = os.sysconf("SC_CLK_TCK")


class World:
    """Machine, control plane, programs."""

    def __init__(self, lab, bin_directory):
        self.bin = bin_directory
        self.machine = lab.add(Machine(lab, "bench"))
        for words in (("link", "add", "d0", "type", "veth", "peer", "name", "d1"), ("link", "set", "d1", "up"),
                      ("link", "set", "d0", "up"),
                      ("address", "add", "10.0.0.1/8", "dev", "d0"), ("address", "add", "10.0.0.254/8", "dev", "d0")):
            self.machine.ip(*words)
        self.netns = f"/proc/{self.machine.pid}/ns/net"
        # Every port of a load balancer takes a port of the nodes as well.
        self.plane = ControlPlane(self.machine, "10.0.0.1", ["--service-node-port-range=2000-65000"])
        self.plane.start()
        self.agent = self.bgpd = self.peer = None

    def path(self, name):
        """A path of the node's own."""
        return os.path.join(self.machine.directory, name)

    def start(self, peer):
        """Starts agent and speaker, and waits until the peer has every Service."""
        self.peer = peer
        flags = {"--node-file": "node.json", "--bgpd-config": "bgpd.json", "--secrets-dir": "secrets", "--state-dir": "lib",
                 "--ipam-dir": "ipam", "--bgpd-socket": "bgpd.sock", "--bgpd-state-file": "bgpd.state", "--socket": "agent.sock"}
        words = [os.path.join(self.bin, "slash32-agent"), "--kubeconfig", self.plane.kubeconfig, "--node-name", fill.OWN,
                 "--namespace", "slash32-system", "--no-conflist", "--mtu", "1500"]
        for flag, name in flags.items():
            words += [flag, self.path(name)]
        self.began = time.monotonic()
        self.agent = self.machine.spawn(words, "agent")
        wait_until(lambda: os.path.exists(self.path("bgpd.json")), 60, lambda: f"bgpd.json\n{self.agent.log_tail()}")
        self.bgpd = self.machine.spawn([os.path.join(self.bin, "slash32-bgpd"), "--config", self.path("bgpd.json")], "bgpd")

    def services_told(self):
        """How many Services' prefixes the peer has."""
        return sum(1 for prefix in self.peer.there if prefix.endswith("/32") and prefix.startswith(("10.64.", "10.65.")))

    def measure(self, arguments):
        """Prints everything. Whether both programs kept to MEMORY_BAR."""
        count = arguments.services
        try:
            self.peer.wait(lambda: self.services_told() >= count, max(120, count), f"{count} Services at the peer")
        except TimeoutError as error:
            raise RuntimeError(f"{error}\n{self.agent.log_tail()}\n{self.bgpd.log_tail()}") from error
        print(f"assigned: {count} Services by the leader, all at the peer {time.monotonic() - self.began:.1f} s after the "
              "agent's start", flush=True)
        print(f"bgpd.json: {os.path.getsize(self.path('bgpd.json')):,} octets")
        took = self.sample(arguments)
        for name, which in (("event to route", 0), ("of it the server's answer", 1)):
            values = sorted(one[which] for one in took)
            print(f"{name}: p50 {statistics.median(values) * 1000:.0f} ms, p99 "
                  f"{values[min(len(values) - 1, int(len(values) * 0.99))] * 1000:.0f} ms, {len(values)} samples")
        self.idle(arguments.idle)
        most = {}
        for name, daemon in (("agent", self.agent), ("bgpd", self.bgpd)):
            most[name] = self.memory(daemon, "VmHWM")
            print(f"memory of {name}: {self.memory(daemon, 'VmRSS'):.1f} MB, at most {most[name]:.1f} MB")
        for name, peak in most.items():
            print(f"{'reached' if peak <= MEMORY_BAR else 'missed'}: memory of {name} at most {MEMORY_BAR} MB")
        return max(most.values()) <= MEMORY_BAR

    def sample(self, arguments):
        """(seconds to the peer, seconds of the server's own) of changes one after another."""
        connection, out = fill.Connection(self), []
        addresses = {}
        for number in range(1, arguments.samples + 1):
            item = self.plane.api.get(f"{fill.SERVICES}/service-{number}")
            addresses[number] = item["status"]["loadBalancer"]["ingress"][0]["ip"] + "/32"
        for number in range(1, arguments.samples + 1):
            prefix, ready = addresses[number], number % 2 == 0
            path = f"{fill.SLICES}/{fill.name_of_slice(number - 1, arguments.services)}"
            endpoints = [fill.endpoint(number - 1, i, arguments.nodes, ready) for i in range(arguments.endpoints)]
            if ready:  # it is announced: away with it first
                gone = [fill.endpoint(number - 1, i, arguments.nodes, False) for i in range(arguments.endpoints)]
                connection.ask("PATCH", path, {"endpoints": gone}, MERGE)
                self.peer.wait(lambda p=prefix: p in self.peer.gone, 60, f"the end of {prefix}")
            began = time.monotonic()
            connection.ask("PATCH", path, {"endpoints": endpoints}, MERGE)
            answered = time.monotonic()
            where = self.peer.there if ready else self.peer.gone
            arrived = self.peer.wait(lambda p=prefix, w=where: w.get(p), 60, f"{prefix} {'there' if ready else 'gone'}")
            out.append((arrived - began, answered - began))
        return out

    @staticmethod
    def memory(daemon, key):
        """MB of a line of /proc/PID/status."""
        with open(f"/proc/{daemon.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(key)) / 1024

    @staticmethod
    def cpu(daemon):
        """Seconds of CPU a program has taken."""
        with open(f"/proc/{daemon.pid}/stat", encoding="ascii", errors="replace") as file:
            words = file.read().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / TICKS

    def idle(self, seconds):
        """CPU of both while nothing happens; first what the last changes still cause is let pass."""
        time.sleep(min(seconds, 15))  # the status of this node is written up to 10 s late
        before = [self.cpu(one) for one in (self.agent, self.bgpd)]
        time.sleep(seconds)
        for name, one, had in zip(("agent", "bgpd"), (self.agent, self.bgpd), before):
            print(f"idle CPU of {name}: {(self.cpu(one) - had) * 1000:.0f} ms in {seconds:.0f} s")


@contextmanager
def running(bin_directory):
    """A World for the length of a with block."""
    binaries.directory()
    lab = Lab()
    world = None
    try:
        world = World(lab, bin_directory)
        yield world
    finally:
        if world and world.peer:
            world.peer.close()
        lab.down()
