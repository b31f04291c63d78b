"""Two slash32-bgpd and TCP-MD5 (RFC 2385): a range's key, keys that change under sessions that are up, key files that
are missing; IPv4 and IPv6."""

import os

import pytest

from test_features import md5_failures, write
from world.host import wait_until
from world.pair import PEER_ASN, peer_address, peer_address6
from world.speaker import ADDRESS, ADDRESS6, ASN, Speaker, neighbor

KEY, NEXT_KEY, RANGE = "correct-horse", "battery-staple", {4: "10.9.1.0/24", 6: "fd09::1:0/112"}
OURS, THEIRS = "10.244.1.0/24", "10.245.1.0/24"

over = pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])


def node_address(family):
    """Where the node is called."""
    return ADDRESS if family == 4 else ADDRESS6


def address(number, family):
    """The address of number `number` on the other host."""
    return peer_address(number) if family == 4 else peer_address6(number)


def key_file(host, text=None):
    """The path of a host's key file; with a text, it is there."""
    path = os.path.join(host.directory, "key")
    if text is not None:
        write(path, text)
    return path


def other_end(pair, bgpd, family, **settings):
    """A slash32-bgpd on the other host that calls the node from its first address."""
    one = neighbor("node", node_address(family), ASN, passive=False, connectRetryTime=0.5,
                   localAddress=address(1, family), families=["ipv4"], **settings)
    return Speaker(pair.outside, bgpd, localAs=PEER_ASN, routerId="10.9.1.1", neighbors=[one], listen=[],
                   originate={"prefixes": [THEIRS]})


def ours(family, number, key):
    """A neighbour of the node, over this family, which waits for it to call."""
    return neighbor(f"p{number}", address(number, family), PEER_ASN, passwordFile=key, families=["ipv4"])


@over
def test_a_range_takes_who_has_its_key_and_nobody_else(pair, bgpd, family):
    key = key_file(pair.node, KEY)
    pair.start(originate={"prefixes": [OURS]}, dynamicNeighbors=[
        {"name": "rack", "range": RANGE[family], "remoteAs": "external", "passwordFile": key, "import": ["all"]}])
    theirs = other_end(pair, bgpd, family, passwordFile=key_file(pair.outside, NEXT_KEY)).start()
    wait_until(lambda: md5_failures(pair.node) > 0, 15, "a segment with another key")
    assert not pair.speaker.get("/v1/neighbors")["neighbors"]
    write(key_file(pair.outside), KEY)
    theirs.reload(theirs.document)
    theirs.wait_established("node", 20)
    assert pair.speaker.wait_in_kernel(THEIRS, timeout=10)
    name = f"rack-{address(1, family)}"
    write(key, NEXT_KEY)  # the session that is up takes the range's new key over, as a configured neighbour's does
    write(key_file(pair.outside), NEXT_KEY)
    pair.speaker.reload(pair.speaker.document)
    theirs.reload(theirs.document)
    unharmed(pair, theirs, name)


def unharmed(pair, theirs, name):
    """Both ends still speak, and over the same session."""
    before = theirs.neighbor("node")["messages"]["updatesIn"]
    assert theirs.request("POST", "/v1/neighbors/node/refresh-in")[0] == 200
    wait_until(lambda: theirs.neighbor("node")["messages"]["updatesIn"] > before, 20, "an answer under the new key")
    assert theirs.neighbor("node")["flaps"] == 0 and pair.speaker.neighbor(name)["flaps"] == 0
    assert pair.speaker.state(name) == "Established"


@over
def test_a_key_that_changes_at_both_ends_ends_no_session_and_no_other_notices(pair, bgpd, family):
    key = key_file(pair.node, KEY)
    pair.start(ours(family, 1, key), neighbor("p3", peer_address(3), PEER_ASN),
               originate={"prefixes": [OURS]})
    theirs = other_end(pair, bgpd, family, passwordFile=key_file(pair.outside, KEY)).start()
    theirs.wait_established("node", 20)
    peer = pair.peer(3).establish()
    for new in (NEXT_KEY, "third-key"):
        write(key, new)
        write(key_file(pair.outside), new)
        pair.speaker.reload(pair.speaker.document)
        theirs.reload(theirs.document)
        unharmed(pair, theirs, "p1")
        failures = md5_failures(pair.node)
    pair.speaker.request("POST", "/v1/neighbors/p1/reset")
    theirs.wait_established("node", 20)
    assert md5_failures(pair.node) == failures, "the next session begins with the key of now"
    peer.send_keepalive()
    assert pair.speaker.neighbor("p3")["flaps"] == 0 and pair.speaker.state("p3") == "Established"


@over
def test_a_neighbour_without_its_key_file_is_held_visibly_and_starts_when_the_file_comes(pair, bgpd, family):
    key = key_file(pair.node)
    pair.start(ours(family, 1, key), originate={"prefixes": [OURS]})
    assert "passwordFile" in pair.speaker.neighbor("p1")["held"]
    assert any("passwordFile" in one for one in pair.speaker.get("/v1/status")["conditions"])
    theirs = other_end(pair, bgpd, family, passwordFile=key_file(pair.outside, KEY)).start()
    wait_until(lambda: md5_failures(pair.node) > 0, 15, "a call that carries a key nobody knows here")
    assert theirs.state("node") != "Established"
    write(key, KEY)
    theirs.wait_established("node", 30)
    assert "held" not in pair.speaker.neighbor("p1")
    assert pair.speaker.wait_in_kernel(THEIRS, timeout=10)
