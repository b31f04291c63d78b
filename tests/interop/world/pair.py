"""Two hosts and a cable: slash32-bgpd on one, raw peers on the other, each from an address of its own."""

import contextlib
import ipaddress
import socket

from bgp.peer import Peer
from world import speaker
from world.host import Host, cable

PEER_ASN = 65001
NODE_LINK, PEER_LINK = "up0", "down0"
PORT = 179


def peer_address(number):
    """The IPv4 address of peer `number`, from 1."""
    return str(ipaddress.IPv4Address("10.9.1.0") + number)


def peer_address6(number):
    """The IPv6 address of peer `number`."""
    return str(ipaddress.IPv6Address("fd09::1:0") + number)


def connect(host, source, target, *, port=PORT, timeout=5):
    """A TCP connection from one of a host's addresses."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    connection = host.socket(family)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    connection.settimeout(timeout)
    try:
        connection.bind((source, 0))
        connection.connect((target, port))
    except OSError:
        connection.close()
        raise
    return connection


class Pair:
    """The world of most tests."""

    def __init__(self, directory, binary, peers=8):
        self._stack = contextlib.ExitStack()
        self._binary = binary
        self.node = self._stack.enter_context(Host("node", directory))
        self.outside = self._stack.enter_context(Host("outside", directory))
        cable(self.node, NODE_LINK, self.outside, PEER_LINK)
        self.node.ip(f"addr add {speaker.ADDRESS}/16 dev {NODE_LINK}", f"addr add {speaker.ADDRESS6}/64 dev {NODE_LINK}")
        lines = []
        for number in range(1, peers + 1):
            lines += [f"addr add {peer_address(number)}/16 dev {PEER_LINK}",
                      f"addr add {peer_address6(number)}/64 dev {PEER_LINK}"]
        self.outside.ip(*lines)
        self.speaker = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def start(self, *neighbors, **document):
        """Starts the speaker with these neighbours; further top-level keys by name."""
        self.speaker = speaker.Speaker(self.node, self._binary, neighbors=list(neighbors), **document)
        return self.speaker.start()

    def peer(self, number, asn=PEER_ASN, router_id=None, *, ipv6=False):
        """A fresh connection from peer `number` to the speaker; nothing is said yet."""
        source = peer_address6(number) if ipv6 else peer_address(number)
        target = speaker.ADDRESS6 if ipv6 else speaker.ADDRESS
        connection = self._stack.enter_context(contextlib.closing(connect(self.outside, source, target)))
        return Peer(connection, asn, router_id or peer_address(number))

    def listener(self, number, *, ipv6=False):
        """A socket on which peer `number` waits for the speaker."""
        listener = self._stack.enter_context(
            contextlib.closing(self.outside.socket(socket.AF_INET6 if ipv6 else socket.AF_INET)))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((peer_address6(number) if ipv6 else peer_address(number), PORT))
        listener.listen(8)
        listener.settimeout(15)
        return listener

    def accept(self, listener, asn=PEER_ASN, router_id="10.9.1.1"):
        """The speaker's next connection to a listener, as a peer."""
        connection, _ = listener.accept()
        connection.settimeout(5)
        self._stack.enter_context(contextlib.closing(connection))
        return Peer(connection, asn, router_id)

    def add_pod(self, name, *addresses):
        """What the plugin leaves for a pod: a host link, and its /32 and /128 routes of protocol 132."""
        lines = [f"link add {name} type veth peer name {name}p", f"link set {name} up", f"link set {name}p up"]
        for address in addresses:
            family = 6 if ":" in address else 4
            lines.append(f"-{family} route add {address} dev {name} proto {speaker.POD} metric 64 scope link")
        self.node.ip(*[line for line in lines if not line.startswith("-")])
        for line in lines:
            if line.startswith("-"):
                self.node.run("ip", *line.split())


def external(number, **settings):
    """The configuration of peer `number` as an eBGP neighbour."""
    return speaker.neighbor(f"p{number}", peer_address(number), PEER_ASN, **settings)


def internal(number, **settings):
    """The configuration of peer `number` as an iBGP neighbour."""
    return speaker.neighbor(f"p{number}", peer_address(number), speaker.ASN, **settings)
