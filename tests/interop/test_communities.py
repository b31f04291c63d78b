"""Communities of all three kinds (RFC 1997, RFC 4360, RFC 8092) through us, octet for octet: from other people's speakers to a
raw peer that sees the bytes, and from the raw peer to them, who say what they see."""

import struct

from bgp import attributes as a
from test_features import over, start
from test_routers import logs
from world import matrix, routers
from world.host import wait_until
from world.pair import peer_address, peer_address6
from world.routers import SELF, SELF6
from world.shown import shown
from world.speaker import neighbor

WATCHER = 65002  # the AS of the raw peer
THEIRS, THEIRS6 = "20.8.0.0/16", "2a00:8::/48"
OURS, OURS6 = "20.7.0.0/16", "2a00:7::/48"
STANDARD = struct.pack("!HHHH", 65001, 7, 65001, 8)
EXTENDED = bytes([0, 2]) + struct.pack("!HI", 65001, 70000)  # a route target
LARGE = struct.pack("!6I", 4200000001, 1, 2, 4200000001, 3, 4)
# What nobody knows: a transitive opaque one and one of an unassigned type; order and repetition are the sender's.
STRANGE = bytes.fromhex("032a0102030405060f77aabbccddeeff") + EXTENDED

FRR_MAP = """
route-map tag permit 10
 set community 65001:7 65001:8
 set extcommunity rt 65001:70000
 set large-community 4200000001:1:2 4200000001:3:4
"""


def frr_families():
    """The route map on both families' routes, and what is announced beside the usual."""
    return "".join(f" address-family {family} unicast\n  network {prefix}\n  neighbor 10.9.0.1 activate\n"
                   f"  neighbor 10.9.0.1 route-map tag out\n exit-address-family\n"
                   for family, prefix in (("ipv4", THEIRS), ("ipv6", THEIRS6)))


class TaggingGobgp(routers.Gobgp):
    """GoBGP says such routes by its API."""

    def announce(self):
        words = "community 65001:7,65001:8 rt 65001:70000 large-community 4200000001:1:2,4200000001:3:4".split()
        return super().announce() and all(
            self.gobgp("global", "rib", "add", "-a", family, prefix, "nexthop", hop, *words).returncode == 0
            for family, prefix, hop in (("ipv4", THEIRS, SELF), ("ipv6", THEIRS6, SELF6)))


BIRD_FILTER = """next hop self; export filter {
  if source != RTS_STATIC then reject;
  bgp_community.add((65001, 7)); bgp_community.add((65001, 8)); bgp_ext_community.add((rt, 65001, 70000));
  bgp_large_community.add((4200000001, 1, 2)); bgp_large_community.add((4200000001, 3, 4)); accept; };"""
SET = "set { community 65001:7 community 65001:8 ext-community rt 65001:70000 large-community 4200000001:1:2 " \
      "large-community 4200000001:3:4 }"
EXABGP = "community [ 65001:7 65001:8 ] extended-community [ target:65001:70000 ] " \
         "large-community [ 4200000001:1:2 4200000001:3:4 ];"
TAGGING = {
    routers.Bird: {"family": BIRD_FILTER, "more": f"protocol static {{ ipv4; route {THEIRS} blackhole; }}\n"
                                                  f"protocol static {{ ipv6; route {THEIRS6} blackhole; }}"},
    routers.Frr: {"session": frr_families(), "more": FRR_MAP},
    TaggingGobgp: {},
    routers.Openbgpd: {"more": f"network {THEIRS} {SET}\nnetwork {THEIRS6} {SET}"},
    routers.Exabgp: {"session": f"static {{ route {THEIRS} next-hop {SELF} {EXABGP} route {THEIRS6} next-hop {SELF6} {EXABGP} }}"},
}
# How each writes them: standard, extended, large.
WRITTEN = {
    routers.Bird: ("(65001,7) (65001,8)", "(rt, 65001, 70000)", "(4200000001, 1, 2) (4200000001, 3, 4)"),
    routers.Frr: ("65001:7 65001:8", "RT:65001:70000", "4200000001:1:2 4200000001:3:4"),
    TaggingGobgp: ("[4259905543, 4259905544]", '"65001:70000"', '"ASN": 4200000001, "LocalData1": 3, "LocalData2": 4'),
    routers.Openbgpd: ("65001:7 65001:8", "rt 65001:70000", "4200000001:1:2 4200000001:3:4"),
    routers.Exabgp: ("[ [ 65001, 7 ], [ 65001, 8 ] ]", '"target:65001:70000"',
                     "[ [ 4200000001, 1 , 2 ], [ 4200000001, 3 , 4 ] ]"),
}


def carried(watcher, prefix):
    """The three attributes with which the watcher has a prefix, flags and value."""
    return [watcher.rib[prefix].attributes.get(kind) for kind in (a.COMMUNITIES, a.EXT_COMMUNITIES, a.LARGE_COMMUNITIES)]


@matrix.proves(matrix.COMMUNITIES)
@over(TAGGING)
def test_communities_go_through_us_octet_for_octet_both_ways(pair, other):
    flags = a.OPTIONAL | a.TRANSITIVE
    # The watcher is on the router's own host: its address is no next hop there.
    made = start(pair, other, TAGGING, more=(neighbor("watcher", peer_address(2), WATCHER),), nextHop="self")
    pair.speaker.wait_established("router", 40)
    watcher = pair.peer(2, WATCHER, peer_address(2)).establish()
    extra = (a.attribute(a.COMMUNITIES, STANDARD), a.attribute(a.EXT_COMMUNITIES, STRANGE),
             a.attribute(a.LARGE_COMMUNITIES, LARGE))
    watcher.send(a.announce([OURS], (WATCHER,), peer_address(2), *extra),
                 a.announce6([OURS6], (WATCHER,), peer_address6(2), *extra))
    for prefix in (OURS, OURS6):
        wait_until(lambda prefix=prefix: made.has_route(prefix), 30, lambda: logs(pair))
        text = shown(made, prefix)
        for words in WRITTEN[other[0]]:
            assert words in text, f"{words} in {text}"
        pair.speaker.wait_in_kernel(prefix)
        if made.has_fib:
            wait_until(lambda prefix=prefix: made.kernel_has(prefix), 20, f"{prefix} in its kernel")
    for prefix in (THEIRS, THEIRS6):
        watcher.pump(lambda prefix=prefix: prefix in watcher.rib, 30)
        assert carried(watcher, prefix) == [(flags, STANDARD), (flags, EXTENDED), (flags, LARGE)], \
            watcher.rib[prefix].attributes
        pair.speaker.wait_in_kernel(prefix)


def test_communities_keep_their_order_and_what_nobody_knows_stays(pair):
    """Types that are not assigned, numbers that fall: what is not ours is not ours to tidy."""
    pair.start(neighbor("source", peer_address(1), 65001), neighbor("watcher", peer_address(2), WATCHER))
    source, watcher = pair.peer(1, 65001).establish(), pair.peer(2, WATCHER, peer_address(2)).establish()
    values = {a.COMMUNITIES: STANDARD[4:] + STANDARD[:4], a.EXT_COMMUNITIES: STRANGE, a.LARGE_COMMUNITIES: LARGE[12:] + LARGE[:12]}
    source.send(a.announce([OURS], (65001,), peer_address(1), *[a.attribute(kind, value) for kind, value in values.items()]))
    watcher.pump(lambda: OURS in watcher.rib)
    assert carried(watcher, OURS) == [(a.OPTIONAL | a.TRANSITIVE, value) for value in values.values()]
