"""RFC 7606: every malformed UPDATE gets what the RFC says for that type of peer, and nothing else changes."""

import itertools

import pytest

from bgp import attributes, malformed, wire
from bgp.malformed import KEEP, UNTOUCHED, WITHDRAW, Reset
from world.pair import PEER_ASN, external, internal, peer_address, peer_address6
from world.speaker import ASN

CASES = [(case, is_internal) for is_internal in (False, True) for case in malformed.ALL]
COUNT = len(CASES)
OLD_MED, NEW_MED = 10, 77


@pytest.fixture(scope="module")
def world(make_shared):
    """A speaker with a neighbour for each case: after an error a neighbour may be held down for a while."""
    neighbors = [(internal if case[1] else external)(number) for number, case in enumerate(CASES, 1)]
    return make_shared(COUNT + 1, *neighbors)


def announcement(number, case, is_internal):
    """The prefix of a case, and the draft of a valid announcement of it."""
    prefix = f"2a00:{number:x}::/48" if case.ipv6 else f"20.{number // 250}.{number % 250}.0/24"
    path = (65010,) if is_internal else (PEER_ASN,)
    parts = {**attributes.base(path, peer_address(number), internal=is_internal),
             attributes.MED: attributes.med(NEW_MED)}
    if case.ipv6:
        parts.pop(attributes.NEXT_HOP)
        parts[attributes.MP_REACH] = attributes.mp_reach(peer_address6(number), prefix)
    routes = b"" if case.ipv6 else wire.nlri(prefix)
    return prefix, malformed.Draft(prefix, parts, routes=routes)


def sentinel(number, is_internal):
    """A valid announcement of a prefix that nobody else uses: when it is there, all before it has been read."""
    prefix = f"21.{number // 250}.{number % 250}.0/24"
    path = (65010,) if is_internal else (PEER_ASN,)
    return prefix, attributes.announce([prefix], path, peer_address(number), internal=is_internal)


def send_valid(peer, draft):
    """Announces the draft as it is, with another MED."""
    parts = {**draft.parts, attributes.MED: attributes.med(OLD_MED)}
    peer.send(wire.update(b"", b"".join(parts[kind] for kind in sorted(parts)), draft.routes))


@pytest.mark.parametrize("number", range(1, COUNT + 1),
                         ids=[f"{'ibgp' if i else 'ebgp'}-{c.name}" for c, i in CASES])
def test_malformed_update(world, number):
    case, is_internal = CASES[number - 1]
    expected = case.expected(is_internal)
    peer = world.peer(number, ASN if is_internal else PEER_ASN).establish()
    prefix, draft = announcement(number, case, is_internal)
    send_valid(peer, draft)
    assert world.speaker.wait_best(prefix)["med"] == OLD_MED

    case.damage(draft)
    peer.send(wire.message(wire.UPDATE, draft.body()))

    if isinstance(expected, Reset):
        got = peer.expect_notification(3, expected.subcodes)
        assert expected.data is None or got.data == expected.data, f"{case.clause}: {got.data.hex()}"
        world.speaker.wait_gone(prefix)
        return
    after, message = sentinel(number, is_internal)
    peer.send(message)
    world.speaker.wait_best(after)
    assert world.speaker.state(f"p{number}") == "Established", case.clause
    if expected == WITHDRAW:
        assert not world.speaker.best(prefix), f"{case.clause}: {world.speaker.paths(prefix)}"
    else:
        best = world.speaker.best(prefix)
        assert best and best["med"] == {KEEP: NEW_MED, UNTOUCHED: OLD_MED}[expected], f"{case.clause}: {best}"


def test_the_table_is_long_enough():
    assert len(malformed.ALL) >= 200
    assert all(case.clause for case in malformed.ALL)
    assert len({case.name for case in malformed.ALL}) == len(malformed.ALL)


def test_treat_as_withdraw_of_a_prefix_that_never_was(pair):
    """CVE-2026-42285: the prefix of a malformed UPDATE need not exist."""
    pair.start(external(1))
    peer = pair.peer(1).establish()
    peer.send(wire.update(b"", attributes.origin(3), wire.nlri("20.1.0.0/16")))
    after, message = sentinel(1, False)
    peer.send(message)
    pair.speaker.wait_best(after)
    assert not pair.speaker.paths("20.1.0.0/16")


def test_of_several_errors_the_strongest_governs(pair):
    """RFC 7606 section 3(h)."""
    pair.start(external(1))
    peer = pair.peer(1).establish()
    parts = attributes.base((PEER_ASN,), peer_address(1))
    discard = attributes.attribute(attributes.ATOMIC_AGGREGATE, b"\0")
    withdraw = attributes.attribute(attributes.COMMUNITIES, b"\0")
    peer.send(attributes.announce(["20.1.0.0/16"], (PEER_ASN,), peer_address(1)))
    pair.speaker.wait_best("20.1.0.0/16")
    peer.send(wire.update(b"", b"".join(parts.values()) + discard + withdraw, wire.nlri("20.1.0.0/16")))
    pair.speaker.wait_gone("20.1.0.0/16")
    reset = attributes.attribute(attributes.MP_UNREACH, b"\0")
    peer.send(wire.update(b"", b"".join(parts.values()) + discard + withdraw + reset, wire.nlri("20.1.0.0/16")))
    peer.expect_notification(3)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_attributes_may_come_in_any_order(pair, order):
    """RFC 4271 section 5: the receiver must be prepared to handle attributes out of order."""
    pair.start(external(1))
    peer = pair.peer(1).establish()
    parts = list(attributes.base((PEER_ASN,), peer_address(1)).values())
    peer.send(wire.update(b"", b"".join(parts[at] for at in order), wire.nlri("20.1.0.0/16")))
    assert pair.speaker.wait_best("20.1.0.0/16")["asPath"] == [PEER_ASN]
