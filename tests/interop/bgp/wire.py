"""Messages as bytes (RFC 4271 section 4). Builders make what they are told to, also when it is wrong."""

import ipaddress
import struct
from dataclasses import dataclass, field

MARKER = b"\xff" * 16
HEADER = 19
OPEN, UPDATE, NOTIFICATION, KEEPALIVE, ROUTE_REFRESH = 1, 2, 3, 4, 5
NAMES = {1: "OPEN", 2: "UPDATE", 3: "NOTIFICATION", 4: "KEEPALIVE", 5: "ROUTE-REFRESH"}

IPV4, IPV6 = (1, 1), (2, 1)  # AFI, SAFI: unicast
AS_TRANS = 23456  # RFC 6793

CAP_MULTIPROTOCOL, CAP_ROUTE_REFRESH, CAP_GRACEFUL_RESTART, CAP_AS4 = 1, 2, 64, 65


def message(kind, body=b"", *, marker=MARKER, length=None):
    """A whole message; `length` replaces the true one."""
    return marker + struct.pack("!HB", HEADER + len(body) if length is None else length, kind) + body


# ------------------------------------------------------------------ OPEN

def capability(code, value=b"", *, length=None):
    """RFC 5492 section 4: one capability."""
    return bytes([code, len(value) if length is None else length]) + value


def multiprotocol(family):
    """RFC 4760 section 8."""
    return capability(CAP_MULTIPROTOCOL, struct.pack("!HBB", family[0], 0, family[1]))


def as4(asn):
    """RFC 6793 section 3."""
    return capability(CAP_AS4, struct.pack("!I", asn))


def graceful_restart(time, families=(IPV4, IPV6), *, restarting=False, forwarding=False, notification=False):
    """RFC 4724 section 3: the R bit, and the F bit of every family; RFC 8538 section 2: the N bit."""
    value = struct.pack("!H", (0x8000 if restarting else 0) | (0x4000 if notification else 0) | time)
    for afi, safi in families:
        value += struct.pack("!HBB", afi, safi, 0x80 if forwarding else 0)
    return capability(CAP_GRACEFUL_RESTART, value)


def says_n(value):
    """Whether a graceful restart capability has RFC 8538's N bit."""
    return bool(value[0] & 0x40)


def parameter(kind, value, *, length=None):
    """RFC 4271 section 4.2: one optional parameter."""
    return bytes([kind, len(value) if length is None else length]) + value


def capabilities(*items):
    """RFC 5492: the optional parameter that carries capabilities; none when there are none."""
    return parameter(2, b"".join(items)) if items else b""


def open_body(asn, router_id, *, hold=90, version=4, parameters=b"", length=None):
    """An OPEN's body; an AS that needs four octets goes as AS_TRANS."""
    two_octets = asn if asn < 65536 else AS_TRANS
    return (struct.pack("!BHH", version, two_octets, hold) + ipaddress.IPv4Address(router_id).packed
            + bytes([len(parameters) if length is None else length]) + parameters)


@dataclass
class Open:
    """An OPEN as received."""
    version: int
    asn: int
    hold: int
    router_id: str
    capabilities: list = field(default_factory=list)  # (code, value), as they came

    def capability(self, code):
        """The value of the first capability with this code, or None."""
        return next((value for kind, value in self.capabilities if kind == code), None)

    def families(self):
        """The (AFI, SAFI) pairs of its multiprotocol capabilities."""
        return {(v[1] | v[0] << 8, v[3]) for c, v in self.capabilities if c == CAP_MULTIPROTOCOL}

    def graceful_restart(self):
        """(R bit, restart time, {family: F bit}), or None without the capability."""
        value = self.capability(CAP_GRACEFUL_RESTART)
        if value is None:
            return None
        flags, = struct.unpack_from("!H", value)
        families = {}
        for at in range(2, len(value), 4):
            afi, safi, bits = struct.unpack_from("!HBB", value, at)
            families[(afi, safi)] = bool(bits & 0x80)
        return bool(flags & 0x8000), flags & 0xFFF, families


def parse_open(body):
    """Reads an OPEN's body; asserts what RFC 4271 section 4.2 and RFC 5492 say of its lengths."""
    version, asn, hold, router_id, length = struct.unpack_from("!BHHIB", body)
    assert length == len(body) - 10, f"Opt Parm Len {length}, but {len(body) - 10} octets follow"
    found, rest = [], body[10:]
    while rest:
        kind, size = rest[0], rest[1]
        assert kind == 2 and size <= len(rest) - 2, rest.hex()
        value, rest = rest[2:2 + size], rest[2 + size:]
        while value:
            assert value[1] <= len(value) - 2, value.hex()
            found.append((value[0], value[2:2 + value[1]]))
            value = value[2 + value[1]:]
    return Open(version, asn, hold, str(ipaddress.IPv4Address(router_id)), found)


