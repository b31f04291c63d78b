"""RFC 4271 section 6.1: errors in the message header, before the OPEN and in Established."""

import itertools

import pytest

from bgp import wire
from world.pair import external

CASES = [  # name, message, subcode, data of the NOTIFICATION (None: the RFC does not say)
    ("marker_zero", wire.message(wire.KEEPALIVE, marker=bytes(16)), 1, None),
    ("marker_last_octet", wire.message(wire.KEEPALIVE, marker=b"\xff" * 15 + b"\xfe"), 1, None),
    ("length_18", wire.message(wire.KEEPALIVE, length=18), 2, b"\0\x12"),
    ("length_0", wire.message(wire.KEEPALIVE, length=0), 2, b"\0\0"),
    ("length_4097", wire.message(wire.UPDATE, length=4097), 2, b"\x10\x01"),
    ("length_65535", wire.message(wire.UPDATE, length=65535), 2, b"\xff\xff"),
    ("keepalive_20", wire.message(wire.KEEPALIVE, b"\0"), 2, b"\0\x14"),
    ("open_28", wire.message(wire.OPEN, bytes(9)), 2, b"\0\x1c"),
    ("update_22", wire.message(wire.UPDATE, bytes(3)), 2, b"\0\x16"),
    ("type_0", wire.message(0), 3, b"\0"),
    ("type_6", wire.message(6), 3, b"\x06"),
    ("type_255", wire.message(255, b"\0"), 3, b"\xff"),
]
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def world(make_shared):
    count = 2 * len(CASES) + 1
    return make_shared(count, *(external(number) for number in range(1, count + 1)))


@pytest.mark.parametrize("established", [False, True], ids=["open_sent", "established"])
@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_header_error(world, case, established):
    _, message, subcode, data = case
    peer = world.peer(next(NUMBERS))
    if established:
        peer.establish()
    peer.send(message)
    if not established:
        peer.expect(wire.OPEN)
    got = peer.expect_notification(1, subcode)
    assert data is None or got.data == data


def test_messages_may_come_octet_by_octet(world):
    peer = world.peer(next(NUMBERS))
    opening = wire.message(wire.OPEN, wire.open_body(peer.asn, peer.router_id, parameters=wire.capabilities(
        wire.as4(peer.asn), wire.multiprotocol(wire.IPV4))))
    for octet in opening + wire.message(wire.KEEPALIVE):
        peer.send(bytes([octet]))
    peer.expect(wire.OPEN)
    peer.expect(wire.KEEPALIVE)
