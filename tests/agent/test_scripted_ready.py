"""When the whole agent calls its node ready and lets the runtime have the conflist."""

import http.client
import json
import pathlib
import socket
import sys

import pytest
from scripted_network import Network
from scripted_server import wait_until
from scripted_world import AGENT, World

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from bgpd_stand_in import BgpdStandIn  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture(name="world")
def fixture_world(tmp_path):
    """Its bgpd is ready from the start, whatever it has been told."""
    plugins = pathlib.Path(AGENT).parent
    network = Network()
    made = network.make(lambda: World(tmp_path, before=network.inside, flags=(
        "--mtu=1500", f"--conflist={tmp_path}/10.conflist", f"--cni-bin-dir={plugins}")))
    made.conflist, made.bgpd = tmp_path / "10.conflist", BgpdStandIn(tmp_path / "bgpd.sock")
    made.withheld = []
    made.api.trouble.append(lambda exchange: withhold_peers(made, exchange))
    try:
        yield made
    finally:
        made.close()
        made.bgpd.close()
        network.close()


def withhold_peers(world, exchange):
    """Which BGPPeers there are, the API does not say; it has said everything that node.json needs."""
    if "/bgppeers" not in exchange.target:
        return False
    world.withheld.append(exchange)
    return True


def ready(world):
    """(status, reasons) of the agent."""
    connection = http.client.HTTPConnection("agent", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.connect(str(world.directory / "agent.sock"))
        connection.request("GET", "/v1/ready")
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()).get("reasons", [])
    except OSError:
        return 0, []
    finally:
        connection.close()


def has_asked_bgpd(world, times):
    return lambda: world.withheld and world.pods() and world.bgpd.asked.count("/v1/ready") >= times


def test_a_new_node_is_not_ready_before_bgpd_has_a_configuration_though_bgpd_says_it_is(world):
    world.start()
    wait_until(has_asked_bgpd(world, 3), world.said, 30)
    status, reasons = ready(world)
    assert status == 503 and "bgpd.json is not there" in reasons, reasons
    assert any("BGPPeers" in reason for reason in reasons), "and what it waits for"
    assert not world.conflist.exists() and not (world.directory / "bgpd.json").exists()

    world.api.trouble.clear()
    for exchange in world.withheld:
        exchange.close()
    wait_until(world.conflist.exists, world.said, 60)
    assert world.neighbors() == ["10.0.0.2"] and "/v1/reload" in world.bgpd.asked
    wait_until(lambda: ready(world) == (200, []), lambda: f"{ready(world)}\n{world.said()}", 30)


def test_a_node_with_a_configuration_of_an_earlier_life_does_not_wait_for_the_api(world):
    (world.directory / "bgpd.json").write_text("{}", encoding="utf-8")
    world.start()
    wait_until(world.conflist.exists, world.said, 30)
    assert (world.directory / "bgpd.json").read_text(encoding="utf-8") == "{}"
    wait_until(lambda: ready(world) == (200, []), lambda: f"{ready(world)}\n{world.said()}", 30)
