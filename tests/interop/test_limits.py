"""maxPrefixes in and out, GRACEFUL_SHUTDOWN received (RFC 8326), AS_SET (RFC 9774)."""

import struct

import pytest

from bgp import attributes as a
from bgp import wire
from world import matrix, routers
from world.host import wait_until
from world.pair import PEER_ASN, external, peer_address, peer_address6
from world.routers import PREFIX, PREFIX6, SELF, SELF6
from test_features import over, start
from test_reason import SEEN
from test_routers import RANGE, logs


def shown_of_session(router):
    """What a router shows of its session with us."""
    return next(show for kind, show in SEEN.items() if isinstance(router, kind))(router)


def routes(count):
    """So many prefixes."""
    return [f"20.{number}.0.0/16" for number in range(1, count + 1)]


def test_too_many_prefixes_are_cease_1_with_family_and_limit_and_a_rest(pair):
    """RFC 4486 section 4; after the rest the session may come back."""
    pair.start(external(1, maxPrefixes={"in": 4, "warn": 50, "restart": 2}))
    peer = pair.peer(1).establish()
    peer.send(a.announce(routes(2), (PEER_ASN,), peer_address(1)))
    wait_until(lambda: pair.speaker.neighbor("p1")["families"]["ipv4"].get("nearLimit") == 4, 5, "nearLimit")
    assert "near maxPrefixes.in" in pair.speaker.process.log()
    peer.send(a.announce(routes(5), (PEER_ASN,), peer_address(1)))
    assert peer.expect_notification(6, 1).data == struct.pack("!HBI", 1, 1, 4)
    assert "tried again after 2 s" in pair.speaker.neighbor("p1")["held"]
    wait_until(lambda: not pair.speaker.neighbor("p1").get("held"), 10, "the end of the rest")
    pair.peer(1).establish()
    pair.speaker.wait_established("p1")


def test_with_restart_0_the_session_rests_until_the_limits_change(pair):
    document = {**pair.start(external(1, maxPrefixes={"in": 1, "restart": 0})).document}
    peer = pair.peer(1).establish()
    peer.send(a.announce(routes(2), (PEER_ASN,), peer_address(1)))
    peer.expect_notification(6, 1)
    assert "not tried again" in pair.speaker.neighbor("p1")["held"]
    pair.speaker.reload({**document, "neighbors": [external(1, maxPrefixes={"in": 5, "restart": 0})]})
    wait_until(lambda: not pair.speaker.neighbor("p1").get("held"), 5, "held no more")
    pair.peer(1).establish()


def test_beyond_max_prefixes_out_learned_routes_wait_and_our_own_do_not(pair):
    pair.start(external(1), external(2, maxPrefixes={"out": 2}), originate={"prefixes": [RANGE]})
    hearer = pair.peer(2).establish()
    hearer.pump(lambda: RANGE in hearer.rib)
    sayer = pair.peer(1).establish()
    sayer.send(a.announce(routes(3), (PEER_ASN,), peer_address(1)))
    wait_until(lambda: pair.speaker.neighbor("p2")["families"]["ipv4"].get("heldBack") == 2, 5, "heldBack")
    hearer.pump(lambda: len(hearer.rib) == 2)
    told = next(prefix for prefix in hearer.rib if prefix != RANGE)
    sayer.send(a.withdraw(told))
    hearer.pump(lambda: len(hearer.rib) == 2 and told not in hearer.rib)
    assert RANGE in hearer.rib


SECOND = {4: "20.2.0.0/16", 6: "2a00:2::/48"}


class SecondGobgp(routers.Gobgp):
    """GoBGP says the second prefix by its API."""

    second = 4

    def announce(self):
        words = ("-a", f"ipv{self.second}", SECOND[self.second], "nexthop", SELF if self.second == 4 else SELF6)
        return super().announce() and self.gobgp("global", "rib", "add", *words).returncode == 0


# How it comes to announce two prefixes of a family, and what it shows when that was one too many.
TOO_MANY = {
    routers.Bird: (lambda family: {"more": f"protocol static {{ ipv{family}; route {SECOND[family]} blackhole; }}"},
                   "Maximum number of prefixes reached"),
    routers.Frr: (lambda family: {"session": f"address-family ipv{family} unicast\n  network {SECOND[family]}\n"
                                             " exit-address-family"}, "Cease\\/Maximum Number of Prefixes Reached"),
    SecondGobgp: (lambda family: {}, "subcode 1(maximum number of prefixes reached)"),
    routers.Openbgpd: (lambda family: {"more": f"network {SECOND[family]}"},
                       "Last error received: Cease, received max-prefix exceeded"),
}


