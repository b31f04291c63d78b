"""slash32-agent against the real kube-apiserver: from a Node of the API to the files of a node, and what it survives.

The agent runs on this machine with every path in a directory of its own, and without the right to change its network:
tests/agent/test_scripted_tables.py has what it makes there. slash32-bgpd is stood in for by a control socket:
what bgpd does with its file is tested elsewhere; that bgpd takes the file is asked of the real program.
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys

import pytest
from lab.lab import REPOSITORY
from lab.shell import environment, run, wait_until

sys.path.insert(0, os.path.join(REPOSITORY, "tests/support"))
from bgpd_stand_in import BgpdStandIn  # noqa: E402  pylint: disable=wrong-import-position

BIN = os.environ.get("SLASH32_BIN") or os.path.join(REPOSITORY, "build/release/bin")
NODES, GROUP = "/api/v1/nodes", "/apis/slash32.io/v1alpha1"
STRATEGIC = "application/strategic-merge-patch+json"


def node(name, ranges=(), address=None):
    item = {"metadata": {"name": name}, "spec": {}}
    if ranges:
        item["spec"] = {"podCIDR": ranges[0], "podCIDRs": list(ranges)}
    return item, address


def make_node(plane, name, ranges=(), address=None, unavailable=False):
    """A Node as the kubelet and the controller manager make it."""
    plane.api.create(NODES, node(name, ranges)[0])
    status = {"addresses": [{"type": "InternalIP", "address": address}] if address else []}
    if unavailable:
        status["conditions"] = [{"type": "NetworkUnavailable", "status": "True", "reason": "NoRouteCreated"},
                                {"type": "Ready", "status": "True", "reason": "KubeletReady"}]
    plane.api.patch(f"{NODES}/{name}/status", {"status": status})


class Agent:
    """One slash32-agent and its node's files."""

    def __init__(self, directory, plane, name):
        self.directory, self.plane, self.name = directory, plane, name
        self.binaries = directory / "bin"
        self.binaries.mkdir()
        for program in ("slash32", "slash32-ipam"):
            shutil.copy(os.path.join(BIN, program), self.binaries)
        (directory / "run").mkdir()
        self.node_file, self.bgpd_file = directory / "run/node.json", directory / "etc/bgpd.json"
        self.conflist = directory / "net.d/10-slash32.conflist"
        self.log = directory / "agent.log"
        self.bgpd = BgpdStandIn(directory / "run/bgpd.sock")
        self.kubeconfig = plane.kubeconfig
        self.process = None

    def words(self, *flags):
        """The command line; no path of it is the machine's own."""
        d = self.directory
        words = ["setpriv", "--bounding-set=-net_admin", os.path.join(BIN, "slash32-agent"), "--kubeconfig", self.kubeconfig, "--node-name", self.name,
                 "--node-file", self.node_file, "--bgpd-config", self.bgpd_file, "--secrets-dir", d / "run/secrets",
                 "--state-dir", d / "lib", "--conflist", self.conflist, "--cni-bin-dir", self.binaries,
                 "--ipam-dir", d / "run/ipam", "--bgpd-socket", d / "run/bgpd.sock", "--bgpd-state-file",
                 d / "run/bgpd.state", "--socket", d / "run/agent.sock", *flags]
        return [str(word) for word in words]

    def start(self, *flags):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.words(*flags), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment())
        wait_until(lambda: self.ask("/v1/live")[0] == 200, 20, self.said)

    def said(self):
        return self.log.read_text()

    def ask(self, path):
        """(status, document or text) of its control interface; status 0 while it does not answer."""
        connection = http.client.HTTPConnection("agent", timeout=10)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(str(self.directory / "run/agent.sock"))
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()
        return answer.status, json.loads(text) if text.startswith("{") else text

    def status(self):
        return self.ask("/v1/status")[1]

    def lists_of(self, kind):
        """How many whole lists of a kind it has read."""
        name = f'slash32_agent_watch_lists_total{{kind="{kind}"}} '
        return next(int(line[len(name):]) for line in self.ask("/metrics")[1].splitlines() if line.startswith(name))

    def node_json(self):
        return json.loads(self.node_file.read_text()) if self.node_file.exists() else {}

    def waits(self, condition, what, timeout=40):
        return wait_until(condition, timeout, lambda: f"{what}\n{self.said()}\n{self.status()}")

    def waits_ready(self):
        self.waits(lambda: self.ask("/v1/ready")[0] == 200, "not ready")

    def has_range(self, prefix):
        return prefix in self.node_json().get("podCidrs", [])

    def end(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(5) if self.process else 0

    def close(self):
        self.end(signal.SIGKILL)
        self.bgpd.close()


@pytest.fixture(name="agent")
def fixture_agent(apiserver, tmp_path, request):
    made = Agent(tmp_path, apiserver, f"node-{abs(hash(request.node.name)) % 10**8}")
    yield made
    made.close()
    apiserver.api.request("DELETE", f"{NODES}/{made.name}")


@pytest.fixture(name="crds", scope="module")
def fixture_crds(apiserver):
    apiserver.kubectl("apply", "-k", os.path.join(REPOSITORY, "manifests/crds"))
    run_until = ("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
    apiserver.kubectl(*run_until)


def test_without_our_resources_it_says_so_and_configures_the_node(apiserver, agent):
    """Runs first: the CRDs are not installed yet."""
    make_node(apiserver, agent.name, ["10.244.9.0/24"], "192.0.2.9")
    agent.start()
    agent.waits_ready()
    watches = agent.status()["watches"]
    assert watches["BGPPeer"]["state"] == "absent" and "not installed" in watches["BGPPeer"]["trouble"]
    assert agent.has_range("10.244.9.0/24")


def test_a_node_gets_its_files_and_the_conflist_last_of_all(apiserver, agent, crds):
    """Node to node.json and bgpd.json; no conflist before bgpd is ready; then the Node's condition is cleared."""
    agent.bgpd.ready = False
    make_node(apiserver, agent.name, ["10.244.1.0/24", "fd00:10:244:1::/64"], "192.0.2.1", unavailable=True)
    agent.start()
    agent.waits(lambda: agent.bgpd_file.exists() and agent.node_file.exists(), "no files")
    assert agent.node_json()["podCidrs"] == ["10.244.1.0/24", "fd00:10:244:1::/64"]
    assert agent.node_json()["nodeName"] == agent.name
    run([os.path.join(BIN, "slash32-bgpd"), "--check-config", agent.bgpd_file])
    agent.waits(lambda: "/v1/reload" in agent.bgpd.asked, "bgpd was not told")
    agent.waits(lambda: any("no session yet" in why for why in agent.ask("/v1/ready")[1]["reasons"]), "no reason")
    assert not agent.conflist.exists()
    agent.bgpd.ready = True
    agent.waits_ready()
    conflist = json.loads(agent.conflist.read_text())
    assert [plugin["type"] for plugin in conflist["plugins"]][0] == "slash32"

    def conditions():
        items = apiserver.api.get(f"{NODES}/{agent.name}")["status"]["conditions"]
        return {item["type"]: item["status"] for item in items}
    agent.waits(lambda: conditions() == {"NetworkUnavailable": "False", "Ready": "True"}, "the condition stays")
    agent.waits(lambda: apiserver.api.request("GET", f"{GROUP}/bgpnodestatuses/{agent.name}")[0] == 200, "no status")
    agent.waits(lambda: apiserver.api.get(f"{GROUP}/bgpnodestatuses/{agent.name}").get("status", {}).get("podCIDRs") ==
                ["10.244.1.0/24", "fd00:10:244:1::/64"], "the status is empty")


def test_a_node_whose_neighbours_are_all_dead_gets_its_conflist_after_a_minute(apiserver, agent, crds):
    """No session will come up; its pods can reach each other at least."""
    agent.bgpd.ready = False
    make_node(apiserver, agent.name, ["10.244.12.0/24"], "192.0.2.12")
    agent.start()
    agent.waits(agent.conflist.exists, "no conflist", 90)
    assert any("without slash32-bgpd being ready" in what for what in agent.status()["conditions"])
    assert agent.ask("/v1/ready")[0] == 503
    agent.bgpd.ready = True
    agent.waits_ready()
    assert not any("without slash32-bgpd being ready" in what for what in agent.status()["conditions"])


def test_a_node_without_a_range_waits_and_says_for_what(apiserver, agent, crds):
    """The controller manager may be late."""
    make_node(apiserver, agent.name, [], "192.0.2.2")
    agent.start()
    agent.waits(lambda: any("podCIDR" in what for what in agent.status().get("waiting", [])), "does not say")
    assert not agent.node_file.exists() and not agent.conflist.exists()
    apiserver.api.patch(f"{NODES}/{agent.name}", {"spec": {"podCIDR": "10.244.2.0/24", "podCIDRs": ["10.244.2.0/24"]}})
    agent.waits_ready()
    assert agent.has_range("10.244.2.0/24")


def test_a_node_that_is_made_anew_has_a_report_again(apiserver, agent, crds):
    """The collector removes the one that the old Node owned."""
    report, node = f"{GROUP}/bgpnodestatuses/{agent.name}", f"{NODES}/{agent.name}"
    make_node(apiserver, agent.name, ["10.244.5.0/24"], "192.0.2.5")
    agent.start()
    agent.waits_ready()
    agent.waits(lambda: apiserver.api.request("GET", report)[0] == 200, "no report")
    for path in (node, report):
        assert apiserver.api.request("DELETE", path)[0] == 200
    make_node(apiserver, agent.name, ["10.244.5.0/24"], "192.0.2.5")
    uid = apiserver.api.get(node)["metadata"]["uid"]
    agent.waits(lambda: apiserver.api.request("GET", report)[0] == 200, "no report of the new Node", 40)
    assert [owner["uid"] for owner in apiserver.api.get(report)["metadata"]["ownerReferences"]] == [uid]


def test_sigterm_ends_it_at_once_and_leaves_everything_in_place(apiserver, agent, crds):
    """The runtime goes on starting pods."""
    make_node(apiserver, agent.name, ["10.244.3.0/24"], "192.0.2.3")
    agent.start()
    agent.waits_ready()
    assert agent.end() == 0
    assert agent.node_file.exists() and agent.bgpd_file.exists() and agent.conflist.exists()
    assert not (agent.directory / "run/agent.sock").exists()


def test_a_reload_that_an_earlier_life_owed_is_made_up_for(apiserver, agent, crds):
    """Killed between the file and the reload: the next life finds its bytes in place, and bgpd still has the old ones."""
    make_node(apiserver, agent.name, ["10.244.11.0/24"], "192.0.2.11")
    agent.start()
    agent.waits_ready()
    agent.end(signal.SIGKILL)
    before = agent.bgpd_file.read_bytes()
    agent.bgpd.asked.clear()
    agent.start()
    agent.waits(lambda: "/v1/reload" in agent.bgpd.asked, "bgpd was not told")
    assert agent.bgpd_file.read_bytes() == before


def test_damaged_pod_ranges_are_said_and_nothing_is_written(apiserver, agent, crds):
    """A range it held may have pods: it is neither withdrawn nor forgotten."""
    make_node(apiserver, agent.name, ["10.244.13.0/24"], "192.0.2.13")
    ranges = agent.directory / "lib/pod-ranges.json"
    ranges.parent.mkdir()
    ranges.write_text("[\"10.24")
    agent.start()
    agent.waits(lambda: any("pod-ranges.json" in what for what in agent.status()["conditions"]), "does not say")
    agent.waits(lambda: agent.status().get("podCIDRs") == ["10.244.13.0/24"], "no plan")
    assert ranges.read_text() == "[\"10.24"
    assert not agent.node_file.exists() and not agent.bgpd_file.exists()
    ranges.unlink()
    agent.waits_ready()
    assert agent.has_range("10.244.13.0/24")


def test_a_second_agent_ends_and_changes_nothing(apiserver, agent, crds):
    """Two of them would fight for the files."""
    make_node(apiserver, agent.name, ["10.244.4.0/24"], "192.0.2.4")
    agent.start()
    agent.waits_ready()
    def contents():
        return {path: path.read_bytes() for path in agent.directory.rglob("*") if path.is_file() and path != agent.log}
    before = contents()
    done = subprocess.run(agent.words(), capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1 and "another slash32-agent answers there" in done.stderr
    assert contents() == before


def test_the_api_may_go_and_come_back(apiserver, agent, crds):
    """Files stay, it stays ready; back again, it hears what changed meanwhile."""
    make_node(apiserver, agent.name, ["10.244.5.0/24"], "192.0.2.5")
    agent.start()
    agent.waits_ready()
    before = agent.node_file.read_bytes(), agent.bgpd_file.read_bytes()
    apiserver.stop_server()
    try:
        agent.waits(lambda: "trouble" in agent.status()["watches"]["Node"], "did not notice")
        assert (agent.node_file.read_bytes(), agent.bgpd_file.read_bytes()) == before
        assert agent.ask("/v1/ready")[0] == 200
    finally:
        apiserver.start_server()
    make_node(apiserver, f"{agent.name}-b", ["10.244.55.0/24"], "192.0.2.55")
    agent.waits(lambda: "192.0.2.55" in agent.bgpd_file.read_text(), "the new node is not a neighbour")
    apiserver.api.delete(f"{NODES}/{agent.name}-b")
    agent.waits(lambda: "192.0.2.55" not in agent.bgpd_file.read_text(), "the neighbour stays")


def test_a_compaction_while_it_is_away_costs_one_list(apiserver, agent, crds):
    """410 for the watch: listed anew once, and what went meanwhile goes."""
    make_node(apiserver, agent.name, ["10.244.6.0/24"], "192.0.2.6")
    make_node(apiserver, f"{agent.name}-b", ["10.244.66.0/24"], "192.0.2.66")
    agent.start()
    agent.waits(lambda: agent.bgpd_file.exists() and "192.0.2.66" in agent.bgpd_file.read_text(), "no neighbour")
    before = agent.lists_of("Node")
    agent.process.send_signal(signal.SIGSTOP)
    try:
        apiserver.stop_server()  # its watches end, and it cannot ask for new ones
        apiserver.start_server()
        apiserver.api.delete(f"{NODES}/{agent.name}-b")
        apiserver.compact()
        apiserver.stop_server()  # else it may still know the version that the agent resumes from
        apiserver.start_server()
    finally:
        agent.process.send_signal(signal.SIGCONT)
    agent.waits(lambda: "192.0.2.66" not in agent.bgpd_file.read_text(), "the neighbour stays")
    assert agent.lists_of("Node") == before + 1


def test_after_a_reboot_without_the_api_node_json_comes_back(apiserver, agent, crds):
    """/run is empty and nobody can be asked: what the node was is better than nothing."""
    make_node(apiserver, agent.name, ["10.244.7.0/24"], "192.0.2.7")
    agent.start()
    agent.waits_ready()
    agent.end(signal.SIGKILL)
    agent.node_file.unlink()
    apiserver.stop_server()
    try:
        agent.start()
        agent.waits(lambda: agent.has_range("10.244.7.0/24"), "node.json is not there")
        agent.waits_ready()
        assert "put back from its copy" in agent.said()
    finally:
        apiserver.start_server()


def test_a_killed_agent_leaves_no_half_written_file(apiserver, agent, crds):
    """Killed again and again while its node changes; every file is whole at every moment."""
    make_node(apiserver, agent.name, ["10.244.8.0/24"], "192.0.2.8")
    for round_ in range(6):
        agent.start()
        name = f"{agent.name}-{round_}"
        make_node(apiserver, name, [f"10.244.{80 + round_}.0/24"], f"192.0.2.{80 + round_}")
        if round_ % 2:
            agent.waits(lambda n=round_: agent.bgpd_file.exists() and f"192.0.2.{80 + n}" in
                        agent.bgpd_file.read_text(), "no neighbour")
        agent.end(signal.SIGKILL)
        for path in (agent.node_file, agent.bgpd_file, agent.directory / "lib/node.json"):
            if path.exists():
                json.loads(path.read_text())
        apiserver.api.delete(f"{NODES}/{name}")


def test_a_token_without_rights_is_said_with_the_apis_words(apiserver, agent, crds):
    """403 is a role that somebody has to mend."""
    token = apiserver.token("kube-system", "slash32-without-rights")
    agent.kubeconfig = apiserver.write_kubeconfig("without-rights", token=token)
    agent.start()
    agent.waits(lambda: "cannot list resource" in agent.status()["watches"].get("Node", {}).get("trouble", ""), "silent")
    assert not agent.node_file.exists()


def test_watches_that_end_every_second_lose_nothing(apiserver, agent, crds):
    """The server's own time-out, many times over: events of all of them arrive, and nothing is told as trouble."""
    apiserver.flags.append("--min-request-timeout=1")
    apiserver.stop_server()
    apiserver.start_server()
    try:
        make_node(apiserver, agent.name, ["10.244.10.0/24"], "192.0.2.10")
        agent.start()
        agent.waits_ready()
        for number in range(8):
            make_node(apiserver, f"{agent.name}-{number}", [f"10.244.{100 + number}.0/24"], f"192.0.2.{100 + number}")
        agent.waits(lambda: all(f"192.0.2.{100 + n}" in agent.bgpd_file.read_text() for n in range(8)), "one is missing")
        for number in range(8):
            apiserver.api.delete(f"{NODES}/{agent.name}-{number}")
        agent.waits(lambda: not any(f"192.0.2.{100 + n}" in agent.bgpd_file.read_text() for n in range(8)), "one is left")
    finally:
        apiserver.flags.remove("--min-request-timeout=1")
        apiserver.stop_server()
        apiserver.start_server()
