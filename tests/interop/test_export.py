"""What is passed on, and how (RFC 4271 section 5 and 9.2): attributes, next hops, order, packing."""

import pytest

from bgp import attributes as a
from bgp import wire
from world.pair import PEER_ASN, external, internal, peer_address, peer_address6
from world.speaker import ADDRESS, ADDRESS6, ASN, POLICIES, neighbor

OTHER_ASN = 65002
PREFIX, PREFIX6 = "20.1.0.0/16", "2a00:1::/48"


def third(number, **settings):
    """A neighbour in another AS."""
    return neighbor(f"p{number}", peer_address(number), OTHER_ASN, **settings)


@pytest.fixture
def chain(pair):
    """A source, the speaker, and three watchers: eBGP in another AS, iBGP, and eBGP in the source's AS."""
    pair.start(external(1), third(2), internal(3), external(4))
    source = pair.peer(1).establish()
    watchers = [pair.peer(2, OTHER_ASN).establish(), pair.peer(3, ASN).establish(), pair.peer(4).establish()]
    return source, *watchers


def value(watcher, kind, prefix=PREFIX):
    """The value of an attribute as the watcher got it, or None."""
    found = watcher.rib[prefix].attributes.get(kind)
    return found and found[1]


def test_attributes_on_the_way_to_each_type_of_peer(chain):
    source, other, inner, _ = chain
    source.send(a.announce([PREFIX], (PEER_ASN,), peer_address(1), a.med(5), a.communities("65001:7")))
    for watcher in (other, inner):
        watcher.pump(lambda: PREFIX in watcher.rib)
    assert value(other, a.AS_PATH) == a.segment(2, ASN, PEER_ASN)
    assert value(inner, a.AS_PATH) == a.segment(2, PEER_ASN)
    assert value(other, a.MED) is None, "RFC 4271 5.1.4: not to another neighbouring AS"
    assert value(inner, a.MED) == b"\0\0\0\5"
    assert value(other, a.LOCAL_PREF) is None, "5.1.5: never to an external peer"
    assert value(inner, a.LOCAL_PREF) == b"\0\0\0\x64"
    assert other.rib[PREFIX].next_hop in (ADDRESS, peer_address(1)), "5.1.3: own, or third party on the same subnet"
    assert value(other, a.COMMUNITIES) == value(inner, a.COMMUNITIES) == b"\xfd\xe9\0\7"
    for watcher in (other, inner):
        assert a.ORIGINATOR_ID not in watcher.rib[PREFIX].attributes


def test_ipv6_routes_have_a_next_hop_of_their_family(chain):
    source, other, _, _ = chain
    source.send(a.announce6([PREFIX6], (PEER_ASN,), peer_address6(1)))
    other.pump(lambda: PREFIX6 in other.rib)
    assert other.rib[PREFIX6].next_hop in (ADDRESS6, peer_address6(1))


def test_nothing_goes_back_into_the_as_path_it_came_from_or_between_ibgp_peers(pair):
    """RFC 4271 section 9.2: iBGP routes are not passed to iBGP peers; a route is not sent back to its source."""
    pair.start(external(1), internal(2), internal(3))
    source, one, two = pair.peer(1).establish(), pair.peer(2, ASN).establish(), pair.peer(3, ASN).establish()
    one.send(a.announce([PREFIX], (), peer_address(2), internal=True))
    source.pump(lambda: PREFIX in source.rib)
    source.send(a.announce(["20.2.0.0/16"], (PEER_ASN,), peer_address(1)))
    two.pump(lambda: "20.2.0.0/16" in two.rib)
    assert PREFIX not in two.rib
    one.pump(lambda: "20.2.0.0/16" in one.rib)
    assert PREFIX not in one.rib


