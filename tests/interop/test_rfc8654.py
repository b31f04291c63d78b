"""RFC 8654: messages of up to 65,535 octets, read where we said so, sent where both did; raw peers, BIRD and FRR."""

import contextlib
import struct

import pytest

from bgp import attributes, wire
from world import matrix, routers, speaker
from world.host import wait_until
from world.pair import PEER_ASN, external, peer_address, peer_address6
from world.routers import SELF

CAP_EXTENDED = 6
BIG, SMALL = "20.7.0.0/16", "20.8.0.0/16"
BIG6, SMALL6 = "2a00:7::/48", "2a00:8::/48"
LONGEST = 65535


def capabilities(*, extended=True):
    """A peer with or without extended messages."""
    out = [wire.multiprotocol(wire.IPV4), wire.multiprotocol(wire.IPV6), wire.as4(PEER_ASN),
           wire.capability(wire.CAP_ROUTE_REFRESH)]
    return out + ([wire.capability(CAP_EXTENDED)] if extended else [])


def announce(peer, prefix, communities, number=1):
    """Announces a prefix with so many communities, 4 octets each."""
    value = b"".join(struct.pack("!I", 0x00010000 + i) for i in range(communities))
    say, hop = (attributes.announce6, peer_address6(number)) if ":" in prefix else (attributes.announce, peer_address(number))
    peer.send(say([prefix], (PEER_ASN,), hop, attributes.attribute(attributes.COMMUNITIES, value)))


def long(number, **settings):
    """A neighbour that is offered RFC 8654."""
    return external(number, extendedMessages=True, **settings)


def establish(pair, number, **options):
    """A raw peer that reads long messages."""
    peer = pair.peer(number, router_id=peer_address(number))
    peer.longest = LONGEST
    return peer.establish(capabilities=capabilities(**options))


def test_section_4_a_long_update_is_passed_on_only_to_who_takes_it(pair):
    pair.start(long(1), long(2), long(3))
    peers = {1: establish(pair, 1), 2: establish(pair, 2), 3: establish(pair, 3, extended=False)}
    assert peers[1].open.capability(CAP_EXTENDED) == b""
    peers[3].longest = 4096
    announce(peers[1], BIG, 10)
    for number in (2, 3):
        peers[number].pump(lambda number=number: BIG in peers[number].rib)
    announce(peers[1], BIG, 15000)
    peers[2].pump(lambda: len(peers[2].rib[BIG].attributes[attributes.COMMUNITIES][1]) == 60000)
    peers[3].pump(lambda: BIG not in peers[3].rib, what="the withdrawal of what does not fit any more")
    pair.speaker.wait_in_kernel(BIG)
    families = pair.speaker.neighbor("p3")["families"]["ipv4"]
    assert families["tooLong"] >= 1 and families["advertised"] == 0, families
    assert "tooLong" not in pair.speaker.neighbor("p2")["families"]["ipv4"]
    announce(peers[1], BIG, 10)
    peers[3].pump(lambda: BIG in peers[3].rib, what="the route, which fits again")


def test_section_4_a_long_message_is_taken_also_from_who_did_not_say_it_takes_them(pair):
    pair.start(long(1))
    peer = establish(pair, 1, extended=False)
    assert peer.open.capability(CAP_EXTENDED) == b""
    assert pair.speaker.neighbor("p1")["capabilities"]["extendedMessages"] is False
    announce(peer, BIG, 2000)
    pair.speaker.wait_in_kernel(BIG)
    assert pair.speaker.neighbor("p1")["flaps"] == 0


@pytest.mark.parametrize("theirs", [True, False], ids=["theirs", "neither"])
def test_section_4_a_long_message_that_we_did_not_say_we_take_is_refused(pair, theirs):
    pair.start(external(1))  # the default
    peer = establish(pair, 1, extended=theirs)
    assert peer.open.capability(CAP_EXTENDED) is None
    assert pair.speaker.neighbor("p1")["capabilities"]["extendedMessages"] is False
    announce(peer, BIG, 2000)
    length = wire.HEADER + 4 + len(b"".join(attributes.base((PEER_ASN,), peer_address(1)).values())) + 4 + 8000 + 3
    assert peer.expect_notification(1, 2).data == struct.pack("!H", length)


def test_section_4_a_long_keepalive_is_refused_all_the_same(pair):
    pair.start(long(1))
    peer = establish(pair, 1)
    peer.send(wire.message(wire.KEEPALIVE, bytes(5000)))
    peer.expect_notification(1, 2)


def test_section_4_many_prefixes_fill_long_messages(pair):
    pair.start(long(1, maxPrefixes={"in": 50000}), long(2), long(3))
    source = establish(pair, 1)
    prefixes = [f"21.{i // 256}.{i % 256}.0/24" for i in range(15000)]
    for at in range(0, len(prefixes), 1000):
        source.send(attributes.announce(prefixes[at:at + 1000], (PEER_ASN,), peer_address(1)))
    wait_until(lambda: pair.speaker.neighbor("p1")["families"]["ipv4"]["accepted"] == len(prefixes), 20)
    pair.speaker.wait_in_kernel(prefixes[-1], timeout=20)  # decided, all of them: nothing comes in pieces
    for number, extended in ((2, True), (3, False)):
        peer = establish(pair, number, extended=extended)
        sizes = []
        while len(peer.rib) < len(prefixes):
            kind, body = peer.receive()
            peer.note(kind, body)
            sizes.append(wire.HEADER + len(body))
        least, most = (20000, LONGEST) if extended else (4000, 4096)
        assert least < max(sizes) <= most, sizes


# ---------------------------------------------------------------- other speakers

SESSION = {routers.Bird: "enable extended messages on;", routers.Frr: "",
           routers.Exabgp: "capability { extended-message enable; }"}


@matrix.proves(matrix.EXTENDED)
@pytest.mark.parametrize("router", [(kind, internal) for kind in SESSION for internal in (False, True)],
                         ids=["bird-ebgp", "bird-ibgp", "frr-ebgp", "frr-ibgp", "exabgp-ebgp", "exabgp-ibgp"])
def test_a_long_update_goes_through_to_another_speaker(pair, router):
    """From a raw peer through us: 6,000 octets of communities."""
    kind, is_internal = router
    asn = speaker.ASN if is_internal else PEER_ASN + 1
    if not kind.is_installed():
        pytest.skip(f"{kind.__name__} is not installed")
    made = kind(pair.outside, asn, session=SESSION[kind])
    pair.start(speaker.neighbor("router", SELF, asn, passive=False, holdTime=9, nextHop="self", extendedMessages=True),
               long(2))  # it is on the router's own host: its address is no next hop there
    made.start()
    pair.speaker.wait_established("router", 40)
    assert pair.speaker.neighbor("router")["capabilities"]["extendedMessages"] is True
    with contextlib.closing(establish(pair, 2)) as source:
        for prefix, communities in ((SMALL, 1), (SMALL6, 1), (BIG, 1500), (BIG6, 1500)):
            announce(source, prefix, communities, number=2)
        for prefix in (SMALL, SMALL6, BIG, BIG6):
            wait_until(lambda prefix=prefix: made.has_route(prefix), 20, f"{prefix} at {kind.__name__}")
        assert pair.speaker.neighbor("router")["flaps"] == 0
