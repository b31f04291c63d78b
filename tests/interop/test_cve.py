"""Crash inputs and advisories of other speakers that take a whole daemon to try: who may connect, and to what."""

import json

import pytest

from bgp import attributes, wire
from test_metrics import fetch
from world.host import wait_until
from world.pair import PEER_ASN, connect, external, peer_address
from world.speaker import ADDRESS

RANGE = {"name": "leaf", "range": "10.9.1.0/24", "remoteAs": PEER_ASN}


def closed_without_a_word(peer):
    """The connection ends, and nothing was said."""
    assert peer.end() is None
    assert not peer.history


def proof_of_life(pair, number=2):
    """Another neighbour's session comes up and carries a route."""
    peer = pair.peer(number).establish()
    peer.send(attributes.announce(["20.9.0.0/16"], (PEER_ASN,), peer_address(number)))
    assert pair.speaker.wait_best("20.9.0.0/16")
    return peer


@pytest.mark.parametrize("words", [b"", wire.message(wire.KEEPALIVE), wire.message(wire.OPEN, wire.open_body(
    PEER_ASN, "10.9.1.1", parameters=wire.capabilities(wire.as4(PEER_ASN))))], ids=["nothing", "keepalive", "open"])
def test_bird_2_17_1_a_connection_for_a_disabled_neighbour(pair, words):
    """BIRD crashed on a connection for an instance that was disabled."""
    pair.start(external(1, enabled=False), external(2))
    for _ in range(5):
        peer = pair.peer(1)
        try:
            peer.send(words)
        except (BrokenPipeError, ConnectionResetError):
            pass
        closed_without_a_word(peer)
    proof_of_life(pair)


def test_bird_3_3_1_a_connection_for_a_disabled_range_and_for_none(pair):
    """The same for an instance that does not exist yet: a listen range that is disabled, or taken out."""
    pair.start(dynamicNeighbors=[{**RANGE, "enabled": False}])
    closed_without_a_word(pair.peer(1))
    pair.speaker.reload({**pair.speaker.document, "dynamicNeighbors": [
        {**RANGE, "import": ["all"], "export": ["all"]}]})
    wait_until(lambda: was_taken(pair, 1), 10, "a session of the range")
    stays = proof_of_life(pair, 2)
    pair.speaker.reload({**pair.speaker.document, "dynamicNeighbors": []})
    stays.expect_notification(wire.CEASE)
    closed_without_a_word(pair.peer(3))
    assert pair.speaker.get("/v1/neighbors")["neighbors"] == []


def was_taken(pair, number):
    """Whether the speaker answers this peer's OPEN."""
    peer = pair.peer(number)
    try:
        peer.send_open()
        return peer.receive() is not None
    except (BrokenPipeError, ConnectionResetError):
        return False


def test_bird_2_17_1_a_neighbour_that_is_disabled_while_it_calls(pair):
    """A connection in each state of the handshake, and the neighbour is switched off and on meanwhile."""
    pair.start(external(1), external(2))
    for steps in range(3):
        peer = pair.peer(1)
        if steps > 0:
            peer.send_open()
            peer.expect(wire.OPEN)
        if steps > 1:
            peer.expect(wire.KEEPALIVE)
            peer.send_keepalive()
            pair.speaker.wait_established("p1")
        pair.speaker.reload({**pair.speaker.document, "neighbors": [external(1, enabled=False), external(2)]})
        peer.end()
        pair.speaker.reload({**pair.speaker.document, "neighbors": [external(1), external(2)]})
        wait_until(lambda: was_taken(pair, 1), 10, "the neighbour is switched on again")
    proof_of_life(pair)


@pytest.mark.parametrize("metrics", [{}, {"metrics": {"address": f"{ADDRESS}:9179"}}], ids=["default", "with_metrics"])
def test_kube_router_2_9_nobody_administers_over_the_network(pair, metrics):
    """kube-router opened GoBGP's gRPC, without authentication, on the node's address."""
    pair.start(external(1), **metrics)
    for family, path in (("IPv4", "/proc/net/tcp"), ("IPv6", "/proc/net/tcp6")):
        lines = pair.node.run("cat", path).stdout.splitlines()[1:]
        ports = {int(line.split()[1].rpartition(":")[2], 16) for line in lines if line.split()[3] == "0A"}
        assert ports <= ({179, 9179} if metrics else {179}), f"{family}: {ports}"
    if metrics:
        before = pair.speaker.get("/v1/neighbors")
        for method, target in (("GET", "/v1/neighbors"), ("PUT", "/v1/config"), ("POST", "/v1/shutdown"),
                               ("POST", "/v1/reload"), ("POST", "/v1/neighbors/p1/reset")):
            assert fetch(pair, 9179, target, method, address=ADDRESS)[0] == 404, target
        assert json.dumps(before["neighbors"][0]["state"]) in json.dumps(pair.speaker.get("/v1/neighbors"))
    mode = pair.node.run("stat", "-c", "%a", pair.speaker.socket).stdout.strip()
    assert mode == "660"


def test_gobgp_cve_2025_43970_43973_garbage_at_the_port_of_bgp(pair):
    """MRT records and RTR PDUs, which we read nowhere, from a neighbour and from a stranger."""
    mrt = bytes.fromhex("386d4380 000d0001 00000004 00000000 000000")
    rtr = bytes.fromhex("0002000000000008") * 3
    pair.start(external(1), external(2))
    for garbage in (mrt, rtr):
        peer = pair.peer(1)
        peer.send(garbage)
        peer.expect(wire.OPEN)
        peer.expect_notification(1, 1)
        stranger = connect(pair.outside, peer_address(3), ADDRESS)
        stranger.settimeout(5)
        try:
            stranger.sendall(garbage)
            assert stranger.recv(100) == b""
        except ConnectionError:
            pass  # it was closed before that
        stranger.close()
    proof_of_life(pair)