def test_an_unknown_transitive_attribute_is_passed_on_as_it_was_with_partial(chain):
    """RFC 4271 section 5; a long one keeps a true length (BIRD's OTC incident)."""
    source, other, _, _ = chain
    payload = bytes(range(256)) + b"end"
    source.send(a.announce([PREFIX], (PEER_ASN,), peer_address(1),
                           a.attribute(99, b"\1\2\3", flags=0xC0), a.attribute(201, payload, flags=0xC0),
                           a.attribute(98, b"gone", flags=0x80)))
    other.pump(lambda: PREFIX in other.rib)
    found = other.rib[PREFIX].attributes
    assert found[99][1] == b"\1\2\3" and found[99][0] & 0xE0 == 0xE0
    assert found[201][1] == payload and found[201][0] & 0xE0 == 0xE0
    assert 98 not in found, "optional non-transitive: not passed on"


@pytest.mark.parametrize("community,external_gets,internal_gets", [
    ("65535:65281", False, True), ("65535:65282", False, False), ("65535:65283", False, True),
    ("65001:1", True, True)], ids=["no_export", "no_advertise", "no_export_subconfed", "ordinary"])
def test_well_known_communities(chain, community, external_gets, internal_gets):
    """RFC 1997."""
    source, other, inner, _ = chain
    source.send(a.announce([PREFIX], (PEER_ASN,), peer_address(1), a.communities(community)),
                a.announce(["20.9.0.0/16"], (PEER_ASN,), peer_address(1)))
    for watcher, expected in ((other, external_gets), (inner, internal_gets)):
        watcher.pump(lambda: "20.9.0.0/16" in watcher.rib)
        if expected:
            watcher.pump(lambda: PREFIX in watcher.rib)
        assert (PREFIX in watcher.rib) == expected


def test_a_prefix_with_a_surviving_path_is_replaced_never_withdrawn(pair):
    """Make before break."""
    pair.start(external(1), external(2), third(3))
    one, two, watcher = pair.peer(1).establish(), pair.peer(2).establish(), pair.peer(3, OTHER_ASN).establish()
    one.send(a.announce([PREFIX], (PEER_ASN,), peer_address(1)))
    watcher.pump(lambda: PREFIX in watcher.rib)
    two.send(a.announce([PREFIX], (PEER_ASN, 65099), peer_address(2)))
    pair.speaker.wait_best(PREFIX)
    one.send(a.withdraw(PREFIX))
    watcher.pump(lambda: value(watcher, a.AS_PATH) == a.segment(2, ASN, PEER_ASN, 65099))
    assert ("-", PREFIX) not in watcher.history


def test_many_prefixes_share_few_updates(pair):
    """500 prefixes of one attribute set fit into one or two messages of 4,096 octets."""
    pair.start(external(1), third(2))
    source, watcher = pair.peer(1).establish(), pair.peer(2, OTHER_ASN).establish()
    prefixes = [f"20.{i // 250}.{i % 250}.0/24" for i in range(500)]
    source.send(a.announce(prefixes, (PEER_ASN,), peer_address(1)))
    watcher.pump(lambda: len(watcher.rib) == 500, 10)
    assert len({id(update) for update in watcher.rib.values()}) <= 10
    source.send(a.withdraw(*prefixes))
    watcher.pump(lambda: not watcher.rib, 10)


def test_export_policy_sets_and_rejects(pair):
    policies = {**POLICIES, "out": [
        {"match": {"prefix": ["20.2.0.0/16"]}, "then": "reject"},
        {"set": {"med": 42, "prepend": 2, "addCommunities": ["64512:1"]}, "then": "accept"}]}
    pair.start(external(1), third(2, export=["out"]), policies=policies)
    source, watcher = pair.peer(1).establish(), pair.peer(2, OTHER_ASN).establish()
    source.send(a.announce(["20.2.0.0/16"], (PEER_ASN,), peer_address(1)),
                a.announce([PREFIX], (PEER_ASN,), peer_address(1)))
    watcher.pump(lambda: PREFIX in watcher.rib)
    assert "20.2.0.0/16" not in watcher.rib
    assert value(watcher, a.MED) == b"\0\0\0\x2a"
    assert value(watcher, a.AS_PATH) == a.segment(2, ASN, ASN, ASN, PEER_ASN)
    assert value(watcher, a.COMMUNITIES) == b"\xfc\0\0\1"


