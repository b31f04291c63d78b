"""What is let in: RFC 8212's default, the guard before policy, loops (RFC 4271 9.1.2, RFC 4456 8), policies."""

import pytest

from bgp import attributes as a
from bgp import wire
from world.pair import PEER_ASN, external, internal, peer_address, peer_address6
from world.speaker import AGGREGATE, ASN, POLICIES

RANGE, RANGE6 = "10.244.1.0/24", "fd00:10:244:1::/64"
ORIGINATE = {"prefixes": [RANGE, RANGE6]}
MARK, MARK6 = "20.9.0.0/16", "2a00:9::/48"  # sent last: when they are there, all before has been read


def session(pair, *, internal_peer=False, number=1):
    """A peer and a function that announces prefixes of both families and waits until they were read."""
    peer = pair.peer(number, ASN if internal_peer else PEER_ASN).establish()
    path = () if internal_peer else (PEER_ASN,)

    def announce(*prefixes, extra=b"", mark=True):
        for prefix in prefixes:
            build, hop = (a.announce6, peer_address6) if ":" in prefix else (a.announce, peer_address)
            peer.send(build([prefix], path, hop(number), extra, internal=internal_peer))
        if mark:
            peer.send(a.announce([MARK], path, peer_address(number), internal=internal_peer))
            pair.speaker.wait_best(MARK)
    return peer, announce


def learned(pair, prefix):
    """Whether a peer's path to the prefix is used."""
    best = pair.speaker.best(prefix)
    return bool(best) and best["source"] != "local"


def test_ebgp_without_policy_accepts_and_sends_nothing(pair):
    """RFC 8212, and the status says why."""
    pair.start(external(1, **{"import": None, "export": None}), external(2), originate=ORIGINATE)
    other, announce_other = session(pair, number=2)
    announce_other("20.5.0.0/16")
    peer = pair.peer(1).establish()
    peer.send(a.announce(["20.1.0.0/16"], (PEER_ASN,), peer_address(1)))
    peer.pump(lambda: len(peer.end_of_rib) == 2)
    announce_other("20.6.0.0/16")
    assert set(peer.rib) == {RANGE, RANGE6}, "originate counts as the explicit policy, nothing else is sent"
    assert not pair.speaker.best("20.1.0.0/16")
    assert not pair.speaker.in_kernel("20.1.0.0/16")
    entry = pair.speaker.neighbor("p1")
    assert entry["families"]["ipv4"]["accepted"] == 0
    assert "no policy" in str(entry)
    assert other.connection


def test_ibgp_without_policy_accepts_and_sends_all(pair):
    pair.start(internal(1, **{"import": None, "export": None}), originate=ORIGINATE)
    peer, announce = session(pair, internal_peer=True)
    announce("20.1.0.0/16")
    assert learned(pair, "20.1.0.0/16")
    peer.pump(lambda: {RANGE, RANGE6} <= set(peer.rib))
    assert a.LOCAL_PREF in peer.rib[RANGE].attributes


@pytest.mark.parametrize("is_internal", [False, True], ids=["ebgp", "ibgp"])
def test_own_range_and_what_covers_it_are_refused(pair, is_internal):
    pair.start((internal if is_internal else external)(1), originate=ORIGINATE)
    _, announce = session(pair, internal_peer=is_internal)
    refused = [RANGE, RANGE6, "10.244.0.0/16", "fd00:10:244::/48", "10.0.0.0/8"]
    announce(*refused)
    for prefix in refused:
        assert not learned(pair, prefix), prefix
        assert not pair.speaker.in_kernel(prefix), prefix
    assert pair.speaker.in_kernel(RANGE, AGGREGATE)


@pytest.mark.parametrize("is_internal", [False, True], ids=["ebgp", "ibgp"])
def test_a_more_specific_of_the_own_range_is_for_ibgp_only(pair, is_internal):
    pair.start((internal if is_internal else external)(1), originate=ORIGINATE)
    _, announce = session(pair, internal_peer=is_internal)
    announce("10.244.1.77/32", "fd00:10:244:1::77/128", "10.244.1.128/25")
    for prefix in ("10.244.1.77/32", "fd00:10:244:1::77/128", "10.244.1.128/25"):
        assert learned(pair, prefix) == is_internal, prefix


