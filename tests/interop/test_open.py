"""RFC 4271 section 6.2 and RFC 5492: errors in the OPEN, each with its subcode; and what is no error."""

import itertools

import pytest

from bgp import wire
from world.pair import PEER_ASN, external, internal, peer_address
from world.speaker import ASN, ROUTER_ID

FIRST_INTERNAL = 61
NUMBERS = itertools.count(1)
INTERNAL_NUMBERS = itertools.count(FIRST_INTERNAL)
USUAL = [wire.multiprotocol(wire.IPV4), wire.multiprotocol(wire.IPV6), wire.as4(PEER_ASN)]


@pytest.fixture(scope="module")
def world(make_shared):
    return make_shared(70, *(external(number) for number in range(1, FIRST_INTERNAL)),
                       *(internal(number) for number in range(FIRST_INTERNAL, 71)))


def send(peer, **options):
    """Sends an OPEN that is valid but for these options."""
    options.setdefault("parameters", wire.capabilities(*USUAL))
    arguments = {"asn": PEER_ASN, "router_id": peer.router_id, **options}
    peer.send(wire.message(wire.OPEN, wire.open_body(**arguments)))


def rejected(world, subcode, **options):
    """The NOTIFICATION that an OPEN with these options gets."""
    peer = world.peer(next(NUMBERS))
    send(peer, **options)
    read_open(peer)
    return peer.expect_notification(2, subcode)


def read_open(peer):
    """Takes the speaker's OPEN, which comes whatever the peer says."""
    peer.open = wire.parse_open(peer.expect(wire.OPEN))


def accepted(world, **options):
    """The peer after an OPEN with these options brought the session up."""
    peer = world.peer(next(NUMBERS))
    send(peer, **options)
    read_open(peer)
    peer.expect(wire.KEEPALIVE)
    peer.send_keepalive()
    number = peer.router_id.rpartition(".")[2]
    world.speaker.wait_established(f"p{number}")
    return peer


@pytest.mark.parametrize("version", [0, 3, 5, 255])
def test_unsupported_version_tells_the_supported_one(world, version):
    assert rejected(world, 1, version=version).data == b"\0\4"


@pytest.mark.parametrize("asn", [65002, 0, ASN])
def test_wrong_as(world, asn):
    rejected(world, 2, asn=asn, parameters=wire.capabilities(wire.as4(asn)))


def test_wrong_as_without_capabilities(world):
    rejected(world, 2, asn=65002, parameters=b"")


def test_the_as4_capability_counts_not_the_two_octets(world):
    """RFC 6793 section 3."""
    rejected(world, 2, asn=PEER_ASN, parameters=wire.capabilities(wire.as4(70000)))


def test_as_trans_with_the_true_as_in_the_capability(world):
    accepted(world, asn=wire.AS_TRANS)


def test_as_0_in_the_capability(world):
    """RFC 7607 section 2."""
    rejected(world, 2, parameters=wire.capabilities(wire.as4(0)))


def test_identifier_0(world):
    rejected(world, 3, router_id="0.0.0.0")


def test_our_own_identifier_from_an_internal_peer(world):
    """RFC 6286 section 2.2."""
    peer = world.peer(next(INTERNAL_NUMBERS), ASN, ROUTER_ID)
    peer.send_open()
    read_open(peer)
    peer.expect_notification(2, 3)


def test_our_own_identifier_from_an_external_peer_is_allowed(world):
    """RFC 6286 section 2.1: unique within an AS only."""
    number = next(NUMBERS)
    world.peer(number, PEER_ASN, ROUTER_ID).establish()
    world.speaker.wait_established(f"p{number}")


@pytest.mark.parametrize("kind", [0, 1, 3, 254])
def test_unsupported_optional_parameter(world, kind):
    rejected(world, 4, parameters=wire.parameter(kind, b"\0") + wire.capabilities(*USUAL))


@pytest.mark.parametrize("hold", [1, 2])
def test_unacceptable_hold_time(world, hold):
    rejected(world, 6, hold=hold)


@pytest.mark.parametrize("hold", [0, 3, 65535])
def test_acceptable_hold_time(world, hold):
    accepted(world, hold=hold)