def test_originated_prefixes_carry_what_the_configuration_says(pair):
    pair.start(internal(1), originate={"prefixes": [
        {"prefix": "10.244.1.0/24", "communities": ["64512:5"], "localPref": 250, "med": 7}]})
    peer = pair.peer(1, ASN).establish()
    peer.pump(lambda: "10.244.1.0/24" in peer.rib)
    assert value(peer, a.LOCAL_PREF, "10.244.1.0/24") == b"\0\0\0\xfa"
    assert value(peer, a.MED, "10.244.1.0/24") == b"\0\0\0\7"
    assert value(peer, a.COMMUNITIES, "10.244.1.0/24") == b"\xfc\0\0\5"


# ------------------------------------------------------------------ another AS towards one neighbour (RFC 7705)

SHOWN, OURS = 65010, "10.244.1.0/24"


def test_a_neighbour_that_is_shown_another_as_sees_that_one_alone(pair):
    """RFC 7705 section 3: Local AS, with No Prepend Inbound and Replace Old AS."""
    pair.start(external(1, localAs=SHOWN), third(2), originate={"prefixes": [OURS]})
    shown, other = pair.peer(1).establish(), pair.peer(2, OTHER_ASN).establish()
    assert shown.open.asn == SHOWN and shown.open.capability(wire.CAP_AS4) == SHOWN.to_bytes(4, "big")
    assert other.open.asn == ASN
    shown.pump(lambda: OURS in shown.rib)
    other.pump(lambda: OURS in other.rib)
    assert value(shown, a.AS_PATH, OURS) == a.segment(2, SHOWN)
    assert value(other, a.AS_PATH, OURS) == a.segment(2, ASN)
    shown.send(a.announce([PREFIX], (PEER_ASN,), peer_address(1)))
    other.pump(lambda: PREFIX in other.rib)
    assert value(other, a.AS_PATH) == a.segment(2, ASN, PEER_ASN), "nothing of it in what it told us"
    other.send(a.announce(["20.2.0.0/16"], (OTHER_ASN, SHOWN), peer_address(2)))
    shown.pump(lambda: "20.2.0.0/16" in shown.rib)
    assert value(shown, a.AS_PATH, "20.2.0.0/16") == a.segment(2, SHOWN, OTHER_ASN, SHOWN), "no loop for others"


def test_the_as_shown_and_our_own_are_both_loops_in_what_the_neighbour_says(pair):
    pair.start(external(1, localAs=SHOWN))
    peer = pair.peer(1).establish()
    looped = {"20.1.0.0/16": SHOWN, "20.2.0.0/16": ASN}
    for prefix, asn in looped.items():
        peer.send(a.announce([prefix], (PEER_ASN, asn), peer_address(1)))
    peer.send(a.announce(["20.3.0.0/16"], (PEER_ASN,), peer_address(1)))
    pair.speaker.wait_best("20.3.0.0/16")
    for prefix in looped:
        assert "own AS" in pair.speaker.paths(prefix)[0]["why"]
        assert not pair.speaker.in_kernel(prefix)


def test_who_is_in_the_as_that_it_is_shown_is_internal(pair):
    """And who is in ours, but is shown another, is not."""
    pair.start(external(1, localAs=PEER_ASN), neighbor("p2", peer_address(2), ASN, localAs=SHOWN),
               originate={"prefixes": [OURS]})
    inner, outer = pair.peer(1).establish(), pair.peer(2, ASN).establish()
    for peer in (inner, outer):
        peer.pump(lambda: OURS in peer.rib)
    assert value(inner, a.AS_PATH, OURS) in (None, b"") and value(inner, a.LOCAL_PREF, OURS)
    assert value(outer, a.AS_PATH, OURS) == a.segment(2, SHOWN) and value(outer, a.LOCAL_PREF, OURS) is None
    assert [pair.speaker.neighbor(name)["type"] for name in ("p1", "p2")] == ["internal", "external"]


