"""Unnumbered neighbours: found by router advertisement, and finding us by ours (RFC 4861); raw, BIRD and FRR."""

import contextlib
import select
import socket
import struct
import time

import pytest

import router_conf
from bgp.peer import Peer
from world import matrix, routers
from world.host import cable, wait_until
from world.pair import NODE_LINK, PEER_ASN, PEER_LINK
from world.routers import PREFIX, PREFIX6
from world.speaker import ASN

from test_link_local import (NODE, PEER, SECOND_NODE_LINK, SECOND_PEER_LINK, announce4, check_both_ways, hops, made,
                             only_link_local, raw_capabilities)
from test_routers import RANGE, RANGE6

OTHER_PEER = "fe80::9:3"
MIN_DELAY_BETWEEN_RAS = 3  # seconds, RFC 4861 section 10
ICMPV6, HOP_LIMIT, SOLICITATION, ADVERTISEMENT = 58, 255, 133, 134
ALL_NODES, ALL_ROUTERS = "ff02::1", "ff02::2"


def unnumbered(link=NODE_LINK, remote_as="external", **settings):
    """An unnumbered neighbour."""
    return {"interface": link, "remoteAs": remote_as, "import": ["all"], "export": ["all"], "connectRetryTime": 1,
            **settings}


class Advertiser:
    """Somebody on a link who sends what we tell, and hears router advertisements and solicitations."""

    def __init__(self, host, link):
        self.index = host.ip_json("link", "show", "dev", link)[0]["ifindex"]
        with host.entered():
            self.socket = socket.socket(socket.AF_INET6, socket.SOCK_RAW, ICMPV6)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.encode())
        wanted = 0xFFFFFFFF
        filters = [wanted] * 8  # struct icmp6_filter: a set bit blocks
        for kind in (SOLICITATION, ADVERTISEMENT):
            filters[kind >> 5] &= ~(1 << (kind & 31)) & wanted
        self.socket.setsockopt(ICMPV6, 1, struct.pack("8I", *filters))
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        group = socket.inet_pton(socket.AF_INET6, ALL_ROUTERS) + struct.pack("@I", self.index)
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)

    def send(self, message, *, source=PEER, to=ALL_NODES, hop_limit=HOP_LIMIT):
        """One packet from one of the link's addresses."""
        ancillary = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO,
                      socket.inet_pton(socket.AF_INET6, source) + struct.pack("@I", self.index)),
                     (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT, struct.pack("@i", hop_limit))]
        self.socket.sendmsg([message], ancillary, 0, (to, 0, 0, self.index))

    def advertise(self, **options):
        """A router advertisement."""
        self.send(bytes([ADVERTISEMENT, 0, 0, 0, 64, 0, 0, 0]) + bytes(8), **options)

    def solicit(self):
        """A router solicitation."""
        self.send(bytes([SOLICITATION, 0, 0, 0]) + bytes(4), to=ALL_ROUTERS)

    def hear(self, kind, timeout):
        """(message, source, hop limit) of the next packet of a kind; None where none came."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.socket], [], [], left)[0]:
                break
            message, ancillary, _, source = self.socket.recvmsg(1500, 256)
            limit = next(struct.unpack("@i", data)[0] for level, what, data in ancillary
                         if (level, what) == (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT))
            if message[0] == kind:
                return message, source[0].split("%")[0], limit
        return None


@contextlib.contextmanager
def advertiser(host, link=PEER_LINK):
    """An Advertiser, closed afterwards."""
    one = Advertiser(host, link)
    with contextlib.closing(one.socket):
        yield one


def listener(pair, stack, address=PEER):
    """A socket that waits for the speaker at a link-local address."""
    one = stack.enter_context(contextlib.closing(pair.outside.socket(socket.AF_INET6)))
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    index = pair.outside.ip_json("link", "show", "dev", PEER_LINK)[0]["ifindex"]
    one.bind((address, 179, 0, index))
    one.listen(8)
    one.settimeout(10)
    return one


def establish(waiting, stack):
    """The speaker's next connection, as an established session."""
    connection, _ = waiting.accept()
    connection.settimeout(5)
    stack.enter_context(contextlib.closing(connection))
    return Peer(connection, PEER_ASN, "10.9.1.1").establish(capabilities=raw_capabilities())


def held(pair, name=NODE_LINK):
    """Why there is no session, as the status says it."""
    return pair.speaker.neighbor(name).get("held", "")


