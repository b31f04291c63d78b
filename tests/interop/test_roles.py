"""RFC 9234: roles in the OPEN, OTC on the way in and out; raw, and with the routers that know it.

GoBGP 3.10 and ExaBGP 4.2 have no roles; they are tested as peers without one.
"""

import struct

import pytest

from bgp import attributes as a
from bgp import wire
from bgp.peer import default_capabilities
from world import matrix, routers
from world.host import wait_until
from world.pair import PEER_ASN, external, peer_address
from world.routers import PREFIX, PREFIX6, SELF
from world.speaker import ASN, neighbor

RANGE, RANGE6 = "10.244.1.0/24", "fd00:10:244:1::/64"
CAP_ROLE = 9
PROVIDER, RS, RS_CLIENT, CUSTOMER, PEER = range(5)


def role(value):
    """The capability (RFC 9234 section 4.1)."""
    return wire.capability(CAP_ROLE, bytes([value]))


def otc(asn):
    """The attribute (section 5)."""
    return a.attribute(a.OTC, struct.pack("!I", asn))


def with_roles(*values):
    """An ordinary peer's capabilities, and these roles."""
    return default_capabilities(PEER_ASN) + [role(value) for value in values]


@pytest.mark.parametrize("name,ours,theirs", [("provider", PROVIDER, CUSTOMER), ("rs", RS, RS_CLIENT),
                                              ("rs-client", RS_CLIENT, RS), ("customer", CUSTOMER, PROVIDER),
                                              ("peer", PEER, PEER)])
def test_a_pair_of_the_table_makes_a_session_and_others_get_role_mismatch(pair, name, ours, theirs):
    pair.start(external(1, role=name))
    wrong = pair.peer(1)
    wrong.send_open(capabilities=with_roles(theirs ^ 1))
    assert wire.parse_open(wrong.expect(wire.OPEN)).capability(CAP_ROLE) == bytes([ours])
    wrong.expect_notification(2, 11)
    wait_until(lambda: "Role Mismatch" in pair.speaker.neighbor("p1")["lastError"], 5, "the reason")


def test_the_counterpart_is_taken_also_when_said_twice(pair):
    pair.start(external(1, role="customer"))
    pair.peer(1).establish(capabilities=with_roles(PROVIDER, PROVIDER))
    pair.speaker.wait_established("p1")
    assert pair.speaker.neighbor("p1")["capabilities"]["remoteRole"] == "provider"


def test_different_roles_in_one_open_are_a_mismatch(pair):
    pair.start(external(1, role="customer"))
    peer = pair.peer(1)
    peer.send_open(capabilities=with_roles(PROVIDER, PEER))
    peer.expect(wire.OPEN)
    peer.expect_notification(2, 11)


def test_a_peer_without_a_role_is_refused_in_strict_mode_only(pair):
    pair.start(external(1, role="peer"), external(2, role="peer", roleStrict=True))
    pair.peer(1).establish()
    strict = pair.peer(2)
    strict.send_open()
    strict.expect(wire.OPEN)
    strict.expect_notification(2, 11)
    assert pair.speaker.state("p1") == "Established"


def test_otc_decides_what_comes_in_and_what_goes_out(pair):
    """A provider's route is marked; it goes to a customer, and neither to a peer nor to another provider."""
    pair.start(external(1, role="customer"), external(2, role="provider"), external(3, role="peer"),
               external(4, role="customer"), originate={"prefixes": [RANGE]})
    up = pair.peer(1).establish(capabilities=with_roles(PROVIDER))
    down = pair.peer(2, router_id=peer_address(2)).establish(capabilities=with_roles(CUSTOMER))
    beside = pair.peer(3).establish(capabilities=with_roles(PEER))
    other_up = pair.peer(4).establish(capabilities=with_roles(PROVIDER))
    up.send(a.announce(["20.1.0.0/16"], (PEER_ASN,), peer_address(1)))
    assert pair.speaker.wait_best("20.1.0.0/16")["onlyToCustomer"] == PEER_ASN
    down.pump(lambda: "20.1.0.0/16" in down.rib and RANGE in down.rib)
    flags, value = down.rib["20.1.0.0/16"].attributes[a.OTC]
    assert (flags & 0xC0, value) == (0xC0, struct.pack("!I", PEER_ASN))
    assert down.rib[RANGE].attributes[a.OTC][1] == struct.pack("!I", ASN)
    beside.pump(lambda: RANGE in beside.rib)
    other_up.pump(lambda: RANGE in other_up.rib)
    assert beside.rib[RANGE].attributes[a.OTC][1] == struct.pack("!I", ASN)
    assert a.OTC not in other_up.rib[RANGE].attributes
    # A marked route from below is a leak; an unmarked one behind it shows that it was seen.
    down.send(a.announce(["20.2.0.0/16"], (PEER_ASN,), peer_address(2), otc(65009)),
              a.announce(["20.3.0.0/16"], (PEER_ASN,), peer_address(2)))
    other_up.pump(lambda: "20.3.0.0/16" in other_up.rib)
    assert "RFC 9234" in pair.speaker.paths("20.2.0.0/16")[0]["why"]
    assert not pair.speaker.in_kernel("20.2.0.0/16")
    assert "20.1.0.0/16" not in beside.rib and "20.1.0.0/16" not in other_up.rib


