"""Two slash32-bgpd and TCP-AO (RFC 5925), on a kernel that has it: who is let in, and keys that change under sessions
that are up. Where the kernel has none, test_tcp_ao_refused.py is run in this one's place."""

import os
import socket

import pytest

from test_features import write
from test_md5 import OURS, RANGE, THEIRS, address, node_address, over, unharmed
from world.host import wait_until
from world.pair import PEER_ASN, connect
from world.speaker import ASN, Speaker, neighbor

ALGORITHMS = ["hmac-sha-1-96", "aes-128-cmac-96"]


def counter(host, name):
    """One of a host's counters of TCP-AO."""
    names, values = (line.split() for line in host.run("cat", "/proc/net/netstat").stdout.splitlines()[:2])
    return int(values[names.index(name)])


def key(host, number, secret, **settings):
    """A key whose file is on this host; `number` is both of its identifiers."""
    path = os.path.join(host.directory, f"key{number}")
    write(path, secret)
    return {"id": number, "keyFile": path, **settings}


def ao(*keys):
    """These keys, for a neighbour or a range."""
    return {"tcpAo": {"keys": list(keys)}}


def other_end(pair, bgpd, family, *keys, calls=True):
    """A slash32-bgpd on the other host."""
    one = neighbor("node", node_address(family), ASN, passive=not calls, connectRetryTime=0.5,
                   localAddress=address(1, family), families=["ipv4"], **ao(*keys))
    made = Speaker(pair.outside, bgpd, localAs=PEER_ASN, routerId="10.9.1.1", neighbors=[one],
                   originate={"prefixes": [THEIRS]}, **({"listen": []} if calls else {}))
    return made.start()


def ours(family, *keys, calls=False):
    """The node's neighbour."""
    return neighbor("p1", address(1, family), PEER_ASN, passive=not calls, connectRetryTime=0.5,
                    localAddress=node_address(family), families=["ipv4"], **ao(*keys))


def with_keys(speaker, *keys):
    """Gives a speaker's only neighbour or range these keys, live."""
    document = dict(speaker.document)
    which = "neighbors" if document.get("neighbors") else "dynamicNeighbors"
    document[which] = [{**document[which][0], **ao(*keys)}]
    speaker.reload(document)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("calls", [True, False], ids=["called", "calling"])
@over
def test_a_session_comes_up_and_nobody_without_the_key_gets_in(pair, bgpd, family, calls, algorithm):
    pair.start(ours(family, key(pair.node, 1, "secret", algorithm=algorithm), calls=not calls),
               originate={"prefixes": [OURS]})
    theirs = other_end(pair, bgpd, family, key(pair.outside, 1, "secret", algorithm=algorithm), calls=calls)
    theirs.wait_established("node", 20)
    assert pair.speaker.wait_in_kernel(THEIRS, timeout=10)
    assert counter(pair.node, "TCPAOGood") > 0 and counter(pair.outside, "TCPAOGood") > 0
    refused = counter(pair.node, "TCPAORequired")
    with pytest.raises(socket.timeout):
        connect(pair.outside, address(1, family), node_address(family), timeout=2)
    assert counter(pair.node, "TCPAORequired") > refused
    assert counter(pair.node, "TCPAOBad") == 0 and pair.speaker.neighbor("p1")["flaps"] == 0


@over
def test_another_key_or_another_identifier_keeps_out(pair, bgpd, family):
    pair.start(ours(family, key(pair.node, 1, "secret")), originate={"prefixes": [OURS]})
    theirs = other_end(pair, bgpd, family, key(pair.outside, 1, "another"))
    wait_until(lambda: counter(pair.node, "TCPAOBad") > 0, 15, "a segment with another key")
    with_keys(theirs, key(pair.outside, 2, "secret"))
    wait_until(lambda: counter(pair.node, "TCPAOKeyNotFound") > 0, 15, "a segment with another KeyID")
    assert theirs.state("node") != "Established"
    with_keys(theirs, key(pair.outside, 1, "secret"))
    theirs.wait_established("node", 20)


