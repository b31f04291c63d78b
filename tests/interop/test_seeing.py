"""What an operator sees: the last errors of both directions with the messages at fault."""

import os
import subprocess

import pytest

from bgp import attributes, wire
from conftest import binary_path
from world.pair import PEER_ASN, external, peer_address

NO_RESTART = {"gracefulRestart": {"enabled": False}}
PREFIX = "20.1.0.0/16"


def ctl(pair, *arguments):
    """The output of slash32ctl, asked as an operator asks."""
    binary = binary_path("slash32ctl")
    assert binary, "no slash32ctl: build it, or say where it is with SLASH32_BIN"
    done = subprocess.run([binary, "--socket", pair.speaker.socket, *arguments], capture_output=True, text=True,
                          timeout=20, check=False, env={**os.environ, "LC_ALL": "C"})
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return done.stdout


def errors(pair, name="p1"):
    """What is told of a neighbour's errors."""
    return pair.speaker.neighbor(name)["errors"]


# ------------------------------------------------------------------ the last errors

def test_without_errors_there_are_none(pair):
    pair.start(external(1))
    pair.peer(1).establish()
    assert errors(pair) == {"sent": None, "received": None, "malformedUpdate": None}


def test_the_update_that_ended_the_session_is_shown_octet_by_octet(pair):
    pair.start(external(1, **NO_RESTART))
    peer = pair.peer(1).establish()
    bad = wire.message(wire.UPDATE, b"\0\0\0\0" + bytes([33, 10, 0, 0, 0, 0]))
    peer.send(bad)
    sent = peer.expect_notification(3, 10)
    seen = errors(pair)["sent"]
    assert (seen["code"], seen["subcode"], seen["name"]) == (3, 10, "UPDATE Message Error/Invalid Network Field")
    assert seen["data"] == sent.data.hex()
    assert seen["message"] == {"octets": len(bad), "hex": bad.hex()}
    text = ctl(pair, "neighbors", "p1")
    assert "UPDATE Message Error/Invalid Network Field (3/10)" in text
    assert "ffffffff ffffffff" in text
    listed = pair.speaker.get("/v1/neighbors")["neighbors"][0]["errors"]["sent"]
    assert listed["name"] == seen["name"] and "message" not in listed, "a list is kept short"


@pytest.mark.parametrize("junk", [b"\0" * 19, b"\xff" * 16 + b"\xff\xff\x02" + b"z" * 9000], ids=["marker", "length"])
def test_a_bad_header_is_shown_with_what_came_behind_it_and_no_more_than_4096_octets(pair, junk):
    pair.start(external(1, **NO_RESTART))
    peer = pair.peer(1).establish()
    peer.send(junk)
    peer.expect_notification(1, timeout=5)
    message = errors(pair)["sent"]["message"]
    assert junk.hex().startswith(message["hex"]) and len(message["hex"]) <= 2 * 4096
    assert message.get("truncated", False) == (message["octets"] > 4096)


def test_the_last_notification_received_is_shown_with_its_text(pair):
    pair.start(external(1, **NO_RESTART))
    peer = pair.peer(1).establish()
    words = "new line card – Jörg".encode()
    cease = wire.notification(wire.CEASE, 4, bytes([len(words)]) + words)
    peer.send(cease)
    assert peer.end() is None
    seen = errors(pair)["received"]
    assert (seen["name"], seen["text"]) == ("Cease/Administrative Reset", words.decode())
    assert seen["message"]["hex"] == cease.hex()
    assert errors(pair)["sent"] is None
    pair.peer(1).establish()
    assert errors(pair)["received"] == seen, "a new session does not make it forgotten"


def test_the_last_malformed_update_is_shown_with_the_place_of_its_fault(pair):
    pair.start(external(1))
    peer = pair.peer(1).establish()
    good = attributes.announce([PREFIX], (PEER_ASN,), peer_address(1))
    peer.send(good)
    pair.speaker.wait_best(PREFIX)
    bad = good.replace(attributes.origin(), attributes.origin(9))
    assert bad != good
    peer.send(bad)
    pair.speaker.wait_gone(PREFIX)
    seen = errors(pair)["malformedUpdate"]
    assert (seen["treatment"], seen["attribute"], seen["attributeName"]) == ("treatAsWithdraw", 1, "ORIGIN")
    assert bytes.fromhex(seen["message"]["hex"]) == bad
    assert bad[seen["offset"]:].startswith(attributes.origin(9))
    assert pair.speaker.state("p1") == "Established"
    assert f"attribute 1 (ORIGIN), at octet {seen['offset']}" in ctl(pair, "neighbors", "p1")