def test_who_advertises_itself_is_called_and_its_routes_are_installed(pair):
    only_link_local(pair)
    with advertiser(pair.outside) as router, contextlib.ExitStack() as stack:
        waiting = listener(pair, stack)
        pair.start(unnumbered(), originate={"prefixes": [RANGE, RANGE6]})
        assert held(pair) == f"waits for a router to advertise itself on {NODE_LINK}"
        assert router.hear(SOLICITATION, 5), "asked for at once"
        router.advertise()
        peer = establish(waiting, stack)
        pair.speaker.wait_established(NODE_LINK)
        shown = pair.speaker.neighbor(NODE_LINK)
        assert (shown["address"], shown["interface"], shown["unnumbered"]) == (PEER, NODE_LINK, True)
        announce4(peer, PEER)
        wait_until(lambda: hops(pair, "20.2.0.0/16") == {(PEER, NODE_LINK)}, 5, lambda: hops(pair, "20.2.0.0/16"))
        peer.pump(lambda: RANGE in peer.rib and RANGE6 in peer.rib)
        assert peer.rib[RANGE].next_hop == peer.rib[RANGE6].next_hop == NODE


def test_ours_has_lifetime_0_comes_on_that_link_only_and_soon_after_a_question(pair):
    only_link_local(pair)
    cable(pair.node, SECOND_NODE_LINK, pair.outside, SECOND_PEER_LINK)
    pair.outside.ip(f"addr add {PEER}/64 dev {SECOND_PEER_LINK} nodad")
    settings = ("accept_ra", "accept_ra_defrtr", "forwarding", "router_solicitations")

    def kernel():
        return [pair.node.run("cat", f"/proc/sys/net/ipv6/conf/{NODE_LINK}/{one}").stdout for one in settings]
    before = kernel()
    with advertiser(pair.outside) as asker, advertiser(pair.outside, SECOND_PEER_LINK) as elsewhere:
        pair.start(unnumbered())
        message, source, limit = asker.hear(ADVERTISEMENT, 5)
        assert (source, limit, len(message), message[5], message[6:8]) == (NODE, 255, 16, 0, b"\0\0")
        time.sleep(MIN_DELAY_BETWEEN_RAS)  # not a wait: sooner than that nobody may answer, and unasked it takes longer
        asker.solicit()
        assert asker.hear(ADVERTISEMENT, 1), "an answer"
        assert not elsewhere.hear(ADVERTISEMENT, 0.1)
    assert kernel() == before
    assert not pair.outside.ip_json("-6", "route", "show", "default"), "nobody's default router"


@pytest.mark.parametrize("wrong", [{"hop_limit": 254}, {"to": ALL_ROUTERS, "hop_limit": 64}], ids=["254", "64"])
def test_an_advertisement_from_beyond_the_link_is_not_believed(pair, wrong):
    only_link_local(pair)
    pair.start(unnumbered())
    with advertiser(pair.outside) as router, contextlib.ExitStack() as stack:
        waiting = listener(pair, stack)
        router.advertise(**wrong)
        router.send(bytes([ADVERTISEMENT, 0, 0, 0, 64]))  # cut off
        waiting.settimeout(1)
        with pytest.raises(socket.timeout):
            waiting.accept()
        assert held(pair).startswith("waits for a router")


def test_another_address_on_the_link_takes_over_unless_the_session_is_up(pair):
    only_link_local(pair)
    pair.outside.ip(f"addr add {OTHER_PEER}/64 dev {PEER_LINK} nodad")
    pair.start(unnumbered())
    with advertiser(pair.outside) as router, contextlib.ExitStack() as stack:
        first, second = listener(pair, stack), listener(pair, stack, OTHER_PEER)
        router.advertise()
        peer = establish(first, stack)
        pair.speaker.wait_established(NODE_LINK)
        router.advertise(source=OTHER_PEER)
        wait_until(lambda: pair.speaker.neighbor(NODE_LINK).get("anotherRouter") == OTHER_PEER, 5)
        assert pair.speaker.state(NODE_LINK) == "Established"
        announce4(peer, PEER)
        wait_until(lambda: hops(pair, "20.2.0.0/16") == {(PEER, NODE_LINK)}, 5)
        peer.close()
        first.close()
        wait_until(lambda: pair.speaker.state(NODE_LINK) != "Established", 5)
        router.advertise(source=OTHER_PEER)
        peer = establish(second, stack)
        wait_until(lambda: pair.speaker.neighbor(NODE_LINK)["address"] == OTHER_PEER, 5)
        announce4(peer, OTHER_PEER)
        wait_until(lambda: hops(pair, "20.2.0.0/16") == {(OTHER_PEER, NODE_LINK)}, 5)


