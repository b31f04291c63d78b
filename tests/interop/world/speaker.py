"""slash32-bgpd on a host: its configuration, its process, its control socket, and its routes in the kernel."""

import copy
import http.client
import json
import os
import signal
import socket
from urllib.parse import quote

from world.host import wait_until

ASN, ROUTER_ID, ADDRESS, ADDRESS6 = 64512, "10.9.0.1", "10.9.0.1", "fd09::1"
POD, AGGREGATE, LEARNED = 132, 133, 134  # route protocols: pods, our aggregates, learned by BGP

POLICIES = {"all": [{"then": "accept"}],
            "own": [{"match": {"source": ["local"]}, "then": "accept"}]}


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def neighbor(name, address, remote_as, **settings):
    """A neighbour's configuration; passive, accepting and sending all unless told otherwise (None takes a key away)."""
    one = {"name": name, "address": address, "remoteAs": remote_as, "passive": True, "import": ["all"],
           "export": ["all"], "connectRetryTime": 1, **settings}
    return {key: value for key, value in one.items() if value is not None}


class Speaker:
    """One slash32-bgpd."""

    def __init__(self, host, binary, **document):
        self.host = host
        self._binary = binary
        self.path = os.path.join(host.directory, "bgpd.json")
        self.socket = os.path.join(host.directory, "bgpd.sock")
        self.process = None
        self.document = {"localAs": ASN, "routerId": ROUTER_ID, "control": {"socket": self.socket},
                         "stateFile": os.path.join(host.directory, "bgpd.state"), "policies": POLICIES,
                         "neighbors": [], **document}
        self.write(self.document)

    def write(self, document):
        """Puts a configuration file in place, by rename; a text goes as it is."""
        text = document if isinstance(document, str) else json.dumps(document, indent=1)
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(self.path + ".new", self.path)

    def start(self, wait=True):
        """Starts it; returns self when the control socket answers."""
        self.process = self.host.spawn(self._binary, "--config", self.path, name="slash32-bgpd")
        if wait:
            wait_until(self.answers, 15, lambda: f"the control socket; log:\n{self.process.log()}")
        return self

    def answers(self):
        """Whether the control socket answers."""
        assert self.process.is_running(), f"slash32-bgpd ended with {self.process.wait()}:\n{self.process.log()}"
        try:
            return self.get("/v1/status") is not None
        except (OSError, http.client.HTTPException):
            return False

    def request(self, method, target, body=None):
        """(status, body) of one request."""
        connection = _UnixConnection(self.socket)
        try:
            connection.request(method, target, body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def get(self, target):
        """The document at a path of the control socket."""
        status, body = self.request("GET", target)
        assert status == 200, f"GET {target}: {status} {body[:500]!r}"
        return json.loads(body)

    def reload(self, document):
        """Writes another configuration and sends SIGHUP."""
        self.document = copy.deepcopy(document)
        self.write(document)
        self.process.send(signal.SIGHUP)

    def terminate(self):
        """SIGTERM: a restart. Returns the exit status."""
        return self.process.stop(signal.SIGTERM)

    def shutdown(self):
        """Leaves for good; returns the exit status."""
        status, body = self.request("POST", "/v1/shutdown")
        assert 200 <= status < 300, (status, body)
        return self.process.wait(15)

    # -------------------------------------------------------------- what it says

    def neighbor(self, name):
        """A neighbour's entry, or None."""
        status, body = self.request("GET", f"/v1/neighbors/{quote(name, safe='')}")
        assert status in (200, 404), (status, body)
        return json.loads(body) if status == 200 else None

    def state(self, name):
        """The state of a neighbour's session."""
        found = self.neighbor(name)
        return found and found["state"]

    def wait_established(self, name, timeout=15):
        """Waits until a neighbour's session is up."""
        wait_until(lambda: self.state(name) == "Established", timeout,
                   lambda: f"session {name}: {self.neighbor(name)}\n{self.process.log()[-3000:]}")

    def paths(self, prefix):
        """Every path to exactly this prefix."""
        routes = self.get(f"/v1/routes?prefix={quote(prefix, safe='')}")["routes"]
        return [route for route in routes if route["prefix"] == prefix]

    def best(self, prefix):
        """The best path to exactly this prefix, or None."""
        return next((route for route in self.paths(prefix) if route["best"]), None)

    def wait_best(self, prefix, timeout=5):
        """Waits for a best path and returns it."""
        return wait_until(lambda: self.best(prefix), timeout, lambda: f"a path to {prefix}: {self.paths(prefix)}")

    def wait_gone(self, prefix, timeout=5):
        """Waits until there is no path to a prefix."""
        wait_until(lambda: not self.paths(prefix), timeout, lambda: f"no path to {prefix}: {self.paths(prefix)}")

    # -------------------------------------------------------------- what the kernel has

    def in_kernel(self, prefix, protocol=LEARNED):
        """The kernel's route to a prefix with one of our protocols, or None."""
        family = 6 if ":" in prefix else 4
        shown = prefix.removesuffix("/32").removesuffix("/128")
        return next((r for r in self.host.routes(protocol, family) if r["dst"] == shown), None)

    def wait_in_kernel(self, prefix, protocol=LEARNED, timeout=5):
        """Waits for a kernel route and returns it."""
        return wait_until(lambda: self.in_kernel(prefix, protocol), timeout,
                          lambda: f"{prefix} in the kernel: {self.host.routes(family=6 if ':' in prefix else 4)}")

    def wait_not_in_kernel(self, prefix, protocol=LEARNED, timeout=5):
        """Waits until a kernel route is gone."""
        wait_until(lambda: not self.in_kernel(prefix, protocol), timeout, f"{prefix} gone from the kernel")