MALFORMED = {
    "parameter_overruns": wire.parameter(2, wire.as4(PEER_ASN), length=200),
    "parameter_of_one_octet": b"\2",
    "capability_overruns_its_parameter": wire.parameter(2, wire.capability(65, b"\0\0\0\0", length=5)),
    "capability_of_one_octet": wire.parameter(2, b"\x41"),
    "capability_cut_off_before_another_parameter": wire.parameter(2, b"\x41\4\0\0") + wire.capabilities(*USUAL),
}


@pytest.mark.parametrize("parameters", MALFORMED.values(), ids=MALFORMED)
def test_malformed_parameter(world, parameters):
    """RFC 4271 section 6.2: recognized but malformed is subcode 0; CVE-2022-36440."""
    rejected(world, (0, 4), parameters=parameters)


@pytest.mark.parametrize("parameters", [b"", wire.capabilities(*USUAL)], ids=["none", "some"])
@pytest.mark.parametrize("difference", [-1, 1, 100])
def test_parameters_length_that_is_not_true(world, parameters, difference):
    if not 0 <= len(parameters) + difference <= 255:
        return
    rejected(world, None, parameters=parameters, length=len(parameters) + difference)


def extended(*parameters, length=None):
    """RFC 9072 section 2: the extended form of the optional parameters."""
    body = b"".join(parameters)
    return b"\xff" + (len(body) if length is None else length).to_bytes(2, "big") + body


def extended_parameter(kind, value):
    """One parameter with its two octets of length."""
    return bytes([kind]) + len(value).to_bytes(2, "big") + value


def test_extended_parameters(world):
    capabilities = extended_parameter(2, b"".join(USUAL) + wire.capability(200, bytes(250)))
    accepted(world, parameters=extended(capabilities), length=255)


@pytest.mark.parametrize("parameters", [
    b"\xff", b"\xff\0", b"\xff\0\1", b"\xff\0\2\2\0", b"\xff\xff\xff\2\0\0", extended(b"\2\0", length=2),
    extended(extended_parameter(2, b"")[:-1] + b"\x40")], ids=lambda raw: raw.hex())
def test_extended_parameters_cut_off(world, parameters):
    """CVE-2022-40302, CVE-2022-43681."""
    rejected(world, None, parameters=parameters, length=255)


def test_unknown_capabilities_are_ignored(world):
    unknown = [wire.capability(code, b"x" * size) for code, size in ((0, 0), (99, 0), (128, 4), (255, 100))]
    accepted(world, parameters=wire.capabilities(*unknown, *USUAL))


def test_capabilities_may_stand_in_parameters_of_their_own_and_twice(world):
    accepted(world, parameters=b"".join(wire.capabilities(one) for one in USUAL + USUAL))


@pytest.mark.parametrize("capability", [
    wire.capability(65), wire.capability(1, b"\0"), wire.capability(64, b"\0"), wire.capability(64, b"\0\x78\0\1"),
    wire.capability(65, b"\0\0\xfd\xe9\0"), wire.capability(6, b""), wire.capability(75, b""), wire.capability(3, b"\0"),
    wire.capability(69, b"\0\1\1"), wire.capability(73, b"\xff")], ids=lambda raw: raw.hex())
def test_a_capability_of_a_wrong_length_never_reads_its_neighbours_bytes(world, capability):
    """CVE-2025-43971, GHSA-gjrg-jjr3-56cm, CVE-2012-1820: refused or ignored, but nothing else."""
    peer = world.peer(next(NUMBERS))
    send(peer, parameters=wire.capabilities(capability, wire.multiprotocol(wire.IPV4)))
    read_open(peer)
    kind, body = peer.receive()
    assert kind == wire.KEEPALIVE or kind == wire.NOTIFICATION and body[0] == 2, (kind, body)
    assert world.speaker.get("/v1/status")


def test_our_open_says_who_we_are(world):
    ours = accepted(world).open
    assert (ours.version, ours.asn, ours.router_id, ours.hold) == (4, ASN, ROUTER_ID, 90)
    assert ours.families() == {wire.IPV4, wire.IPV6}
    assert ours.capability(wire.CAP_AS4) == ASN.to_bytes(4, "big")
    assert ours.capability(wire.CAP_GRACEFUL_RESTART) is not None


def test_an_address_that_is_not_configured_gets_no_session(pair):
    pair.start(external(1))
    stranger = pair.peer(2)
    stranger.send_open()
    stranger.end()
    pair.peer(1).establish()
    assert peer_address(2) not in str(pair.speaker.get("/v1/neighbors"))
