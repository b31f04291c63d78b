"""Features that every other speaker has, each in its own words: TCP-MD5, GTSM, four-octet AS numbers, route refresh.

Over eBGP and iBGP where that makes a difference; both families' routes are looked for on both sides and in the kernel.
"""

import contextlib
import os

import pytest

from test_routers import RANGE, RANGE6, logs
from world import matrix, routers
from world.host import wait_until
from world.routers import PREFIX, PREFIX6
from world.speaker import ASN, neighbor

PEER, LARGE_ASN = 65001, 4200000001
KEY, OTHER_KEY = "correct-horse", "battery-staple"
MD5 = {
    routers.Bird: {"session": f'password "{KEY}";'},
    routers.Frr: {"session": f"neighbor 10.9.0.1 password {KEY}"},
    routers.Gobgp: {"session": f'auth-password = "{KEY}"'},
    routers.Openbgpd: {"session": f'tcp md5sig password "{KEY}"'},
    routers.Exabgp: {"session": f"md5-password '{KEY}';"},
}
GTSM = {
    routers.Bird: {"session": "direct; ttl security on;"},  # iBGP is multihop to it, where it would take any TTL
    routers.Frr: {"session": "neighbor 10.9.0.1 ttl-security hops 1"},
    routers.Gobgp: {"more": "\n[neighbors.ttl-security.config]\nenabled = true\nttl-min = 255\n"},
    routers.Openbgpd: {"session": "ttl-security yes"},
    routers.Exabgp: {"session": "incoming-ttl 255; outgoing-ttl 255;"},
}
REFRESH = {kind: {} for kind in routers.ALL if kind is not routers.Openbgpd} | {routers.Exabgp: {"session": "capability { route-refresh enable; }"}}


def over(kinds, sessions=(False, True)):
    """Parametrizes a test with these speakers, over eBGP and iBGP."""
    pairs = [(kind, is_internal) for kind in kinds for is_internal in sessions]
    ids = [f"{kind.__name__.lower()}-{'ibgp' if is_internal else 'ebgp'}" for kind, is_internal in pairs]
    return pytest.mark.parametrize("other", pairs, ids=ids)


def start(pair, other, words, *, asn=PEER, more=(), transport=4, **settings):
    """Both, up to the other's start; returns the other. `more` neighbours of ours; the family of the session's own
    addresses; the speaker's own keys and the neighbour's."""
    kind, is_internal = other
    if not kind.is_installed():
        assert not os.environ.get("SLASH32_INTEROP_ALL"), f"{kind.__name__} is not installed"
        pytest.skip(f"{kind.__name__} is not installed")
    asn = ASN if is_internal else asn
    made = kind(pair.outside, asn, **{"ends": routers.ENDS[transport], **words.get(kind, {})})
    document = {key: settings.pop(key) for key in ("clusterId", "dynamicNeighbors", "policies") if key in settings}
    pair.start(neighbor("router", made.own, asn, **{"passive": False, "holdTime": 9, **settings}), *more,
               originate={"prefixes": [RANGE, RANGE6]}, **document)
    made.start()
    return made


def wait_for_routes(pair, made, theirs=(PREFIX, PREFIX6), name="router"):
    """Both families' routes of both sides at the other, and in the kernels that there are."""
    pair.speaker.wait_established(name, 40)
    for prefix in (RANGE, RANGE6):
        wait_until(lambda: made.has_route(prefix), 30, lambda: f"{prefix} at {made}:\n{logs(pair)}")
        if made.has_fib:
            wait_until(lambda: made.kernel_has(prefix), 20, f"{prefix} in the kernel of {made}")
    for prefix in theirs:
        pair.speaker.wait_in_kernel(prefix, timeout=20)


def md5_failures(host):
    """How many segments a host's kernel dropped for a wrong, missing or unexpected key."""
    lines = host.run("cat", "/proc/net/netstat").stdout.splitlines()
    counters = dict(zip(lines[0].split()[1:], map(int, lines[1].split()[1:])))
    return sum(counters[name] for name in ("TCPMD5NotFound", "TCPMD5Unexpected", "TCPMD5Failure"))


@matrix.proves(matrix.MD5)
@over(MD5)
def test_md5_with_another_key_there_is_no_session_and_with_the_same_there_is(pair, other):
    """RFC 2385; the key is changed while both run."""
    path = os.path.join(pair.node.directory, "key")
    write(path, OTHER_KEY)
    made = start(pair, other, MD5, passwordFile=path)
    wait_until(lambda: md5_failures(pair.node) + md5_failures(pair.outside) > 0, 30,
               lambda: f"a segment with the wrong key\n{logs(pair)}")
    assert pair.speaker.state("router") != "Established"
    write(path, KEY)
    pair.speaker.reload(pair.speaker.document)
    wait_for_routes(pair, made)