@pytest.mark.parametrize("allow,accepted", [([], False), (["default"], True)], ids=["guarded", "allowed"])
def test_the_default_route(pair, allow, accepted):
    pair.start(external(1, allow=allow), originate=ORIGINATE)
    _, announce = session(pair)
    announce("0.0.0.0/0", "::/0")
    assert learned(pair, "0.0.0.0/0") == accepted
    assert learned(pair, "::/0") == accepted
    if accepted:
        routes = pair.node.routes(134)
        assert any(route["dst"] == "default" for route in routes)


def test_martians_are_refused(pair):
    pair.start(external(1), originate=ORIGINATE)
    _, announce = session(pair)
    refused = ["127.0.0.0/8", "127.1.2.3/32", "224.0.0.0/4", "239.1.1.0/24", "169.254.0.0/16", "fe80::/64", "ff00::/8",
               "::1/128"]
    announce(*refused)
    assert not [prefix for prefix in refused if learned(pair, prefix)]
    assert not [route for route in pair.node.routes(134) if route["dst"] in refused]


def test_own_as_in_the_path_is_a_loop(pair):
    """RFC 4271 section 9.1.2; with allowOwnAs as often as that."""
    pair.start(external(1), external(2, allowOwnAs=1))
    for number in (1, 2):
        peer = pair.peer(number).establish()
        peer.send(a.announce([f"20.{number}.0.0/16"], (PEER_ASN, ASN), peer_address(number)),
                  a.announce([f"20.{number}1.0.0/16"], (PEER_ASN, ASN, ASN), peer_address(number)),
                  a.announce([f"20.{number}9.0.0/16"], (PEER_ASN,), peer_address(number)))
        pair.speaker.wait_best(f"20.{number}9.0.0/16")
    assert not learned(pair, "20.1.0.0/16")
    assert learned(pair, "20.2.0.0/16")
    assert not learned(pair, "20.21.0.0/16"), "twice is more than once"


@pytest.mark.parametrize("extra", [a.attribute(a.ORIGINATOR_ID, bytes([10, 9, 0, 1])),
                                   a.attribute(a.ORIGINATOR_ID, bytes([9, 9, 9, 9]))
                                   + a.attribute(a.CLUSTER_LIST, bytes([10, 9, 0, 1]))],
                         ids=["originator", "cluster"])
def test_reflection_loops_are_dropped_silently(pair, extra):
    """RFC 4456 section 8."""
    pair.start(internal(1))
    _, announce = session(pair, internal_peer=True)
    announce("20.1.0.0/16", mark=False)
    pair.speaker.wait_best("20.1.0.0/16")
    announce("20.1.0.0/16", extra=extra)
    assert not learned(pair, "20.1.0.0/16")
    assert pair.speaker.state("p1") == "Established"


def test_import_policy_matches_sets_and_rejects(pair):
    policies = {**POLICIES, "in": [
        {"match": {"prefix": [{"prefix": "20.0.0.0/8", "ge": 24, "le": 32}]}, "then": "reject"},
        {"match": {"community": ["65001:1"]}, "set": {"localPref": 300}, "then": "accept"},
        {"match": {"asPathContains": [PEER_ASN]}, "set": {"localPref": 50, "addCommunities": ["64512:9"]},
         "then": "accept"}]}
    pair.start(external(1, **{"import": ["in"]}), policies=policies)
    _, announce = session(pair)
    announce("20.1.1.0/24", "20.2.0.0/16")
    announce("20.3.0.0/16", extra=a.communities("65001:1"))
    assert not learned(pair, "20.1.1.0/24")
    assert pair.speaker.best("20.2.0.0/16")["localPref"] == 50
    assert "64512:9" in pair.speaker.best("20.2.0.0/16")["communities"]
    assert pair.speaker.best("20.3.0.0/16")["localPref"] == 300


def test_a_policy_that_ends_without_a_verdict_rejects(pair):
    pair.start(external(1, **{"import": ["maybe"]}, ), external(2),
               policies={**POLICIES, "maybe": [{"match": {"community": ["1:1"]}, "then": "accept"}]})
    peer = pair.peer(1).establish()
    peer.send(a.announce(["20.1.0.0/16"], (PEER_ASN,), peer_address(1)),
              a.announce(["20.2.0.0/16"], (PEER_ASN,), peer_address(1), a.communities("1:1")))
    pair.speaker.wait_best("20.2.0.0/16")
    assert not learned(pair, "20.1.0.0/16")


