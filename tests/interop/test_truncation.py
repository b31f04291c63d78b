"""An OPEN and an UPDATE cut off at every length, and changed at every octet: an answer, or none, but never a crash."""

import itertools
import random

import pytest

from bgp import attributes as a
from bgp import wire
from world.pair import PEER_ASN, external, peer_address, peer_address6

PEERS = 230
OPEN_BODY = wire.open_body(PEER_ASN, "10.9.1.1", parameters=wire.capabilities(
    wire.multiprotocol(wire.IPV4), wire.multiprotocol(wire.IPV6), wire.graceful_restart(120), wire.as4(PEER_ASN)))
UPDATE_BODY = wire.update_body(
    wire.nlri("20.9.0.0/16"),
    a.origin() + a.as_path(PEER_ASN, 65002) + a.next_hop(peer_address(1)) + a.med(5)
    + a.attribute(a.AGGREGATOR, bytes(8)) + a.communities("65001:1", "65001:2")
    + a.mp_reach(peer_address6(1), "2a00:1::/48", "2a00:2::/48") + a.mp_unreach("2a00:3::/48")
    + a.attribute(a.EXT_COMMUNITIES, bytes(8)) + a.attribute(a.LARGE_COMMUNITIES, bytes(12)),
    wire.nlri("20.1.0.0/16", "20.2.2.0/24"))
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def world(make_shared):
    return make_shared(PEERS, *(external(number) for number in range(1, PEERS + 1)))


@pytest.fixture(scope="module")
def witness(world):
    """A session that must live through all of this."""
    return world.peer(PEERS).establish()


@pytest.mark.parametrize("length", range(len(OPEN_BODY)))
def test_open_cut_off(world, witness, length):
    peer = world.peer(next(NUMBERS))
    peer.send(wire.message(wire.OPEN, OPEN_BODY[:length]))
    peer.expect(wire.OPEN)
    if length < 10:
        peer.expect_notification(1, 2)  # RFC 4271 section 6.1: an OPEN has at least 29 octets
    else:
        peer.expect_notification(2)
    witness.send_keepalive()


@pytest.mark.parametrize("length", range(len(UPDATE_BODY)))
def test_update_cut_off(world, witness, length):
    """What is left is either a malformed UPDATE (3/x), a short one (1/2), or one that is still whole."""
    peer = world.peer(next(NUMBERS)).establish()
    peer.send(wire.message(wire.UPDATE, UPDATE_BODY[:length]), wire.notification(wire.CEASE, 2))
    got = peer.end()
    if length < 4:
        assert got and (got.code, got.subcode) == (1, 2)
    else:
        assert got is None or got.code == 3, got
    witness.send_keepalive()


def changed(body, seed):
    """The body with one to three octets changed."""
    chance = random.Random(seed)
    out = bytearray(body)
    for _ in range(chance.randint(1, 3)):
        out[chance.randrange(len(out))] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
    return bytes(out)


def test_changed_updates_never_crash(pair):
    """300 changed UPDATEs from a fixed seed; a neighbour that was refused is not asked again."""
    peers = range(1, 120)
    pair.outside.ip(*(f"addr replace {peer_address(number)}/16 dev down0" for number in peers))
    pair.start(*(external(number) for number in peers))
    fresh = iter(peers)
    peer = pair.peer(next(fresh)).establish()
    sent = 0
    for seed in range(300):
        try:
            peer.send(wire.message(wire.UPDATE, changed(UPDATE_BODY, seed)))
            sent += 1
        except OSError:
            number = next(fresh, None)
            if number is None:
                break
            peer = pair.peer(number).establish()
    assert sent > 100
    assert pair.speaker.get("/v1/status"), "it ended"


def test_changed_opens_never_crash(world, witness):
    used = 0
    for seed in range(25):
        peer = world.peer(next(NUMBERS))
        peer.send(wire.message(wire.OPEN, changed(OPEN_BODY, seed)), wire.notification(wire.CEASE, 2))
        peer.end()
        used += 1
    assert used == 25
    assert world.speaker.get("/v1/status")
    witness.send_keepalive()
    assert world.speaker.state(f"p{PEERS}") == "Established"
