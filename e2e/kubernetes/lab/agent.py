"""slash32-agent on a node, as a process beside slash32-bgpd: what its DaemonSet does in containers.

It enters the API as the DaemonSet's service account, with the rights that the manifests give to that.
"""

import http.client
import json
import os
import shutil

from lab.bgpd import CONFIG, Bgpd, UnixConnection
from lab.containerd import CONFLIST
from lab.lab import REPOSITORY, binaries_directory
from lab.shell import path_of, wait_until

MANIFESTS = os.path.join(REPOSITORY, "manifests")
SOCKET = "/run/slash32/agent.sock"
ACCOUNT = ("slash32-system", "slash32")


class Agent:
    """One node's agent."""

    def __init__(self, cluster, node):
        self._node = node
        self._daemon = None
        shutil.copy2(os.path.join(binaries_directory(), "slash32-agent"), path_of(node.pid, "/opt/slash32/bin"))
        self._kubeconfig = cluster.plane.write_kubeconfig(f"agent-{node.name}", token=cluster.plane.token(*ACCOUNT))

    def start(self):
        """Starts it."""
        argv = ["slash32-agent", f"--kubeconfig={self._kubeconfig}", f"--node-name={self._node.name}",
                f"--namespace={ACCOUNT[0]}"]
        self._daemon = self._node.spawn(argv, "agent")

    def stop(self, *how):
        """Ends it; arguments as Daemon.stop()."""
        return self._daemon.stop(*how)

    def _get(self, path):
        """(status, text) of its control interface; status 0 while it does not answer."""
        connection = UnixConnection(path_of(self._node.pid, SOCKET), 5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def is_ready(self):
        """Whether it says that it has done its work for this node; no while it does not answer."""
        return self._get("/v1/ready")[0] == 200

    def status(self):
        """What /v1/status says; nothing while it does not answer."""
        code, text = self._get("/v1/status")
        return json.loads(text) if code == 200 else {}

    def wait_ready(self, timeout=60):
        """Waits until it is ready."""
        wait_until(self.is_ready, timeout, lambda: f"agent of {self._node.name}\n{self._daemon.log_tail(40)}")

    def wait_file(self, path, timeout=30):
        """Waits until a file is there that the agent writes; an agent that has ended is an error."""
        def there():
            assert self._daemon.is_running(), f"slash32-agent has ended:\n{self._daemon.log_tail(20)}"
            return os.path.exists(path_of(self._node.pid, path))
        wait_until(there, timeout, lambda: f"{path} on {self._node.name}\n{self._daemon.log_tail(40)}")


def install(cluster):
    """Puts into the API what the agent needs there: its objects' definitions, its account and its rights."""
    kubectl = cluster.plane.kubectl
    kubectl("apply", "-k", os.path.join(MANIFESTS, "crds"))
    kubectl("wait", "--for=condition=established", "crd", "--all", "--timeout=30s")
    for name in ("namespace", "rbac"):
        kubectl("apply", "-f", os.path.join(MANIFESTS, f"base/{name}.yaml"))


def equip(cluster, nodes):
    """Runs the agents, and each speaker as soon as there is a configuration for it; waits for the conflists."""
    install(cluster)
    for node in nodes:
        node.agent = Agent(cluster, node)
        node.agent.start()
    for node in nodes:
        node.agent.wait_file(CONFIG)
        node.bgpd = Bgpd(node)
        node.bgpd.start()
    for node in nodes:
        node.agent.wait_file(CONFLIST)
