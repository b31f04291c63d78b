"""The whole agent, and the scripted API of its cluster."""

import json
import os
import shutil
import subprocess

from scripted_api import Api
from scripted_server import Authority, ScriptedServer, shut, wait_until

AGENT = os.path.join(os.environ.get("SLASH32_DEV_BIN", os.path.join(os.path.dirname(__file__), "../../build/dev/bin")),
                     "slash32-agent")


def node(number, pods=None):
    return {"metadata": {"name": f"n{number}"}, "spec": {"podCIDRs": [pods or f"10.244.{number}.0/24"]},
            "status": {"addresses": [{"type": "InternalIP", "address": f"10.0.0.{number}"}]}}


def ours(name, **spec):
    return {"apiVersion": "slash32.io/v1alpha1", "metadata": {"name": name}, "spec": spec}


class World:
    """An API of two nodes, and the agent of n1. `flags` of its command line; `before`: words that come before that."""

    def __init__(self, directory, flags=("--mtu=1500", "--no-conflist"), before=()):
        self.directory, self.flags, self.before = directory, list(flags), list(before)
        self.authority = Authority(directory)
        self.server = ScriptedServer(*self.authority.issue("server"))
        self.authority_file = str(directory / "authority.crt")
        shutil.copy(self.authority.certificate, self.authority_file)
        self.token = directory / "token"
        self.token.write_text("first")
        self.api = Api(self.server)
        for number in (1, 2):
            self.api.put("nodes", node(number))
        self.process = None

    def start(self):
        kubeconfig = self.directory / "kubeconfig"
        kubeconfig.write_text(json.dumps({
            "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": {"server": self.server.url,
                                                   "certificate-authority": self.authority_file}}],
            "users": [{"name": "u", "user": {"tokenFile": str(self.token)}}]}))
        paths = {"node-file": "run/node.json", "bgpd-config": "bgpd.json", "secrets-dir": "secrets", "state-dir": "state",
                 "bgpd-socket": "bgpd.sock", "bgpd-state-file": "bgpd.state", "socket": "agent.sock"}
        self.log = self.directory / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [*self.before, AGENT, f"--kubeconfig={kubeconfig}", "--node-name=n1", "--namespace=slash32-system",
                 *(f"--{flag}={self.directory / path}" for flag, path in paths.items() if not self.says(flag)),
                 *self.flags],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def says(self, flag):
        """Whether the flags have it."""
        return any(one.startswith(f"--{flag}=") for one in self.flags)

    def said(self):
        """The end of the agent's log."""
        return self.log.read_text(encoding="utf-8")[-3000:]

    def read(self, name):
        try:
            return json.loads((self.directory / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}

    def pods(self):
        return self.read("run/node.json").get("podCidrs", [])

    def neighbors(self):
        return sorted(one["address"] for one in self.read("bgpd.json").get("neighbors", []))

    def originated(self):
        return [one["prefix"] for one in self.read("bgpd.json").get("originate", {}).get("prefixes", [])]

    def waits(self, pods, neighbors, timeout=60):
        """Until both files say this."""
        def holds():
            assert self.process.poll() is None, f"the agent has ended:\n{self.said()}"
            return self.pods() == [pods] and self.neighbors() == neighbors and pods in self.originated()
        wait_until(holds, lambda: f"{self.pods()}, {self.neighbors()}, {self.originated()}\n{self.said()}", timeout)

    def cut(self):
        """Ends every connection there is."""
        for stream in list(self.server.streams):
            shut(stream)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def close(self):
        self.kill()
        self.api.close()
        self.server.close()
