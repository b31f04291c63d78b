"""A node: a machine with a root directory, containerd, slash32 and slash32-bgpd of its own."""

import json
import os
import shutil

from lab.containerd import Containerd
from lab.lab import OURS, binaries_directory, cgroup_parent
from lab.namespace import Machine
from lab.pod import Pod
from lab.shell import path_of, wait_until

INIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node-init.sh")
DEBIAN_PLUGINS = "/usr/lib/cni"
PROTOCOLS = {"pod": "132", "aggregate": "133", "bgp": "134", "bird": "12"}


class Node(Machine):
    """A machine that runs pods."""

    def __init__(self, lab, name, plugins=("loopback",)):
        root = os.path.join(lab.directory, name, "root")
        programs, cni = os.path.join(root, "opt/slash32/bin"), os.path.join(root, "opt/cni/bin")
        os.makedirs(programs)
        os.makedirs(cni)
        shutil.copy2(lab.pause, programs)
        for program in OURS:
            path = os.path.join(binaries_directory(), program)
            if os.path.exists(path):
                shutil.copy2(path, cni if program in ("slash32", "slash32-ipam") else programs)
        for plugin in plugins:
            shutil.copy2(os.path.join(DEBIAN_PLUGINS, plugin), cni)
        super().__init__(lab, name, ["/bin/sh", INIT, root, name, lab.directory])
        self.containerd = Containerd(self)
        self.bgpd = None  # the topology's business
        self.pods = []

    def run_pod(self, name):
        """Runs a sandbox through the CRI and returns it as a Pod."""
        sandbox = self.containerd.cri.run_sandbox(name, cgroup_parent(self.lab.mark))
        pod = Pod(self, name, sandbox, self.containerd.cri.status(sandbox))
        self.pods.append(pod)
        return pod

    def remove_pod(self, pod):
        """Stops and removes a sandbox."""
        self.containerd.cri.stop_sandbox(pod.sandbox)
        self.containerd.cri.remove_sandbox(pod.sandbox)
        self.pods.remove(pod)

    def ctl(self, *words, **options):
        """Runs slash32ctl on the node."""
        return self.run("slash32ctl", *words, **options)

    def routes(self, kind=None, family=None):
        """Kernel routes of the main table, both families; `kind` is a key of PROTOCOLS."""
        found = []
        for flag in ("-4", "-6"):
            if family in (None, "ipv4" if flag == "-4" else "ipv6"):
                words = ["protocol", PROTOCOLS[kind]] if kind else []
                found += self.ip_json(flag, "route", "show", "table", "main", *words)
        return found

    def allocations(self):
        """The IPAM's allocations as slash32ctl shows them."""
        return json.loads(self.ctl("ipam", "show", "--json").stdout)["allocations"]

    def file(self, path):
        """The text of a file on the node; empty if there is none."""
        try:
            with open(path_of(self.pid, path), encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def state(self):
        """What pods leave on a node, for comparing before and after. DEL leaves the kernel's last 15 ms of a removal to
        a child, so plugins may end first."""
        wait_until(lambda: not self._plugins(), 10, self._plugins)
        mounts = [line.split()[4] for line in self.run("cat", "/proc/self/mountinfo").stdout.splitlines()]
        return {
            "links": sorted(link["ifname"] for link in self.ip_json("link", "show")),
            "routes": sorted(json.dumps(route, sort_keys=True) for route in self.routes()),
            "permanent neighbours": sorted(n["dst"] for n in self.ip_json("neigh", "show", "nud", "permanent")),
            "mounts": sorted(mounts),
            "processes": self.processes(),
            "namespaces": sorted(os.listdir(path_of(self.pid, "/run/netns"))),
            "cni results": sorted(os.listdir(path_of(self.pid, "/var/lib/cni/results")))
            if os.path.isdir(path_of(self.pid, "/var/lib/cni/results")) else [],
            "rules": self.run("nft", "list", "ruleset").stdout,
        }

    def _plugins(self):
        return [command for command in self.processes() if command.startswith("/opt/cni/bin/")]

    def stop(self):
        """Ends the node with all it runs."""
        self.containerd.close()
        super().stop()
