"""Path attributes as bytes (RFC 4271 section 5 and the documents that add to it)."""

import ipaddress
import struct

from bgp.wire import nlri, update

OPTIONAL, TRANSITIVE, PARTIAL, EXTENDED = 0x80, 0x40, 0x20, 0x10

ORIGIN, AS_PATH, NEXT_HOP, MED, LOCAL_PREF, ATOMIC_AGGREGATE, AGGREGATOR, COMMUNITIES = 1, 2, 3, 4, 5, 6, 7, 8
ORIGINATOR_ID, CLUSTER_LIST, MP_REACH, MP_UNREACH, EXT_COMMUNITIES = 9, 10, 14, 15, 16
AS4_PATH, AS4_AGGREGATOR, IPV6_EXT_COMMUNITIES, LARGE_COMMUNITIES, OTC = 17, 18, 25, 32, 35

WELL_KNOWN = TRANSITIVE
FLAGS = {ORIGIN: WELL_KNOWN, AS_PATH: WELL_KNOWN, NEXT_HOP: WELL_KNOWN, LOCAL_PREF: WELL_KNOWN,
         ATOMIC_AGGREGATE: WELL_KNOWN, MED: OPTIONAL, ORIGINATOR_ID: OPTIONAL, CLUSTER_LIST: OPTIONAL,
         MP_REACH: OPTIONAL, MP_UNREACH: OPTIONAL}

AS_SET, AS_SEQUENCE, CONFED_SEQUENCE, CONFED_SET = 1, 2, 3, 4


def attribute(kind, value=b"", *, flags=None, length=None):
    """One attribute; the flags of its type unless told otherwise, `length` in place of the true one."""
    if flags is None:
        flags = FLAGS.get(kind, OPTIONAL | TRANSITIVE)
    size = len(value) if length is None else length
    if size > 255:
        flags |= EXTENDED
    return bytes([flags, kind]) + (struct.pack("!H", size) if flags & EXTENDED else bytes([size])) + value


def segment(kind, *asns, width=4, count=None):
    """One AS_PATH segment."""
    numbers = b"".join(n.to_bytes(width, "big") for n in asns)
    return bytes([kind, len(asns) if count is None else count]) + numbers


def origin(value=0):
    """ORIGIN: 0 IGP, 1 EGP, 2 INCOMPLETE."""
    return attribute(ORIGIN, bytes([value]))


def as_path(*asns, width=4):
    """AS_PATH of one AS_SEQUENCE; empty without numbers."""
    return attribute(AS_PATH, segment(AS_SEQUENCE, *asns, width=width) if asns else b"")


def next_hop(address):
    """NEXT_HOP."""
    return attribute(NEXT_HOP, ipaddress.IPv4Address(address).packed)


def med(value):
    """MULTI_EXIT_DISC."""
    return attribute(MED, struct.pack("!I", value))


def local_pref(value):
    """LOCAL_PREF."""
    return attribute(LOCAL_PREF, struct.pack("!I", value))


def communities(*values):
    """COMMUNITIES (RFC 1997), each "65000:1"."""
    pairs = (text.split(":") for text in values)
    return attribute(COMMUNITIES, b"".join(struct.pack("!HH", int(a), int(b)) for a, b in pairs))


def mp_reach(address, *prefixes, afi=2, safi=1):
    """MP_REACH_NLRI (RFC 4760 section 3); a comma between a global and a link-local next hop."""
    hop = b"".join(ipaddress.ip_address(one).packed for one in address.split(","))
    return attribute(MP_REACH, struct.pack("!HBB", afi, safi, len(hop)) + hop + b"\0" + nlri(*prefixes))


def mp_unreach(*prefixes, afi=2, safi=1):
    """MP_UNREACH_NLRI (RFC 4760 section 4)."""
    return attribute(MP_UNREACH, struct.pack("!HB", afi, safi) + nlri(*prefixes))


def base(path, hop, *, internal=False):
    """The attributes every IPv4 announcement needs: {type: bytes}, in the order of their types."""
    out = {ORIGIN: origin(), AS_PATH: as_path(*path), NEXT_HOP: next_hop(hop)}
    if internal:
        out[LOCAL_PREF] = local_pref(100)
    return out


def announce(prefixes, path, hop, *extra, internal=False):
    """A whole UPDATE that announces IPv4 prefixes."""
    parts = base(path, hop, internal=internal)
    return update(b"", b"".join(parts.values()) + b"".join(extra), nlri(*prefixes))


def announce6(prefixes, path, hop, *extra, internal=False):
    """A whole UPDATE that announces IPv6 prefixes."""
    parts = origin() + as_path(*path) + (local_pref(100) if internal else b"")
    return update(b"", mp_reach(hop, *prefixes) + parts + b"".join(extra))


def withdraw(*prefixes):
    """A whole UPDATE that withdraws IPv4 prefixes."""
    return update(nlri(*prefixes))


def withdraw6(*prefixes):
    """A whole UPDATE that withdraws IPv6 prefixes."""
    return update(b"", mp_unreach(*prefixes))