def test_a_malformed_otc_withdraws_the_route_and_keeps_the_session(pair):
    pair.start(external(1))
    peer = pair.peer(1).establish()
    peer.send(a.announce(["20.1.0.0/16"], (PEER_ASN,), peer_address(1)))
    pair.speaker.wait_best("20.1.0.0/16")
    peer.send(a.announce(["20.1.0.0/16"], (PEER_ASN,), peer_address(1), a.attribute(a.OTC, b"\0\0\1")))
    pair.speaker.wait_gone("20.1.0.0/16")
    assert pair.speaker.state("p1") == "Established"


# ---------------------------------------------------------------- other people's

THEIR_WORDS = {
    routers.Bird: lambda word: {"session": f"local role {word.replace('-', '_')};"},
    routers.Frr: lambda word: {"session": f"neighbor 10.9.0.1 local-role {word}"},
    routers.Openbgpd: lambda word: {"session": f"announce policy {word}"},
}


def have(kind, pair, **options):
    """One of the routers, not started; skips where it is not installed."""
    if not kind.is_installed():
        pytest.skip(f"{kind.__name__} is not installed")
    return kind(pair.outside, PEER_ASN, **options)


@matrix.proves(matrix.ROLES)
@pytest.mark.parametrize("kind", THEIR_WORDS, ids=lambda kind: kind.__name__.lower())
def test_a_router_that_is_our_provider_marks_and_is_marked(pair, kind):
    """Strict on our side, so the session itself shows that it sent its role; its route carries OTC here."""
    router = have(kind, pair, **THEIR_WORDS[kind]("provider"))
    pair.start(neighbor("router", SELF, PEER_ASN, passive=False, holdTime=9, role="customer", roleStrict=True),
               external(2, role="provider"), originate={"prefixes": [RANGE, RANGE6]})
    router.start()
    pair.speaker.wait_established("router", 40)
    assert pair.speaker.neighbor("router")["capabilities"]["remoteRole"] == "provider"
    below = pair.peer(2).establish(capabilities=with_roles(CUSTOMER))
    for prefix in (PREFIX, PREFIX6):
        assert pair.speaker.wait_best(prefix, 20)["onlyToCustomer"] == PEER_ASN
        pair.speaker.wait_in_kernel(prefix, timeout=20)
        below.pump(lambda prefix=prefix: prefix in below.rib)
        assert below.rib[prefix].attributes[a.OTC][1] == struct.pack("!I", PEER_ASN)
    for prefix in (RANGE, RANGE6):
        wait_until(lambda prefix=prefix: router.has_route(prefix), 30, f"{prefix} there")


@matrix.proves(matrix.ROLES)
@pytest.mark.parametrize("kind", THEIR_WORDS, ids=lambda kind: kind.__name__.lower())
def test_a_router_that_is_our_customer_gets_our_routes_marked(pair, kind):
    router = have(kind, pair, **THEIR_WORDS[kind]("customer"))
    pair.start(neighbor("router", SELF, PEER_ASN, passive=False, holdTime=9, role="provider", roleStrict=True),
               originate={"prefixes": [RANGE, RANGE6]})
    router.start()
    pair.speaker.wait_established("router", 40)
    for family, prefix in (("ipv4", RANGE), ("ipv6", RANGE6)):
        wait_until(lambda prefix=prefix: router.has_route(prefix), 30, f"{prefix} there")
        if kind is routers.Bird:
            shown = router.birdc("show", "route", prefix, "all")
            assert f"BGP.otc: {ASN}" in shown or f"bgp_otc: {ASN}" in shown, shown
        if kind is routers.Frr:
            assert f"otc {ASN}" in router.vtysh(f"show bgp {family} unicast {prefix}").lower()
    for prefix in (PREFIX, PREFIX6):
        assert pair.speaker.wait_best(prefix, 20).get("onlyToCustomer") is None


@matrix.proves(matrix.ROLES)
@pytest.mark.parametrize("kind", THEIR_WORDS, ids=lambda kind: kind.__name__.lower())
def test_a_router_with_another_role_is_refused(pair, kind):
    router = have(kind, pair, **THEIR_WORDS[kind]("customer"))
    pair.start(neighbor("router", SELF, PEER_ASN, passive=False, holdTime=9, role="peer"))
    router.start()
    wait_until(lambda: "Role Mismatch" in (pair.speaker.neighbor("router")["lastError"] or ""), 30,
               lambda: str(pair.speaker.neighbor("router")))
    assert pair.speaker.state("router") != "Established"
