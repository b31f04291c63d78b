"""What keeps sessions up, and who gets one: a daemon without CPU, floods of routes, link-local neighbours, full ranges,
two nodes of one identifier."""

import copy
import hashlib
import pathlib
import signal
import socket
import threading
import time

import pytest

from bgp import attributes as a
from bgp import wire
from bgp.peer import Peer, Timeout
from world.host import wait_until
from world.pair import NODE_LINK, PEER_ASN, PEER_LINK, external, internal, peer_address, peer_address6
from world.speaker import ADDRESS, ADDRESS6, ASN, ROUTER_ID, neighbor

LINK_LOCAL_NODE, LINK_LOCAL_PEER, SELF6 = "fe80::9:1", "fe80::9:2", "fd09::1:1"


def test_a_daemon_that_got_no_cpu_reads_what_came_meanwhile_before_it_judges(pair):
    """RFC 4271 section 6.5: KEEPALIVEs that wait in the socket have been received, however late they are read."""
    pair.start(external(1, holdTime=3))
    peer = pair.peer(1).establish()
    pair.speaker.wait_established("p1")
    pair.speaker.process.send(signal.SIGSTOP)
    try:
        end = time.monotonic() + 4  # past the hold time: only what is in the socket can save the session
        while time.monotonic() < end:
            peer.send_keepalive()
            time.sleep(0.5)  # the pace of its keepalives, not a wait for anything
    finally:
        pair.speaker.process.send(signal.SIGCONT)
    peer.send(a.announce(["20.1.0.0/16"], (PEER_ASN,), peer_address(1)))
    assert pair.speaker.wait_best("20.1.0.0/16")
    assert pair.speaker.neighbor("p1")["flaps"] == 0


def test_a_flood_of_routes_delays_no_keepalive(pair):
    """A peer with a hold time of 3 s beside one that announces and withdraws 100,000 prefixes."""
    pair.start(external(1, maxPrefixes={"in": 200000}), external(2, holdTime=3), kernel={"install": False})
    loud, quiet = pair.peer(1).establish(), pair.peer(2).establish()
    prefixes = [f"{20 + at // 65536}.{at // 256 % 256}.{at % 256}.0/24" for at in range(100_000)]
    pieces = [prefixes[at:at + 900] for at in range(0, len(prefixes), 900)]
    messages = [a.announce(piece, (PEER_ASN,), peer_address(1)) for piece in pieces]
    messages += [a.withdraw(*piece) for piece in pieces]
    messages.append(a.announce(["20.0.0.0/8"], (PEER_ASN,), peer_address(1)))
    loud.connection.settimeout(60)
    flood = threading.Thread(target=loud.send, args=messages)
    flood.start()
    last, said, longest, arrived = time.monotonic(), 0.0, 0.0, False
    while not arrived:
        if time.monotonic() - said > 0.5:
            quiet.send_keepalive()
            said = time.monotonic()
        try:
            got = quiet.receive(0.2)
        except Timeout:
            got = (wire.KEEPALIVE, b"")
        else:
            last = time.monotonic()
        longest = max(longest, time.monotonic() - last)
        assert got and got[0] in (wire.KEEPALIVE, wire.UPDATE), got
        arrived = got[0] == wire.UPDATE and "20.0.0.0/8" in wire.parse_update(got[1]).reachable
    flood.join()
    assert longest < 3, "its hold time: it would have given us up"
    assert pair.speaker.state("p2") == "Established"


def link_local_peer(pair):
    """A connection over the link's own addresses, from the peer's side."""
    connection = pair.outside.socket(10)
    index = link(pair.outside, PEER_LINK)["ifindex"]
    connection.settimeout(5)
    connection.bind((LINK_LOCAL_PEER, 0, 0, index))
    connection.connect((LINK_LOCAL_NODE, 179, 0, index))
    return Peer(connection, PEER_ASN, peer_address(1))


def test_a_link_local_neighbour_has_its_link_and_survives_its_flap(pair):
    """RFC 4007: the zone is bindInterface; it is looked up again for every connection."""
    pair.node.ip(f"addr add {LINK_LOCAL_NODE}/64 dev {NODE_LINK} nodad")
    pair.outside.ip(f"addr add {LINK_LOCAL_PEER}/64 dev {PEER_LINK} nodad")
    pair.start(neighbor("tor", LINK_LOCAL_PEER, PEER_ASN, bindInterface=NODE_LINK),
               originate={"prefixes": ["fd00:10:244:1::/64"]})
    for _ in range(2):
        peer = link_local_peer(pair).establish()
        pair.speaker.wait_established("tor")
        peer.pump(lambda: "fd00:10:244:1::/64" in peer.rib)
        peer.send(a.announce6(["2a00:1::/48"], (PEER_ASN,), LINK_LOCAL_PEER))
        assert pair.speaker.wait_in_kernel("2a00:1::/48")["gateway"] == LINK_LOCAL_PEER
        peer.send(a.announce6(["2a00:2::/48"], (PEER_ASN,), f"{SELF6},{LINK_LOCAL_PEER}"))
        assert pair.speaker.wait_in_kernel("2a00:2::/48")["dev"] == NODE_LINK
        peer.close()
        pair.speaker.wait_not_in_kernel("2a00:2::/48")
        pair.node.ip(f"link set {NODE_LINK} down", f"link set {NODE_LINK} up",
                     f"addr replace {LINK_LOCAL_NODE}/64 dev {NODE_LINK} nodad",
                     f"addr replace {ADDRESS6}/64 dev {NODE_LINK} nodad")
        wait_until(lambda: link(pair.node, NODE_LINK)["operstate"] == "UP", 5, "the link")