# ------------------------------------------------------------------ two-octet AS numbers (RFC 6793)

FOUR_OCTETS = 4200000001


def old_speaker(pair, number, asn=PEER_ASN):
    """A peer that has never heard of four-octet AS numbers."""
    return pair.peer(number, asn).establish(capabilities=[wire.multiprotocol(wire.IPV4)])


def test_an_old_speaker_gets_as_trans_and_as4_path(pair):
    """RFC 6793 section 4.2.2."""
    pair.start(external(1), originate={"prefixes": ["10.244.1.0/24"]}, localAs=FOUR_OCTETS)
    peer = old_speaker(pair, 1)
    assert peer.open.asn == wire.AS_TRANS
    assert peer.open.capability(wire.CAP_AS4) == FOUR_OCTETS.to_bytes(4, "big")
    peer.pump(lambda: "10.244.1.0/24" in peer.rib)
    assert value(peer, a.AS_PATH, "10.244.1.0/24") == a.segment(2, wire.AS_TRANS, width=2)
    assert value(peer, a.AS4_PATH, "10.244.1.0/24") == a.segment(2, FOUR_OCTETS)


def test_no_as4_path_where_it_says_nothing_new(pair):
    pair.start(external(1), originate={"prefixes": ["10.244.1.0/24"]})
    peer = old_speaker(pair, 1)
    peer.pump(lambda: "10.244.1.0/24" in peer.rib)
    assert value(peer, a.AS4_PATH, "10.244.1.0/24") is None


def old_path(*asns):
    """AS_PATH as an old speaker writes it."""
    return a.as_path(*asns, width=2)


@pytest.mark.parametrize("extra,expected", [
    (a.attribute(a.AS4_PATH, a.segment(2, 70000)), [PEER_ASN, 70000]),
    (a.attribute(a.AS4_PATH, a.segment(2, 1, 2, 3, 70000)), [PEER_ASN, wire.AS_TRANS]),
    (a.attribute(a.AS4_PATH, a.segment(2, 70000)[:-1]), [PEER_ASN, wire.AS_TRANS]),
    (b"", [PEER_ASN, wire.AS_TRANS])], ids=["merged", "longer_is_ignored", "malformed_is_discarded", "none"])
@pytest.mark.parametrize("before", [False, True], ids=["as4_path_behind", "as4_path_before_as_path"])
def test_as_path_and_as4_path_are_merged(pair, extra, expected, before):
    """RFC 6793 section 4.2.3 and 6; the order of attributes is free (CVE-2026-41643)."""
    pair.start(external(1))
    peer = old_speaker(pair, 1)
    parts = [a.origin(), old_path(PEER_ASN, wire.AS_TRANS), a.next_hop(peer_address(1))]
    parts = [extra, *parts] if before else [*parts, extra]
    peer.send(wire.update(b"", b"".join(parts), wire.nlri(PREFIX)))
    assert pair.speaker.wait_best(PREFIX)["asPath"] == expected


def test_as4_attributes_are_ignored_when_the_aggregator_is_not_as_trans(pair):
    """RFC 6793 section 4.2.3."""
    pair.start(external(1))
    peer = old_speaker(pair, 1)
    parts = [a.origin(), old_path(PEER_ASN, wire.AS_TRANS), a.next_hop(peer_address(1)),
             a.attribute(a.AGGREGATOR, b"\xfd\xe9\x0a\x09\1\1"), a.attribute(a.AS4_PATH, a.segment(2, 70000)),
             a.attribute(a.AS4_AGGREGATOR, b"\0\1\x11\x70\x0a\x09\1\1")]
    peer.send(wire.update(b"", b"".join(parts), wire.nlri(PREFIX)))
    assert pair.speaker.wait_best(PREFIX)["asPath"] == [PEER_ASN, wire.AS_TRANS]
