"""What an operator sees: the last errors of both directions with the messages at fault; why a route won, lost, or was
not sent."""

import os
import subprocess
from urllib.parse import quote

import pytest

from bgp import attributes, wire
from conftest import binary_path
from world.host import wait_until
from world.pair import PEER_ASN, external, internal, peer_address
from world.speaker import ASN

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


# ------------------------------------------------------------------ why, and why not

def reasons(pair, prefix=PREFIX):
    """{neighbour: the reason why it was not told, or "" where it was}."""
    document = pair.speaker.get(f"/v1/routes/{quote(prefix, safe='')}")
    assert document["prefix"] == prefix
    return {one["neighbor"]: "" if one["sent"] else one["reason"] for one in document["neighbors"]}


def test_of_one_prefix_every_path_says_by_which_step_it_won_or_lost(pair):
    pair.start(external(1), external(2), external(3))
    paths = {1: (PEER_ASN,), 2: (PEER_ASN, 65010), 3: (PEER_ASN,)}
    for number, path in paths.items():
        pair.peer(number).establish().send(attributes.announce([PREFIX], path, peer_address(number)))
    wait_until(lambda: len(pair.speaker.paths(PREFIX)) == 3, 5)
    document = pair.speaker.get(f"/v1/routes/{quote(PREFIX, safe='')}")
    steps = {path["neighbor"]: path["decision"] for path in document["paths"]}
    assert steps == {"p1": "routerId", "p2": "asPathLength", "p3": "routerId"}
    assert [path["wonBy"] for path in document["paths"] if path["best"]] == ["lower BGP identifier or ORIGINATOR_ID"]
    text = ctl(pair, "routes", PREFIX)
    assert "best: lower BGP identifier" in text and "longer AS_PATH" in text


def test_of_every_neighbour_it_says_whether_it_was_told_or_why_not(pair):
    never = {"never": [{"name": "no", "then": "reject"}], "all": [{"then": "accept"}]}
    pair.start(external(1), external(2), external(3, export=["never"]), external(4, export=None), internal(5),
               external(6), external(7, families=["ipv6"]), policies=never)
    peer, told, *_ = (pair.peer(number).establish() for number in (1, 2, 3, 4, 7))
    pair.peer(5, asn=ASN).establish()
    peer.send(attributes.announce([PREFIX], (PEER_ASN,), peer_address(1)))
    told.pump(lambda: PREFIX in told.rib)
    wanted = {"p1": "splitHorizon", "p2": "", "p3": "policy", "p4": "noPolicy", "p5": "", "p6": "noSession",
              "p7": "familyNotNegotiated"}
    wait_until(lambda: reasons(pair) == wanted, 5, lambda: reasons(pair))
    document = pair.speaker.get(f"/v1/routes/{quote(PREFIX, safe='')}")
    seen = {one["neighbor"]: one for one in document["neighbors"]}
    assert seen["p2"]["asPath"] == [ASN, PEER_ASN]
    assert seen["p3"]["why"] == "export policy: policy 'never', term 1 'no'"
    text = ctl(pair, "routes", PREFIX)
    assert "learned from this neighbour" in text and "policy 'never', term 1" in text
    peer.send(attributes.announce([PREFIX], (PEER_ASN,), peer_address(1), attributes.communities("65535:65281")))
    wait_until(lambda: reasons(pair)["p2"] == "noExport", 5, lambda: reasons(pair))
    assert reasons(pair)["p5"] == ""


def test_a_prefix_that_nobody_announced_has_no_path_and_a_wrong_one_is_refused(pair):
    pair.start(external(1))
    pair.peer(1).establish()
    assert reasons(pair, "192.0.2.0/24") == {"p1": "noPath"}
    for wrong in ("nonsense", "10.0.0.1", "10.0.0.0/33"):
        assert pair.speaker.request("GET", f"/v1/routes/{quote(wrong, safe='')}")[0] == 400, wrong
