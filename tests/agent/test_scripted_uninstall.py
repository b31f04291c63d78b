"""An uninstall from what the real daemons left: agent and speaker as their DaemonSet starts them, on a node that is a
directory and a network of its own. As root."""

import os
import subprocess

import pytest
from scripted_network import Network
from scripted_server import wait_until
from scripted_world import AGENT, World, ours
from test_scripted_kill import SECRET

BIN = os.path.dirname(AGENT)
CONFLIST = "etc/cni/net.d/10-slash32.conflist"


class Node(World):
    """Its agent and its speaker, with every path below one root."""

    def __init__(self, directory, network):
        self.root, self.bgpd = directory / "n", None
        paths = {"node-file": "run/slash32/node.json", "bgpd-config": "var/lib/slash32/bgpd.json",
                 "secrets-dir": "run/slash32/secrets", "state-dir": "var/lib/slash32", "ipam-dir": "run/slash32/ipam",
                 "bgpd-socket": "run/slash32/bgpd.sock", "bgpd-state-file": "run/slash32/bgpd.state",
                 "socket": "run/slash32/agent.sock", "conflist": CONFLIST, "cni-bin-dir": "opt/cni/bin"}
        super().__init__(directory, before=network.inside, flags=[f"--{flag}={self.root / path}" for flag, path in paths.items()])

    def ctl(self, *words):
        """slash32ctl on this node."""
        return subprocess.run([*self.before, f"{BIN}/slash32ctl", *words, "--root", str(self.root)], capture_output=True,
                              text=True, check=False, timeout=60)

    def start(self):
        super().start()
        self.bgpd = subprocess.Popen([*self.before, f"{BIN}/slash32-bgpd", "--wait",
                                      f"--config={self.root}/var/lib/slash32/bgpd.json"],
                                     stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        """As the kubelet does."""
        for process in (self.process, self.bgpd):
            process.terminate()
            assert process.wait(20) == 0

    def close(self):
        if self.bgpd and self.bgpd.poll() is None:
            self.bgpd.kill()
            self.bgpd.wait()
        super().close()

    def inside(self, words):
        return subprocess.run([*self.before, *words.split()], capture_output=True, text=True, check=True, timeout=30).stdout

    def everything(self):
        """Of the disk and of the kernel."""
        files = sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*"))
        shown = [self.inside(words) for words in ("ip route show table all", "ip -6 route show table all", "nft list ruleset",
                                                  "sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding")]
        return files, shown


@pytest.fixture(name="network")
def fixture_network():
    made = Network()
    yield made
    made.close()


@pytest.fixture(name="node")
def fixture_node(network, tmp_path):
    made = network.make(lambda: Node(tmp_path, network))
    try:
        yield made
    finally:
        made.close()


def test_what_agent_and_speaker_leave_is_gone_after_the_cleanup(node):
    """Password, sockets, state, copies and routes; nothing that either writes is unknown to slash32ctl."""
    for directory in ("etc/cni/net.d", "etc/iproute2/rt_protos.d", "opt/cni/bin", "run", "var/lib", "var/log"):
        (node.root / directory).mkdir(parents=True)
    (node.root / "opt/cni/bin/bridge").write_text("somebody else's")
    wait_until(lambda: not node.inside("ip -6 address show tentative"), "the kernel's own routes")
    before = node.everything()
    installed = node.ctl("node", "install", "--source-dir", BIN)
    assert installed.returncode == 0, installed
    node.api.put("bgpconfigurations", ours("default", mesh={"enabled": False}))
    node.start()
    wait_until((node.root / CONFLIST).exists, node.said, 30)
    node.api.put("secrets", SECRET)
    node.api.put("bgppeers", ours("tor", address="10.0.0.254", remoteAs=65000, passwordSecret={"name": "tor"}))
    wait_until((node.root / "run/slash32/secrets/tor_password").exists, node.said, 30)
    wait_until(lambda: "blackhole 10.244.1.0/24" in node.everything()[1][0], node.everything, 30)
    refused = node.ctl("cleanup")
    assert refused.returncode == 1 and "slash32-agent runs" in refused.stderr and (node.root / CONFLIST).exists()
    node.stop()
    assert "blackhole 10.244.1.0/24" in node.everything()[1][0], "a restart would find it"
    done = node.ctl("cleanup")
    assert done.returncode == 0, done
    assert node.everything() == before
