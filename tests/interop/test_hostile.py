"""A hostile peer: every message of the table in bgp/hostile.py, over eBGP and iBGP, each from a neighbour of its own.

What is looked at: code, subcode and data of the NOTIFICATION, whether the session stays, what becomes of the routes of
both families, and that a session beside it notices nothing.
"""

import pytest

from bgp import attributes as a
from bgp import hostile, wire
from bgp.hostile import CONFIRMING, LIVE, SILENT, UP, End
from world.pair import PEER_ASN, external, internal, peer_address, peer_address6
from world.speaker import ASN

CASES = [(case, is_internal) for is_internal in (False, True) for case in hostile.ALL]
COUNT = len(CASES)
WITNESS = COUNT + 1


@pytest.fixture(scope="module")
def world(make_shared):
    """A speaker with a neighbour for each case, and one more that must live through all of this."""
    neighbors = [(internal if is_internal else external)(number)
                 for number, (_, is_internal) in enumerate(CASES, 1)]
    return make_shared(WITNESS, *neighbors, external(WITNESS))


@pytest.fixture(scope="module")
def witness(world):
    """The session of a bystander."""
    peer = world.peer(WITNESS).establish()
    peer.pump(lambda: len(peer.end_of_rib) == 2)
    yield peer
    peer.send_keepalive()
    assert world.speaker.state(f"p{WITNESS}") == "Established"
    assert world.speaker.neighbor(f"p{WITNESS}")["flaps"] == 0


def announced(peer, number, is_internal, first=20):
    """Announces a prefix of each family and returns them."""
    path = () if is_internal else (PEER_ASN,)
    prefix, prefix6 = f"{first}.{number // 250}.{number % 250}.0/24", f"2a00:{first:x}:{number:x}::/48"
    peer.send(a.announce([prefix], path, peer_address(number), internal=is_internal),
              a.announce6([prefix6], path, peer_address6(number), internal=is_internal))
    return prefix, prefix6


def expect(peer, expected):
    """The end that the table says."""
    if expected == SILENT:
        assert peer.end() is None, "a NOTIFICATION is not answered"
        return
    codes = expected.code if isinstance(expected.code, tuple) else (expected.code,)
    got = peer.end()
    assert got, "the connection ended without a word"
    assert got.code in codes, got
    assert expected.subcodes is None or got.subcode == expected.subcodes, got
    assert expected.data is None or got.data == expected.data, got.data.hex()


def opening(world, number, case, is_internal):
    """The case's message takes the place of the OPEN, or comes behind it."""
    expected = case.expected(is_internal)
    peer = world.peer(number, ASN if is_internal else PEER_ASN)
    if case.phase == CONFIRMING:
        peer.send_open()
        peer.expect(wire.OPEN)
        peer.expect(wire.KEEPALIVE)
    peer.send(case.build(peer.asn, peer.router_id))
    if expected != UP:
        return expect(peer, expected)
    peer.expect(wire.OPEN)
    peer.expect(wire.KEEPALIVE)
    peer.send_keepalive()
    world.speaker.wait_established(f"p{number}")


def live(world, number, case, is_internal):
    """The case's message comes when the session has carried a route of each family."""
    expected = case.expected(is_internal)
    peer = world.peer(number, ASN if is_internal else PEER_ASN).establish()
    prefixes = announced(peer, number, is_internal)
    for prefix in prefixes:
        world.speaker.wait_best(prefix)
    peer.send(case.build(peer.asn, peer.router_id))
    if expected != UP:
        expect(peer, expected)
        for prefix in prefixes:
            world.speaker.wait_gone(prefix)
        return
    for prefix in announced(peer, number, is_internal, first=21):  # when these are there, all before has been read
        world.speaker.wait_best(prefix)
    assert all(world.speaker.best(prefix) for prefix in prefixes)
    assert world.speaker.state(f"p{number}") == "Established"


@pytest.mark.parametrize("number", range(1, COUNT + 1),
                         ids=[f"{'ibgp' if is_internal else 'ebgp'}-{case.name}" for case, is_internal in CASES])
def test_hostile_message(world, witness, number):
    case, is_internal = CASES[number - 1]
    (live if case.phase == LIVE else opening)(world, number, case, is_internal)


def test_the_table_is_long_enough_and_every_row_has_its_clause():
    assert len(hostile.ALL) >= 150
    assert len({case.name for case in hostile.ALL}) == len(hostile.ALL)
    assert all(case.clause for case in hostile.ALL)
    assert {type(case.external) for case in hostile.ALL} == {End, str}