def link(host, name):
    """A link as the host's kernel has it."""
    return host.ip_json("link", "show", "dev", name)[0]


def test_a_full_range_takes_nobody_more_until_somebody_goes(pair):
    pair.start(dynamicNeighbors=[{"name": "rack", "range": "10.9.1.0/24", "remoteAs": "external", "limit": 2,
                                  "gracefulRestart": {"enabled": False}}])
    first, second = pair.peer(1).establish(), pair.peer(2).establish()
    for number in (1, 2):
        pair.speaker.wait_established(f"rack-{peer_address(number)}")
    for _ in range(10):
        assert pair.peer(3).end() is None
    first.close()
    wait_until(lambda: not pair.speaker.neighbor(f"rack-{peer_address(1)}"), 5, "the first one's place")
    pair.peer(3).establish()
    assert second.connection
    assert pair.speaker.state(f"rack-{peer_address(2)}") == "Established"


@pytest.mark.parametrize("who_refuses", ["we", "they"])
def test_two_nodes_of_one_identifier_are_a_condition_until_one_changes(pair, who_refuses):
    """RFC 6286 section 2.1: unique within an AS; a hash of two nodes' identities may collide."""
    pair.start(internal(1))
    peer = pair.peer(1, ASN, ROUTER_ID)
    if who_refuses == "we":
        peer.send_open()
        peer.expect(wire.OPEN)
        peer.expect_notification(2, 3)
    else:
        peer.expect(wire.OPEN)
        peer.send(wire.notification(2, 3, bytes([10, 9, 0, 1])))
        peer.end()
    wait_until(lambda: "p1" in conditions(pair) and ROUTER_ID in conditions(pair), 5, "the condition")
    pair.peer(1, ASN, "10.9.1.1").establish()
    wait_until(lambda: not conditions(pair), 5, "the condition's end")


def test_without_an_ipv4_address_the_identifier_is_the_nodes_own_and_stays(pair):
    """RFC 6286 section 2.1: any number that is unique; of a node with IPv6 alone a hash of what names it."""
    pair.node.ip(f"addr flush dev {NODE_LINK}", f"addr add {ADDRESS6}/64 dev {NODE_LINK} nodad")
    pair.start(neighbor("p1", peer_address6(1), PEER_ASN))
    document = {key: value for key, value in pair.speaker.document.items() if key != "routerId"}
    machine = pathlib.Path("/etc/machine-id")
    named = (machine.read_bytes() if machine.exists() else b"") + socket.gethostname().encode()
    digest = hashlib.sha256(named).digest()
    for _ in range(2):
        assert pair.speaker.terminate() == 0
        pair.speaker.write(document)
        pair.speaker.start()
        peer = pair.peer(1, ipv6=True).establish()
        assert peer.open.router_id == pair.speaker.get("/v1/status")["routerId"] == socket.inet_ntoa(digest[:4])
    pair.node.ip(f"addr add {ADDRESS}/16 dev {NODE_LINK}")  # one that comes later does not change it
    peer.close()
    wait_until(lambda: pair.speaker.state("p1") != "Established", 5, "the end of the session")
    assert pair.peer(1, ipv6=True).establish().open.router_id == peer.open.router_id


def conditions(pair):
    """What the status says is wrong."""
    return " ".join(pair.speaker.get("/v1/status")["conditions"])


@pytest.mark.parametrize("ipv6", [False, True], ids=["ipv4", "ipv6"])
def test_a_call_by_another_link_or_to_another_address_is_refused_and_counted(pair, ipv6):
    """The node answers for each of its addresses on every link: a neighbour is who is where it should be."""
    address = peer_address6(1) if ipv6 else peer_address(1)
    pair.node.ip("link add other0 type veth peer name other1", "link set other1 up", "link set other0 up",
                 "addr add 10.77.0.1/32 dev other0", "addr add fd77::1/128 dev other0 nodad")
    elsewhere = "fd77::1" if ipv6 else "10.77.0.1"
    one = neighbor("tor", address, PEER_ASN, bindInterface=NODE_LINK)
    pair.start(one)
    document = copy.deepcopy(pair.speaker.document)
    pair.peer(1, ipv6=ipv6).establish().close()
    pair.speaker.reload({**document, "neighbors": [{**one, "localAddress": elsewhere}]})
    wait_until(lambda: pair.speaker.neighbor("tor")["flaps"] == 0, 5, "the new one")
    assert pair.peer(1, ipv6=ipv6).end() is None
    shown = pair.speaker.neighbor("tor")["misplacedCalls"]
    assert shown["count"] == 1 and f"not localAddress {elsewhere}" in shown["last"]
    pair.speaker.reload({**document, "neighbors": [{**one, "bindInterface": "other0"}]})
    wait_until(lambda: "misplacedCalls" not in pair.speaker.neighbor("tor"), 5, "the new one")
    assert pair.peer(1, ipv6=ipv6).end() is None
    assert f"came by {NODE_LINK}, not other0" in pair.speaker.neighbor("tor")["misplacedCalls"]["last"]
