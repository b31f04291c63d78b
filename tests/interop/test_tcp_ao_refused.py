"""TCP-AO (RFC 5925) where the kernel has none: told clearly, and nobody speaks without it. Where it has, test_tcp_ao.py
is run in this one's place."""

import json
import subprocess

from world.host import wait_until
from world.pair import external

WHY = "this kernel has no TCP-AO (CONFIG_TCP_AO, Linux 6.7)"


def keys(tmp_path):
    """tcpAo of a neighbour, with its file."""
    (tmp_path / "key").write_text("secret\n")
    return {"keys": [{"id": 1, "keyFile": str(tmp_path / "key")}]}


def test_the_session_is_held_with_the_reason_and_nobody_gets_in(pair, tmp_path):
    pair.start(external(1, tcpAo=keys(tmp_path)), external(2))
    pair.peer(2).establish()
    pair.speaker.wait_established("p2")
    assert WHY in pair.speaker.neighbor("p1")["held"]
    assert any("neighbor p1 held down: " in one and WHY in one for one in pair.speaker.get("/v1/status")["conditions"])
    peer = pair.peer(1)
    peer.send_open()
    peer.expect_closed()
    # Without it the session may come; the other one never notices.
    document = pair.speaker.document
    pair.speaker.reload({**document, "neighbors": [external(1), external(2)]})
    wait_until(lambda: not pair.speaker.get("/v1/status")["conditions"], 5)
    pair.peer(1).establish()
    pair.speaker.wait_established("p1")
    assert pair.speaker.neighbor("p2")["flaps"] == 0


def test_a_range_is_held_as_well(pair, tmp_path):
    pair.start(dynamicNeighbors=[{"name": "r", "range": "10.9.1.0/24", "remoteAs": 65001, "tcpAo": keys(tmp_path)}])
    assert any("range 10.9.1.0/24 held: " in one and WHY in one for one in pair.speaker.get("/v1/status")["conditions"])
    peer = pair.peer(1)
    peer.expect_closed()


def test_check_config_warns(bgpd, tmp_path):
    path = tmp_path / "bgpd.json"
    path.write_text(json.dumps({"localAs": 64512, "neighbors": [
        {"name": "tor1", "address": "10.0.0.1", "remoteAs": 65000, "tcpAo": keys(tmp_path)}]}))
    done = subprocess.run([bgpd, "--check-config", path], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0
    assert f"{path}: warning: /neighbors/0 (tor1): tcpAo: {WHY}" in done.stderr
    assert json.loads(done.stdout)["neighbors"][0]["tcpAo"] == {"keys": [
        {"sendId": 1, "receiveId": 1, "algorithm": "hmac-sha-1-96", "keyFile": str(tmp_path / "key")}]}
