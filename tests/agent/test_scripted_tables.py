"""The nftables tables of the agent's own network, which it keeps as an ADD would make them. As root, in a network of its own.
What the tables do to packets: tests/netns/test_masquerade.py and test_node.py."""

import json
import os
import subprocess

import pytest
from scripted_network import Network
from scripted_server import wait_until
from scripted_world import AGENT, World, node, ours

BIN = os.path.dirname(AGENT)
ANTI_SPOOFING, MASQUERADING = "slash32", "slash32-masq-slash32"


class Node(World):
    """Its plugins stand beside the agent; there is no speaker."""

    def __init__(self, directory, network, words=()):
        self.network, self.conflist = network, directory / "net.d/10-slash32.conflist"
        super().__init__(directory, before=[*network.inside, *words],
                         flags=["--mtu=1500", "--no-bgp", f"--cni-bin-dir={BIN}", f"--conflist={self.conflist}",
                                f"--ipam-dir={directory}/ipam"])

    def nft(self, *words):
        return subprocess.run([*self.network.inside, "nft", *words], capture_output=True, text=True, check=True, timeout=30).stdout

    def tables(self):
        return [line.split()[-1] for line in self.nft("list", "tables").splitlines()]

    def exempt(self):
        """What the masquerading table lets pass, in its order."""
        if MASQUERADING not in self.tables():
            return []
        words = [line.split() for line in self.nft("list", "table", "inet", MASQUERADING).splitlines()]
        return [line[line.index("daddr") + 1] for line in words if "daddr" in line]

    def waits_exempt(self, *ranges):
        wait_until(lambda: self.exempt() == list(ranges), lambda: f"{self.exempt()}\n{self.said()}", 40)

    def add(self):
        """What the runtime does with the first plugin of the agent's conflist."""
        pod = Network()
        try:
            whole = json.loads(self.conflist.read_text())
            network = {"cniVersion": "1.0.0", "name": whole["name"], **whole["plugins"][0]}
            said = {**os.environ, "CNI_COMMAND": "ADD", "CNI_CONTAINERID": "c1", "CNI_IFNAME": "eth0", "CNI_PATH": BIN,
                    "CNI_NETNS": f"/proc/{pod.holder.pid}/ns/net"}
            return subprocess.run([*self.network.inside, f"{BIN}/slash32"], input=json.dumps(network), env=said, text=True,
                                  capture_output=True, check=False, timeout=60)
        finally:
            pod.close()

    def conditions(self):
        asked = ["curl", "-s", "--unix-socket", str(self.directory / "agent.sock"), "http://agent/v1/status"]
        return json.loads(subprocess.run(asked, capture_output=True, text=True, check=True, timeout=30).stdout)["conditions"]

    def waits_condition(self, *words):
        def said():
            return (self.directory / "agent.sock").exists() and any(
                all(word in one for word in words) for one in self.conditions())
        wait_until(said, self.said, 40)


@pytest.fixture(name="network")
def fixture_network():
    made = Network()
    yield made
    made.close()


@pytest.fixture(name="n1")
def fixture_n1(network, tmp_path):
    made = network.make(lambda: Node(tmp_path, network))
    try:
        yield made
    finally:
        made.close()


def test_a_node_that_joins_is_exempt_from_masquerading_before_the_next_pod_is_added(n1):
    n1.start()
    n1.waits_exempt("10.0.0.1", "10.0.0.2", "10.244.1.0/24", "10.244.2.0/24")
    n1.api.put("nodes", node(3))
    n1.waits_exempt("10.0.0.1", "10.0.0.2/31", "10.244.1.0/24", "10.244.2.0/23")
    n1.api.delete("nodes", "n3", told=True)
    n1.waits_exempt("10.0.0.1", "10.0.0.2", "10.244.1.0/24", "10.244.2.0/24")
    assert n1.process.poll() is None and not any("nftables" in one for one in n1.conditions())


def test_an_add_finds_the_tables_as_it_would_make_them(n1):
    n1.start()
    wait_until(n1.conflist.exists, n1.said, 40)
    before = n1.nft("-a", "list", "ruleset")
    assert ANTI_SPOOFING in n1.tables() and MASQUERADING in n1.tables()
    added = n1.add()
    assert added.returncode == 0, added
    assert n1.nft("-a", "list", "ruleset") == before, "handles are new where a table is"


def test_tables_that_somebody_flushed_are_made_again(n1):
    n1.start()
    wait_until(n1.conflist.exists, n1.said, 40)
    before = n1.nft("list", "ruleset")
    n1.nft("flush", "ruleset")
    wait_until(lambda: n1.nft("list", "ruleset") == before, n1.said, 40)


def test_without_masquerading_there_is_the_other_table_alone_and_one_from_before_stays(n1):
    n1.api.put("bgpconfigurations", ours("default", masquerade={"enabled": False}))
    n1.start()
    wait_until(n1.conflist.exists, n1.said, 40)
    assert n1.tables() == [ANTI_SPOOFING]
    n1.api.put("bgpconfigurations", ours("default", pods={"ranges": ["10.244.0.0/16"]}))
    was = ["10.0.0.1", "10.0.0.2", "10.244.0.0/16", "10.244.1.0/24"]
    n1.waits_exempt(*was)
    n1.api.put("bgpconfigurations", ours("default", masquerade={"enabled": False}))
    wait_until(lambda: n1.read("run/node.json")["masquerade"] is False, n1.said, 40)
    n1.api.put("nodes", node(1, "10.99.1.0/24"))
    wait_until(lambda: n1.pods() == ["10.99.1.0/24"], n1.said, 40)
    assert n1.exempt() == was


def test_a_table_of_that_name_that_is_not_ours_is_left_alone_and_said(n1):
    n1.nft("add", "table", "inet", MASQUERADING)
    before = n1.nft("list", "table", "inet", MASQUERADING)
    n1.start()
    n1.waits_condition(MASQUERADING, "not ours")
    wait_until(n1.conflist.exists, n1.said, 40)
    assert n1.nft("list", "table", "inet", MASQUERADING) == before


def test_an_agent_without_the_right_to_change_them_says_so_and_does_the_rest(network, tmp_path):
    n1 = network.make(lambda: Node(tmp_path, network, ["setpriv", "--bounding-set=-net_admin"]))
    try:
        n1.start()
        n1.waits_condition("nftables", "Operation not permitted")
        wait_until(n1.conflist.exists, n1.said, 40)
        assert n1.tables() == []
    finally:
        n1.close()