def write(path, key):
    """The key's file, by rename."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(key + "\n")
    os.rename(path + ".new", path)


def too_far(host):
    """How many segments a host's kernel dropped for a TTL, or hop limit, below a socket's minimum."""
    lines = host.run("cat", "/proc/net/netstat").stdout.splitlines()
    return dict(zip(lines[0].split()[1:], map(int, lines[1].split()[1:])))["TCPMinTTLDrop"]


@contextlib.contextmanager
def one_hop_further(host, transport):
    """What a host sends of BGP arrives with 254."""
    ttl = "ip ttl" if transport == 4 else "ip6 hoplimit"
    host.run("nft", "add table inet afar; add chain inet afar out { type filter hook output priority mangle; };"
             f" add rule inet afar out tcp sport 179 {ttl} set 254; add rule inet afar out tcp dport 179 {ttl} set 254")
    try:
        yield
    finally:
        host.run("nft", "delete table inet afar")


def wants_255(other):
    """Whether it drops what comes from further away: ExaBGP 4.2 only sends with 255, OpenBGPD 7.7 does either in eBGP alone."""
    kind, is_internal = other
    return kind is not routers.Exabgp and not (kind is routers.Openbgpd and is_internal)


def assert_too_far_is_dropped(pair, other, transport):
    """In an Established session each side in turn hears the other's keepalives from a hop further away."""
    ways = [(pair.outside, pair.node)] + [(pair.node, pair.outside)] * wants_255(other)
    for sender, receiver in ways:
        before = too_far(receiver)
        with one_hop_further(sender, transport):
            wait_until(lambda receiver=receiver, before=before: too_far(receiver) > before, 15,
                       f"a segment from afar that {receiver.name} drops")


@matrix.proves(matrix.GTSM)
@over(GTSM)
def test_gtsm_on_both_sides(pair, other):
    """RFC 5082: each sends with 255, and drops what comes with less."""
    made = start(pair, other, GTSM, ttlSecurity=1)
    wait_for_routes(pair, made)
    assert_too_far_is_dropped(pair, other, 4)


@matrix.proves(matrix.AS4)
@over(routers.ALL, sessions=(False,))
def test_an_as_number_of_four_octets_there(pair, other):
    """RFC 6793, of the neighbour; its path arrives with it."""
    made = start(pair, other, {}, asn=LARGE_ASN)
    wait_for_routes(pair, made)
    assert pair.speaker.best(PREFIX)["asPath"] == [LARGE_ASN]


@matrix.proves(matrix.REFRESH)
@over(REFRESH)
def test_it_sends_all_again_when_asked(pair, other):
    """RFC 2918: the routes come again, and neither the session nor the kernel's routes notice. With RFC 7313 where the other
    side has it, but for ExaBGP 4.2: it fails on its own beginning of a refresh."""
    made = start(pair, other, REFRESH, enhancedRouteRefresh=other[0] is not routers.Exabgp)
    wait_for_routes(pair, made)
    monitor = pair.node.monitor_routes()
    before = pair.speaker.neighbor("router")["messages"]["updatesIn"]
    assert pair.speaker.request("POST", "/v1/neighbors/router/refresh-in")[0] == 200
    wait_until(lambda: pair.speaker.neighbor("router")["messages"]["updatesIn"] >= before + 2, 20,
               lambda: f"{pair.speaker.neighbor('router')}\n{logs(pair)}")
    assert pair.speaker.neighbor("router")["flaps"] == 0
    assert PREFIX not in monitor.log() and PREFIX6 not in monitor.log()


DELAYS = {routers.Frr: {"session": "neighbor 10.9.0.1 timers delayopen 20"}}


@matrix.proves(matrix.DELAY_OPEN)
@over(routers.ALL)
def test_with_delay_open_the_first_open_of_either_side_ends_the_wait(pair, other):
    """RFC 4271 section 8.1.1. FRR waits longer than we do; the others send their OPEN at once."""
    made = start(pair, other, DELAYS, delayOpen=3 if other[0] in DELAYS else 60)
    wait_for_routes(pair, made)
    assert pair.speaker.neighbor("router")["flaps"] == 0
