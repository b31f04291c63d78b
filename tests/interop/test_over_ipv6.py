"""Sessions over IPv6 with other people's speakers: routes of both families, TCP-MD5, GTSM. Each end has IPv4 addresses too,
so IPv4 routes have IPv4 next hops; `test_rfc8950.py` is about who has none."""

from test_features import (GTSM, KEY, MD5, OTHER_KEY, assert_too_far_is_dropped, md5_failures, over, start,
                           wait_for_routes, write)
from test_routers import RANGE, RANGE6, logs
from world import matrix, routers
from world.host import wait_until
from world.routers import PREFIX, PREFIX6
from world.speaker import ADDRESS, ADDRESS6


def with_ipv6(words):
    """The same words about a session between IPv6 addresses."""
    return {kind: {what: text.replace(ADDRESS, ADDRESS6) for what, text in said.items()} for kind, said in words.items()}


def usable(other):
    """Its prefixes that have a next hop. OpenBGPD 7.7 on Linux says 127.0.0.1 for IPv4, and ends where its loopback has none."""
    return {PREFIX6: 6} if other[0] is routers.Openbgpd else {PREFIX: 4, PREFIX6: 6}


def addresses(pair, family):
    """The other end's addresses of a family: which is the next hop of its routes is its choice."""
    shown = pair.outside.ip_json(f"-{family}", "address", "show")
    return {one["local"] for link in shown for one in link["addr_info"]}


def go_both_ways(pair, other):
    """Both sides' routes, a withdrawal, and a reset after which they come back."""
    made = start(pair, other, {}, transport=6)
    wait_for_routes(pair, made, usable(other))
    for prefix, family in usable(other).items():
        route = pair.speaker.in_kernel(prefix)
        assert route["gateway"] in addresses(pair, family), route
    pair.speaker.reload({**pair.speaker.document, "originate": {"prefixes": [RANGE]}})
    wait_until(lambda: not made.has_route(RANGE6), 20, lambda: f"{RANGE6} gone there:\n{logs(pair)}")
    pair.speaker.reload({**pair.speaker.document, "originate": {"prefixes": [RANGE6]}})
    wait_until(lambda: made.has_route(RANGE6) and not made.has_route(RANGE), 20, lambda: logs(pair))
    made.reset()
    wait_until(lambda: pair.speaker.neighbor("router")["flaps"] > 0, 20, "the reset")
    pair.speaker.reload({**pair.speaker.document, "originate": {"prefixes": [RANGE, RANGE6]}})
    wait_for_routes(pair, made, usable(other))


@matrix.proves(matrix.OVER_IPV6)
@over([kind for kind in routers.ALL if kind is not routers.Openbgpd])
def test_routes_of_both_families_go_both_ways_over_ipv6(pair, other):
    go_both_ways(pair, other)


@matrix.proves(matrix.OVER_IPV6, families=(6,))
@over([routers.Openbgpd])
def test_ipv6_routes_go_both_ways_over_ipv6_and_ipv4_ones_from_us(pair, other):
    """Its own of IPv4 have a next hop that is no host's: they are taken for withdrawn, and the session stays."""
    go_both_ways(pair, other)
    wait_until(lambda: "no host's address" in pair.speaker.neighbor("router").get("lastMalformed", ""), 10, "its IPv4 route")
    assert not pair.speaker.in_kernel(PREFIX)
    assert pair.speaker.state("router") == "Established"


@matrix.proves(matrix.MD5_IPV6, families=(6,))
@over(MD5)
def test_md5_over_ipv6_needs_the_same_key(pair, other, tmp_path):
    """RFC 2385, as over IPv4: first another key, then the same."""
    path = str(tmp_path / "key")
    write(path, OTHER_KEY)
    made = start(pair, other, with_ipv6(MD5), transport=6, passwordFile=path)
    wait_until(lambda: md5_failures(pair.node) + md5_failures(pair.outside) > 0, 30,
               lambda: f"a segment with the wrong key\n{logs(pair)}")
    assert pair.speaker.state("router") != "Established"
    write(path, KEY)
    pair.speaker.reload(pair.speaker.document)
    wait_for_routes(pair, made, usable(other))


@matrix.proves(matrix.GTSM_IPV6, families=(6,))
@over(GTSM)
def test_gtsm_over_ipv6_on_both_sides(pair, other):
    """RFC 5082, of the hop limit."""
    made = start(pair, other, with_ipv6(GTSM), transport=6, ttlSecurity=1)
    wait_for_routes(pair, made, usable(other))
    assert_too_far_is_dropped(pair, other, 6)