def test_host_bits_beyond_the_length_are_ignored(pair):
    """RFC 4271 section 4.3: the value of trailing bits is irrelevant."""
    pair.start(external(1))
    peer = pair.peer(1).establish()
    parts = b"".join(a.base((PEER_ASN,), peer_address(1)).values())
    peer.send(wire.update(b"", parts, bytes([12, 20, 0x1F])))
    pair.speaker.wait_best("20.16.0.0/12")


def test_ipv4_in_mp_reach_is_taken(pair):
    """RFC 4760: IPv4 unicast may come in the attribute; both forms may stand in one UPDATE."""
    pair.start(external(1))
    peer = pair.peer(1).establish()
    parts = b"".join(a.base((PEER_ASN,), peer_address(1)).values())
    peer.send(wire.update(b"", a.mp_reach(peer_address(1), "20.1.0.0/16", afi=1) + parts, wire.nlri("20.2.0.0/16")))
    pair.speaker.wait_best("20.1.0.0/16")
    pair.speaker.wait_best("20.2.0.0/16")


def test_a_next_hop_of_global_and_link_local_is_taken(pair):
    """RFC 2545 section 3."""
    pair.start(external(1))
    peer = pair.peer(1).establish()
    peer.send(a.announce6(["2a00:1::/48"], (PEER_ASN,), f"{peer_address6(1)},fe80::1"))
    assert pair.speaker.wait_in_kernel("2a00:1::/48")["gateway"] in (peer_address6(1), "fe80::1")


def test_a_next_hop_that_is_not_on_link_is_shown_as_unresolved(pair):
    pair.start(internal(1))
    peer = pair.peer(1, ASN).establish()
    peer.send(a.announce(["20.1.0.0/16"], (), "172.31.0.1", internal=True),
              a.announce([MARK], (), peer_address(1), internal=True))
    pair.speaker.wait_in_kernel(MARK)
    assert not pair.speaker.in_kernel("20.1.0.0/16")
    paths = pair.speaker.paths("20.1.0.0/16")
    assert paths and paths[0]["resolved"] is False and not paths[0]["best"], paths
    pair.node.ip("address add 172.31.0.2/24 dev up0")  # now it is on link
    pair.speaker.wait_in_kernel("20.1.0.0/16")


def test_the_nodes_own_subnets_and_guarded_ranges_are_refused_from_outside_the_as(pair):
    pair.node.ip("link add extra0 type veth peer name extra1", "link set extra1 up")
    pair.start(external(1, families=["ipv4"]), external(2, allow=["connected"], families=["ipv4"]),
               guard={"ranges": ["10.96.0.0/12"]})
    peer, trusted = pair.peer(1).establish(), pair.peer(2).establish()
    inside, equal, cover, guarded = "10.9.1.77/32", "10.9.0.0/16", "10.8.0.0/15", "10.96.0.10/32"
    peer.send(a.announce([inside, equal, cover, guarded, "20.5.1.0/24"], (PEER_ASN,), peer_address(1)))
    pair.speaker.wait_in_kernel(cover)
    for prefix, why in ((inside, "allow: connected"), (equal, "allow: connected"), (guarded, "guard.ranges")):
        assert why in pair.speaker.paths(prefix)[0]["why"]
        assert not pair.speaker.in_kernel(prefix)
    trusted.send(a.announce([inside, guarded], (PEER_ASN,), peer_address(2)))
    pair.speaker.wait_in_kernel(inside)
    assert not pair.speaker.in_kernel(guarded)
    pair.node.ip("link set extra0 up", "addr add 20.5.0.1/16 dev extra0")
    pair.speaker.wait_not_in_kernel("20.5.1.0/24")
    pair.node.ip("addr del 20.5.0.1/16 dev extra0")
    pair.speaker.wait_in_kernel("20.5.1.0/24")
    pair.speaker.reload({**pair.speaker.document, "guard": {}})
    pair.speaker.wait_in_kernel(guarded)