@matrix.proves(matrix.MAX_PREFIX)
@over(TOO_MANY)
@pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])
def test_it_is_told_that_it_sent_too_many(pair, other, family, monkeypatch):
    """And none of its routes is left here, of either family."""
    kind = other[0]
    words, said = TOO_MANY[kind]
    monkeypatch.setattr(SecondGobgp, "second", family)
    made = start(pair, other, {kind: words(family)}, maxPrefixes={"in": 1, "restart": 600})
    # GoBGP's routes come when somebody asks it for ours.
    wait_until(lambda: made.has_route(RANGE) or said in shown_of_session(made), 30, lambda: logs(pair))
    wait_until(lambda: said in shown_of_session(made), 30, lambda: shown_of_session(made) + logs(pair))
    sent = pair.speaker.neighbor("router")["errors"]["sent"]
    assert (sent["code"], sent["subcode"], sent["data"]) == (6, 1, f"000{1 if family == 4 else 2}0100000001"), sent
    for prefix in (PREFIX, PREFIX6):
        pair.speaker.wait_not_in_kernel(prefix)


def test_what_a_neighbour_is_about_to_take_down_is_used_last(pair):
    """RFC 8326: the shorter path loses as soon as it carries the community, and wins again without it."""
    pair.start(external(1), external(2))
    one, two = pair.peer(1).establish(), pair.peer(2).establish()
    short, long = (PEER_ASN,), (PEER_ASN, 65100, 65101)
    one.send(a.announce(["20.1.0.0/16"], short, peer_address(1)))
    two.send(a.announce(["20.1.0.0/16"], long, peer_address(2)))
    wait_until(lambda: len(pair.speaker.paths("20.1.0.0/16")) == 2, 5, "both paths")
    assert pair.speaker.wait_in_kernel("20.1.0.0/16")["gateway"] == peer_address(1)
    one.send(a.announce(["20.1.0.0/16"], short, peer_address(1), a.communities("65535:0")))
    wait_until(lambda: pair.speaker.in_kernel("20.1.0.0/16").get("gateway") == peer_address(2), 5, "the other one")
    one.send(a.announce(["20.1.0.0/16"], short, peer_address(1)))
    wait_until(lambda: pair.speaker.in_kernel("20.1.0.0/16").get("gateway") == peer_address(1), 5, "the first again")


@matrix.proves(matrix.SHUTDOWN)
@over([routers.Frr])
def test_frr_in_graceful_shutdown_is_used_last(pair, other):
    """FRR's own "bgp graceful-shutdown": its routes come with the community, and lose to a longer path."""
    router = start(pair, other, {}, more=(external(2),))
    pair.speaker.wait_established("router", 40)
    usual = {prefix: pair.speaker.wait_in_kernel(prefix, timeout=20)["gateway"] for prefix in (PREFIX, PREFIX6)}
    longer = {PREFIX: peer_address(2), PREFIX6: peer_address6(2)}
    assert usual[PREFIX] == SELF and usual[PREFIX6] != longer[PREFIX6], usual
    raw = pair.peer(2).establish()
    for prefix, say in ((PREFIX, a.announce), (PREFIX6, a.announce6)):
        raw.send(say([prefix], (PEER_ASN, 65100, 65101), longer[prefix]))
    for words, ways in (("bgp graceful-shutdown", longer), ("no bgp graceful-shutdown", usual)):
        router.configure(words)
        for prefix, way in ways.items():
            wait_until(lambda prefix=prefix, way=way: (pair.speaker.in_kernel(prefix) or {}).get("gateway") == way, 20,
                       lambda prefix=prefix: str(pair.speaker.paths(prefix)))


def test_an_as_set_withdraws_the_route_unless_allowed(pair):
    """RFC 9774 section 3; and who does not allow them is not told of one."""
    pair.start(external(1), external(2, allowAsSet=True))
    path = a.attribute(a.AS_PATH, a.segment(a.AS_SEQUENCE, PEER_ASN) + a.segment(a.AS_SET, 65100, 65101))
    one, two = pair.peer(1).establish(), pair.peer(2).establish()
    for number, peer in ((1, one), (2, two)):
        peer.send(a.announce([f"20.{number}.0.0/16"], (PEER_ASN,), peer_address(number)))
        pair.speaker.wait_best(f"20.{number}.0.0/16")
        peer.send(wire.update(b"", a.origin() + path + a.next_hop(peer_address(number)),
                              wire.nlri(f"20.{number}.0.0/16")))
    pair.speaker.wait_gone("20.1.0.0/16")
    wait_until(lambda: [65100, 65101] in pair.speaker.best("20.2.0.0/16")["asPath"], 5, "the set")
    assert pair.speaker.state("p1") == "Established"
    one.pump(lambda: one.history[-1:] == [("-", "20.2.0.0/16")], what="the route with the set withdrawn")
