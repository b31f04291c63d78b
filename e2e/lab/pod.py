"""A sandbox of a node, and commands in its network."""

import json
import os
import subprocess
from contextlib import contextmanager

from lab.shell import environment, run

PROBE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "probe.py")
PYTHON = "/usr/bin/python3"


class Background:
    """A probe that goes on while the test does something else."""

    def __init__(self, argv, mark):
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                         env=environment(mark), cwd="/")
        assert self._process.stdout.readline(), f"{' '.join(argv)} did not start"

    def result(self, timeout=30):
        """Tells the probe to come to its end and returns the JSON it prints."""
        text, _ = self._process.communicate("\n", timeout=timeout)
        return json.loads(text)

    def stop(self):
        """Ends the probe, whatever it is doing."""
        self._process.kill()
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            pipe.close()


class Place:
    """A network to run commands in: a pod's, a node's or the router's."""

    def __init__(self, lab, name, netns):
        self.lab, self.name, self.netns = lab, name, netns

    def __repr__(self):
        return self.name

    def enter(self, argv):
        """The command line that runs argv in this network, with the lab's own files."""
        return self.lab.tied(["nsenter", f"--net={self.netns}", "--", *map(str, argv)])

    def run(self, *argv, **options):
        """Runs a command in this network."""
        options.setdefault("env", environment(self.lab.mark))
        return run(self.enter(argv), **options)

    def probe(self, *words, **options):
        """Runs one of probe.py's commands to its end and returns the JSON it prints."""
        return json.loads(self.run(PYTHON, PROBE, *words, **options).stdout)

    @contextmanager
    def probing(self, *words):
        """Runs one of probe.py's commands in the background for the length of a with block."""
        background = Background(self.enter([PYTHON, PROBE, *words]), self.lab.mark)
        try:
            yield background
        finally:
            background.stop()

    def ping(self, addresses, timeout=3, rounds=1):
        """Pings addresses and returns the last round: {address: milliseconds, or None where no answer came}."""
        return self.probe("ping", "--timeout", timeout, "--rounds", rounds, *addresses) if addresses else {}


class Pod(Place):
    """A sandbox with its network."""

    def __init__(self, node, name, sandbox, status):
        # Seen through the node's root: the name means nothing in the machine's own mounts.
        netns = f"/proc/{node.pid}/root/run/netns/{os.path.basename(status['netns'])}"
        super().__init__(node.lab, name, netns)
        self.node, self.sandbox, self.ips = node, sandbox, status["ips"]

    def addresses(self):
        """The global addresses on the pod's eth0, as the kernel has them: [(address, prefix length)]."""
        links = json.loads(self.run("ip", "-json", "address", "show", "dev", "eth0").stdout)
        infos = links[0]["addr_info"]
        return sorted((i["local"], i["prefixlen"]) for i in infos if i["scope"] == "global")

    def ip(self, family):
        """The pod's address of a family."""
        return next(ip for ip in self.ips if (":" in ip) == (family == "ipv6"))

    def host_link(self):
        """The name of the node's end of the pod's link."""
        links = json.loads(self.run("ip", "-json", "link", "show", "dev", "eth0").stdout)
        index = links[0]["link_index"]
        return next(link["ifname"] for link in self.node.ip_json("link", "show") if link["ifindex"] == index)
