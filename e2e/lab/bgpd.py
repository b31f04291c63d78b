"""slash32-bgpd inside a node: its configuration, its process and its control socket."""

import http.client
import json
import os
import signal
import socket

from lab.shell import path_of, wait_until

CONFIG = "/etc/slash32/bgpd.json"
SOCKET = "/run/slash32/bgpd.sock"


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Bgpd:
    """One node's BGP speaker; without a configuration here, somebody else writes the file."""

    def __init__(self, node, config=None):
        self._node = node
        self._daemon = None
        self.config = config
        if config:
            self.write(config)

    def write(self, config):
        """Writes the configuration file, by rename."""
        self.config = config
        target = path_of(self._node.pid, CONFIG)
        with open(target + ".tmp", "w", encoding="utf-8") as file:
            json.dump(config, file, indent=2)
        os.rename(target + ".tmp", target)

    def start(self):
        """Starts the speaker."""
        self._daemon = self._node.spawn(["slash32-bgpd", "--config", CONFIG], "bgpd")

    def kill(self):
        """Ends it as a crash would."""
        self._daemon.stop(signal.SIGKILL)

    def terminate(self):
        """SIGTERM, which means restart: sessions close without a word and routes stay. Returns the status."""
        return self._daemon.stop(signal.SIGTERM)

    def shutdown(self):
        """Leaves for good: withdraws, says Cease and removes its routes. Returns the status."""
        self._node.ctl("shutdown")
        return self._daemon.wait()

    def reload(self, config):
        """Applies another configuration to the running speaker."""
        self.write(config)
        self._daemon.send(signal.SIGHUP)

    def is_running(self):
        """Whether it runs."""
        return self._daemon is not None and self._daemon.is_running()

    def get(self, path):
        """GET from the control socket, decoded; None while nobody answers."""
        connection = UnixConnection(path_of(self._node.pid, SOCKET), 5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        assert answer.status == 200, f"GET {path}: {answer.status} {body[:500]!r}"
        return json.loads(body)

    def neighbors(self):
        """The neighbours as /v1/neighbors tells them; none while nobody answers."""
        return (self.get("/v1/neighbors") or {}).get("neighbors", [])

    def routes(self):
        """The routes as /v1/routes tells them; none while nobody answers."""
        return (self.get("/v1/routes") or {}).get("routes", [])

    def is_established(self):
        """Whether every neighbour's session is up; a speaker that has ended of itself is an error."""
        assert self.is_running(), f"slash32-bgpd on {self._node.name} has ended:\n{self._daemon.log_tail(20)}"
        neighbors = self.neighbors()
        return bool(neighbors) and all(n["state"] == "Established" for n in neighbors)

    def wait_established(self, timeout=40):
        """Waits until every neighbour's session is up."""
        wait_until(self.is_established, timeout,
                   lambda: f"sessions of {self._node.name}: {self.neighbors()}\n{self._daemon.log_tail(20)}")