@pytest.mark.parametrize("ranged", [False, True], ids=["neighbour", "range"])
@over
def test_keys_rotate_under_a_session_which_goes_on(pair, bgpd, family, ranged):
    """The new one is added at both ends, preferred at both ends, and the old one removed."""
    node_old, node_new = key(pair.node, 1, "first"), key(pair.node, 2, "second")
    their_old, their_new = key(pair.outside, 1, "first"), key(pair.outside, 2, "second")
    if ranged:
        pair.start(originate={"prefixes": [OURS]}, dynamicNeighbors=[
            {"name": "rack", "range": RANGE[family], "remoteAs": "external", "import": ["all"], **ao(node_old)}])
    else:
        pair.start(ours(family, node_old), originate={"prefixes": [OURS]})
    theirs = other_end(pair, bgpd, family, their_old)
    theirs.wait_established("node", 20)
    name = f"rack-{address(1, family)}" if ranged else "p1"
    for node_keys, their_keys in [
            ((node_old, node_new), (their_old,)), ((node_old, node_new), (their_old, their_new)),
            ((node_new, node_old), (their_old, their_new)), ((node_new, node_old), (their_new, their_old)),
            ((node_new,), (their_new, their_old)), ((node_new,), (their_new,))]:
        with_keys(pair.speaker, *node_keys)
        with_keys(theirs, *their_keys)
        unharmed(pair, theirs, name)
    assert counter(pair.node, "TCPAOBad") == 0 and counter(pair.node, "TCPAOKeyNotFound") == 0
    assert "key not set" not in pair.speaker.process.log() + theirs.process.log()
    pair.speaker.request("POST", f"/v1/neighbors/{name}/reset")
    theirs.wait_established("node", 20)
    assert counter(pair.node, "TCPAOKeyNotFound") == 0, "the next session begins with the key of now"


@over
def test_another_secret_of_the_same_key_is_for_the_next_session(pair, bgpd, family):
    pair.start(ours(family, key(pair.node, 1, "first")), originate={"prefixes": [OURS]})
    theirs = other_end(pair, bgpd, family, key(pair.outside, 1, "first"))
    theirs.wait_established("node", 20)
    for host in (pair.node, pair.outside):
        key(host, 1, "second")
    pair.speaker.reload(pair.speaker.document)
    theirs.reload(theirs.document)
    unharmed(pair, theirs, "p1")
    pair.speaker.request("POST", "/v1/neighbors/p1/reset")
    theirs.wait_established("node", 20)
    assert counter(pair.node, "TCPAOBad") == 0


@over
def test_a_key_that_gets_another_identifier_needs_a_new_session(pair, bgpd, family):
    """Two keys that share an identifier cannot stand side by side (RFC 5925 section 3.1)."""
    node, outside = key(pair.node, 1, "secret"), key(pair.outside, 1, "secret")
    pair.start(ours(family, node), originate={"prefixes": [OURS]})
    theirs = other_end(pair, bgpd, family, outside)
    theirs.wait_established("node", 20)
    del node["id"], outside["id"]
    with_keys(pair.speaker, {**node, "sendId": 1, "receiveId": 7})
    with_keys(theirs, {**outside, "sendId": 7, "receiveId": 1})
    wait_until(lambda: theirs.state("node") == "Established" and pair.speaker.state("p1") == "Established", 30)
    assert "sent Cease/Other Configuration Change" in pair.speaker.process.log()
    assert "held" not in pair.speaker.neighbor("p1")


@over
def test_a_neighbour_within_a_range_of_the_same_identifiers_is_held_with_the_reason(pair, family):
    pair.start(ours(family, key(pair.node, 1, "secret")), dynamicNeighbors=[
        {"name": "rack", "range": RANGE[family], "remoteAs": "external", **ao(key(pair.node, 1, "secret"))}])
    why = "is taken by a key of a prefix that overlaps it (RFC 5925 section 3.1)"
    wait_until(lambda: any(why in one for one in pair.speaker.get("/v1/status")["conditions"]), 10, "the reason")