def test_after_the_link_was_lost_another_address_replaces_the_session_at_once(pair):
    only_link_local(pair)
    pair.start(unnumbered())
    with advertiser(pair.outside) as router, contextlib.ExitStack() as stack:
        waiting = listener(pair, stack)
        router.advertise()
        announce4(establish(waiting, stack), PEER)
        pair.speaker.wait_best("20.2.0.0/16")
        pair.outside.ip(f"link set {PEER_LINK} down")
        wait_until(lambda: not pair.speaker.best("20.2.0.0/16"), 5, "the speaker to see it")
        pair.outside.ip(f"link set {PEER_LINK} up", f"addr replace {OTHER_PEER}/64 dev {PEER_LINK} nodad")
        second = listener(pair, stack, OTHER_PEER)
        wait_until(lambda: pair.node.ip_json("link", "show", "dev", NODE_LINK)[0]["operstate"] == "UP", 5)
        router.advertise(source=OTHER_PEER)
        establish(second, stack)
        wait_until(lambda: pair.speaker.neighbor(NODE_LINK)["address"] == OTHER_PEER, 5)


def test_a_link_that_is_not_there_is_shown_and_waited_for(pair):
    pair.start(unnumbered("up9", name="rack"))
    wait_until(lambda: held(pair, "rack").startswith("interface up9"), 5, lambda: held(pair, "rack"))
    cable(pair.node, "up9", pair.outside, "down9")
    wait_until(lambda: held(pair, "rack") == "waits for a router to advertise itself on up9", 5,
               lambda: held(pair, "rack"))
    pair.node.ip("link del up9")
    wait_until(lambda: held(pair, "rack").startswith("interface up9"), 5, lambda: held(pair, "rack"))
    cable(pair.node, "up9", pair.outside, "down9")
    pair.outside.ip(f"addr add {PEER}/64 dev down9 nodad")
    with advertiser(pair.outside, "down9") as router:
        assert router.hear(ADVERTISEMENT, 10)
        router.advertise()
        wait_until(lambda: pair.speaker.neighbor("rack")["address"] == PEER, 5)
    assert pair.speaker.terminate() == 0


# ---------------------------------------------------------------- other speakers

class UnnumberedFrr(routers.Frr):
    """FRR with an unnumbered neighbour on its link."""

    def start(self):
        remote = f"interface remote-as {'internal' if self.asn == ASN else 'external'}"
        conf = self.file("frr/frr.conf", router_conf.frr(self.asn, PEER_LINK, remote, (PREFIX, PREFIX6),
                                                         router_id="10.9.1.1"), "frr")
        self.launch(conf, "::", PEER_LINK)

    def reset(self):
        self.vtysh(f"clear bgp {PEER_LINK}")


class UnnumberedBird(routers.Bird):
    """BIRD, which does not look for routers: it advertises itself and takes whoever calls on its link."""

    def start(self):
        announcing = f"interface \"{PEER_LINK}\" {{ min ra interval 3; max ra interval 4; default lifetime 0; }};"
        conf = self.file("bird.conf", router_conf.bird(
            f'local as {self.asn}; neighbor range fe80::/10 as {ASN}; interface "{PEER_LINK}"; direct;',
            (PREFIX, PREFIX6), router_id="10.9.1.1", extended=True, name="listening", session="hold time 9;",
            naming='dynamic name "slash32";', more=f"protocol radv {{ {announcing} }}"))
        self.host.spawn("bird", "-f", "-c", conf, "-s", "/run/bird.ctl")


@matrix.proves(matrix.UNNUMBERED)
@pytest.mark.parametrize("router, passive", [((kind, internal), passive)
                                             for kind, passives in ((UnnumberedBird, [False]),
                                                                    (UnnumberedFrr, [False, True]))
                                             for passive in passives for internal in (False, True)],
                         ids=["bird-ebgp", "bird-ibgp", "frr-ebgp", "frr-ibgp", "frr-calls-ebgp", "frr-calls-ibgp"])
def test_routers_find_each_other_and_exchange_both_families(pair, router, passive):
    kind, is_internal = router
    only_link_local(pair)
    other = made(kind, pair, ASN if is_internal else PEER_ASN)
    pair.start(unnumbered(remote_as="internal" if is_internal else "external", holdTime=9, passive=passive),
               originate={"prefixes": [RANGE, RANGE6]})
    other.start()
    check_both_ways(pair, other, NODE_LINK)
    assert not pair.node.ip_json("-6", "route", "show", "default")