# ------------------------------------------------------------------ NLRI

def nlri(*prefixes):
    """RFC 4271 section 4.3: prefixes, minimal octets each."""
    out = b""
    for text in prefixes:
        network = ipaddress.ip_network(text)
        out += bytes([network.prefixlen]) + network.network_address.packed[:(network.prefixlen + 7) // 8]
    return out


def parse_nlri(data, family=IPV4):
    """The prefixes of an NLRI field, as text; asserts that they fill it."""
    size, kind = (4, ipaddress.IPv4Network) if family[0] == 1 else (16, ipaddress.IPv6Network)
    found = []
    while data:
        length, octets = data[0], (data[0] + 7) // 8
        assert length <= size * 8 and octets <= len(data) - 1, data.hex()
        found.append(str(kind((data[1:1 + octets].ljust(size, b"\0"), length))))
        data = data[1 + octets:]
    return found


# ------------------------------------------------------------------ UPDATE

def update_body(withdrawn=b"", attributes=b"", routes=b"", *, withdrawn_length=None, attributes_length=None):
    """An UPDATE's body from its three parts; the lengths can be told wrong."""
    return (struct.pack("!H", len(withdrawn) if withdrawn_length is None else withdrawn_length) + withdrawn
            + struct.pack("!H", len(attributes) if attributes_length is None else attributes_length) + attributes
            + routes)


def update(*args, **options):
    """A whole UPDATE message; arguments as for update_body."""
    return message(UPDATE, update_body(*args, **options))


@dataclass
class Update:
    """An UPDATE as received."""
    withdrawn: list
    attributes: dict  # type: (flags, value)
    reachable: list
    next_hop: str = None  # of the reachable prefixes
    end_of_rib: tuple = None  # the family, when this is one


def parse_attributes(data):
    """The path attributes {type: (flags, value)}; asserts that none is there twice and that the flags agree."""
    found = {}
    while data:
        flags, kind = data[0], data[1]
        size, head = (struct.unpack_from("!H", data, 2)[0], 4) if flags & 0x10 else (data[2], 3)
        assert size <= len(data) - head and kind not in found, data.hex()
        found[kind] = (flags, data[head:head + size])
        data = data[head + size:]
    return found


def _reach(value):
    """Next hop and prefixes of an MP_REACH_NLRI (RFC 4760 section 3)."""
    afi, safi, size = struct.unpack_from("!HBB", value)
    hop, rest = value[4:4 + size], value[5 + size:]
    address = ipaddress.IPv6Address(hop[:16]) if size >= 16 else ipaddress.IPv4Address(hop)
    return str(address), parse_nlri(rest, (afi, safi))


def parse_update(body):
    """Reads an UPDATE's body and asserts that it is well formed."""
    size, = struct.unpack_from("!H", body)
    withdrawn, rest = parse_nlri(body[2:2 + size]), body[2 + size:]
    length, = struct.unpack_from("!H", rest)
    assert length <= len(rest) - 2
    attributes = parse_attributes(rest[2:2 + length])
    reachable = parse_nlri(rest[2 + length:])
    out = Update(withdrawn, attributes, reachable)
    if 3 in attributes and reachable:
        out.next_hop = str(ipaddress.IPv4Address(attributes[3][1]))
    if 14 in attributes:
        hop, prefixes = _reach(attributes[14][1])
        out.reachable, out.next_hop = reachable + prefixes, hop
    if 15 in attributes:
        afi, safi = struct.unpack_from("!HB", attributes[15][1])
        gone = parse_nlri(attributes[15][1][3:], (afi, safi))
        out.withdrawn = withdrawn + gone
        if not gone and len(attributes) == 1:
            out.end_of_rib = (afi, safi)  # RFC 4724 section 2
    if body == b"\0\0\0\0":
        out.end_of_rib = IPV4
    return out


END_OF_RIB_IPV4 = update()
END_OF_RIB_IPV6 = update(b"", bytes([0x80, 15, 3, 0, 2, 1]))


# ------------------------------------------------------------------ NOTIFICATION

def notification(code, subcode=0, data=b""):
    """A whole NOTIFICATION message."""
    return message(NOTIFICATION, bytes([code, subcode]) + data)


@dataclass
class Notification:
    """A NOTIFICATION as received."""
    code: int
    subcode: int
    data: bytes = b""


CEASE = 6
