"""Malformed UPDATEs and what each must lead to: RFC 7606, and the documents that define the attributes.

WITHDRAW  treat-as-withdraw: the session stays, the prefix has no path any more
KEEP      attribute discard, or nothing wrong at all: the session stays and the new path is taken
RESET     NOTIFICATION UPDATE Message Error with one of these subcodes
"""

import struct
from dataclasses import dataclass, field
from typing import Callable

from bgp import attributes as a
from bgp.wire import nlri, update_body

WITHDRAW, KEEP = "withdraw", "keep"
MALFORMED_LIST, UNRECOGNIZED_WELL_KNOWN, OPTIONAL_ERROR, INVALID_NETWORK = 1, 2, 9, 10


@dataclass(frozen=True)
class Reset:
    """The session ends with 3/one of these."""
    subcodes: tuple


@dataclass
class Draft:
    """A valid announcement, to be damaged: attributes by type, and the three parts of the message."""
    prefix: str
    parts: dict
    extra: bytes = b""  # attributes behind the others
    withdrawn: bytes = b""
    routes: bytes = None
    lengths: dict = field(default_factory=dict)

    def body(self):
        """The UPDATE's body."""
        data = b"".join(self.parts[kind] for kind in sorted(self.parts)) + self.extra
        return update_body(self.withdrawn, data, self.routes, **self.lengths)


@dataclass
class Case:
    """One malformed UPDATE. `internal` is the outcome on iBGP where it differs."""
    name: str
    clause: str
    damage: Callable
    external: object
    internal: object = None
    ipv6: bool = False

    def expected(self, internal):
        """The outcome for that type of peer; None where the case does not apply."""
        return self.internal if internal and self.internal is not None else self.external


def swap(kind, value=None, **options):
    """The attribute has another value, flags or length."""
    def damage(draft):
        old = draft.parts.get(kind, b"\0\0\0")
        old_value = old[4:] if old[0] & a.EXTENDED else old[3:]
        draft.parts[kind] = a.attribute(kind, old_value if value is None else value, **options)
    return damage


def drop(kind):
    """The attribute is missing."""
    return lambda draft: draft.parts.pop(kind)


def add(*raw):
    """Further attributes stand behind the others."""
    def damage(draft):
        draft.extra += b"".join(raw)
    return damage


def put(**members):
    """Members of the draft are replaced."""
    def damage(draft):
        for name, value in members.items():
            setattr(draft, name, value)
    return damage


def path(*segments):
    """The AS_PATH is these segments."""
    return swap(a.AS_PATH, b"".join(segments))


def hop(address):
    """The NEXT_HOP is this address."""
    return swap(a.NEXT_HOP, a.next_hop(address)[3:])


def hop6(address):
    """The next hop of the IPv6 prefix is this address."""
    def damage(draft):
        draft.parts[a.MP_REACH] = a.mp_reach(address, draft.prefix)
    return damage


def bare(*raw):
    """No reachable prefix and only these attributes."""
    def damage(draft):
        draft.parts, draft.extra, draft.routes = {}, b"".join(raw), b""
    return damage


SEQ, ASN = a.AS_SEQUENCE, 65001
ATTR, OPT, TRANS = a.attribute, a.OPTIONAL, a.TRANSITIVE
LIST = Reset((MALFORMED_LIST,))
MP = Reset((OPTIONAL_ERROR, MALFORMED_LIST))
MP_HEAD = struct.pack("!HBB", 2, 1, 16) + bytes.fromhex("fd090000000000000000000000010001") + b"\0"

WELL_KNOWN = [
    Case("origin_optional_flag", "RFC 7606 3(c)", swap(a.ORIGIN, flags=OPT | TRANS), WITHDRAW),
    Case("origin_not_transitive", "RFC 7606 3(c)", swap(a.ORIGIN, flags=0), WITHDRAW),
    Case("origin_empty", "RFC 7606 7.1", swap(a.ORIGIN, b""), WITHDRAW),
    Case("origin_two_octets", "RFC 7606 7.1", swap(a.ORIGIN, b"\0\0"), WITHDRAW),
    Case("origin_value_3", "RFC 7606 7.1", swap(a.ORIGIN, b"\3"), WITHDRAW),
    Case("origin_missing", "RFC 7606 3(d)", drop(a.ORIGIN), WITHDRAW),
    Case("as_path_optional_flag", "RFC 7606 3(c)", swap(a.AS_PATH, flags=OPT | TRANS), WITHDRAW),
    Case("as_path_segment_type_0", "RFC 7606 7.2", path(a.segment(0, ASN)), WITHDRAW),
    Case("as_path_segment_type_5", "RFC 7606 7.2", path(a.segment(5, ASN)), WITHDRAW),
    Case("as_path_segment_empty", "RFC 7606 7.2", path(a.segment(SEQ, ASN), a.segment(SEQ)), WITHDRAW),
    Case("as_path_segment_overrun", "RFC 7606 7.2", path(a.segment(SEQ, ASN, count=2)), WITHDRAW),
    Case("as_path_segment_underrun", "RFC 7606 7.2", path(a.segment(SEQ, ASN), b"\2"), WITHDRAW),
    Case("as_path_two_octet_numbers", "RFC 7606 7.2", path(a.segment(SEQ, ASN, width=2)), WITHDRAW),
    Case("as_path_has_as_0", "RFC 7607 2", path(a.segment(SEQ, ASN, 0)), WITHDRAW),
    Case("as_path_confed_sequence", "RFC 5065 5", path(a.segment(3, 64600), a.segment(SEQ, ASN)), WITHDRAW),
    Case("as_path_missing", "RFC 7606 3(d)", drop(a.AS_PATH), WITHDRAW),
    Case("as_path_first_as_not_the_peers", "RFC 4271 6.3", path(a.segment(SEQ, 65077, ASN)), WITHDRAW, KEEP),
    Case("as_path_empty", "RFC 4271 6.3", path(), WITHDRAW, KEEP),
    Case("next_hop_three_octets", "RFC 7606 7.3", swap(a.NEXT_HOP, b"\x0a\x09\x01"), WITHDRAW),
    Case("next_hop_sixteen_octets", "RFC 7606 7.3", swap(a.NEXT_HOP, bytes(16)), WITHDRAW),
    Case("next_hop_empty", "RFC 7606 7.3", swap(a.NEXT_HOP, b""), WITHDRAW),
    Case("next_hop_zero", "RFC 4271 6.3", hop("0.0.0.0"), WITHDRAW),
    Case("next_hop_loopback", "RFC 4271 6.3", hop("127.0.0.1"), WITHDRAW),
    Case("next_hop_multicast", "RFC 4271 6.3", hop("224.0.0.5"), WITHDRAW),
    Case("next_hop_broadcast", "RFC 4271 6.3", hop("255.255.255.255"), WITHDRAW),
    Case("next_hop_is_the_receiver", "RFC 4271 6.3(a)", hop("10.9.0.1"), WITHDRAW),
    Case("next_hop_optional_flag", "RFC 7606 3(c)", swap(a.NEXT_HOP, flags=OPT | TRANS), WITHDRAW),
    Case("next_hop_missing", "RFC 7606 3(d)", drop(a.NEXT_HOP), WITHDRAW),
    Case("local_pref_three_octets", "RFC 7606 7.5", swap(a.LOCAL_PREF, b"\0\0\1"), KEEP, WITHDRAW),
    Case("local_pref_five_octets", "RFC 7606 7.5", swap(a.LOCAL_PREF, bytes(5)), KEEP, WITHDRAW),
    Case("atomic_aggregate_one_octet", "RFC 7606 7.6", add(ATTR(a.ATOMIC_AGGREGATE, b"\0")), KEEP),
    Case("unknown_well_known", "RFC 4271 6.3", add(ATTR(99, b"\1", flags=TRANS)), Reset((UNRECOGNIZED_WELL_KNOWN,))),
]

OPTIONALS = [
    Case("med_three_octets", "RFC 7606 7.4", swap(a.MED, b"\0\0\1"), WITHDRAW),
    Case("med_five_octets", "RFC 7606 7.4", swap(a.MED, bytes(5)), WITHDRAW),
    Case("med_well_known_flag", "RFC 7606 3(c)", swap(a.MED, flags=TRANS), WITHDRAW),
    Case("aggregator_seven_octets", "RFC 7606 7.7", add(ATTR(a.AGGREGATOR, bytes(7))), KEEP),
    Case("aggregator_six_octets", "RFC 7606 7.7", add(ATTR(a.AGGREGATOR, b"\xfd\xe9\x0a\x09\1\1")), KEEP),
    Case("aggregator_as_0", "RFC 7607 2", add(ATTR(a.AGGREGATOR, b"\0\0\0\0\x0a\x09\1\1")), KEEP),
    Case("communities_empty", "RFC 7606 7.8", add(ATTR(a.COMMUNITIES)), WITHDRAW),
    Case("communities_five_octets", "RFC 7606 7.8", add(ATTR(a.COMMUNITIES, bytes(5))), WITHDRAW),
    Case("communities_not_transitive", "RFC 7606 3(c)", add(ATTR(a.COMMUNITIES, bytes(4), flags=OPT)), WITHDRAW),
    Case("originator_id_three_octets", "RFC 7606 7.9", add(ATTR(a.ORIGINATOR_ID, bytes(3))), KEEP, WITHDRAW),
    Case("originator_id_valid", "RFC 7606 7.9", add(ATTR(a.ORIGINATOR_ID, b"\x0a\x09\x09\x09")), KEEP),
    Case("cluster_list_empty", "RFC 7606 7.10", add(ATTR(a.CLUSTER_LIST)), KEEP, WITHDRAW),
    Case("cluster_list_five_octets", "RFC 7606 7.10", add(ATTR(a.CLUSTER_LIST, bytes(5))), KEEP, WITHDRAW),
    Case("ext_communities_empty", "RFC 7606 7.14", add(ATTR(a.EXT_COMMUNITIES)), WITHDRAW),
    Case("ext_communities_seven_octets", "RFC 7606 7.14", add(ATTR(a.EXT_COMMUNITIES, bytes(7))), WITHDRAW),
    Case("ipv6_ext_communities_19_octets", "RFC 7606 7.15", add(ATTR(a.IPV6_EXT_COMMUNITIES, bytes(19))), WITHDRAW),
    Case("large_communities_empty", "RFC 8092 6", add(ATTR(a.LARGE_COMMUNITIES)), WITHDRAW),
    Case("large_communities_11_octets", "RFC 8092 6", add(ATTR(a.LARGE_COMMUNITIES, bytes(11))), WITHDRAW),
    Case("as4_path_from_a_new_speaker", "RFC 6793 6", add(ATTR(a.AS4_PATH, a.segment(SEQ, 65099))), KEEP),
    Case("as4_path_broken_from_a_new_speaker", "RFC 6793 6", add(ATTR(a.AS4_PATH, b"\2\5\0")), KEEP),
    Case("as4_aggregator_seven_octets", "RFC 6793 6", add(ATTR(a.AS4_AGGREGATOR, bytes(7))), KEEP),
    Case("unknown_optional", "RFC 4271 6.3", add(ATTR(99, b"\1", flags=OPT)), KEEP),
    Case("unknown_transitive", "RFC 4271 6.3", add(ATTR(99, b"\1", flags=OPT | TRANS)), KEEP),
    Case("unknown_of_300_octets", "RFC 4271 4.3", add(ATTR(99, bytes(300), flags=OPT | TRANS)), KEEP),
    Case("tunnel_encapsulation_broken", "CVE-2023-38802", add(ATTR(23, b"\0\x0d\xff\xff")), KEEP),
    Case("prefix_sid_broken", "CVE-2023-31490", add(ATTR(40, b"\1\xff\xff")), KEEP),
]

FRAMING = [
    Case("repeated_origin", "RFC 7606 3(g)", add(a.origin(3)), KEEP),
    Case("repeated_med_malformed", "RFC 7606 3(g)", add(ATTR(a.MED, b"\0")), KEEP),
    Case("repeated_communities", "RFC 7606 3(g)", add(a.communities("65001:1"), a.communities("65001:2")), KEEP),
    Case("attribute_overruns_the_list", "RFC 7606 4", add(ATTR(99, b"\1", length=200)), WITHDRAW),
    Case("attribute_of_two_octets", "RFC 7606 4", add(b"\xc0\x63"), WITHDRAW),
    Case("attribute_of_one_octet", "RFC 7606 4", add(b"\xc0"), WITHDRAW),
    Case("extended_length_cut_off", "RFC 7606 4", add(b"\xd0\x63\0"), WITHDRAW),
    Case("extended_length_where_not_needed", "RFC 4271 4.3", swap(a.ORIGIN, flags=TRANS | a.EXTENDED), KEEP),
    Case("no_attributes_but_a_prefix", "CVE-2023-41358", put(parts={}), WITHDRAW),
    Case("attribute_list_overruns", "RFC 4271 6.3", put(lengths={"attributes_length": 4000}), LIST),
    Case("withdrawn_overruns", "RFC 4271 6.3", put(lengths={"withdrawn_length": 4000}), LIST),
    Case("nlri_length_33", "RFC 7606 5.3", put(routes=b"\x21\x14\1\1\1\0"), Reset((INVALID_NETWORK,))),
    Case("nlri_cut_off", "RFC 7606 5.3", put(routes=b"\x18\x14\1"), Reset((INVALID_NETWORK,))),
    Case("withdrawn_length_33", "RFC 7606 5.3", put(withdrawn=b"\x21\x14\1\1\1\0"),
         Reset((INVALID_NETWORK, MALFORMED_LIST))),
    Case("withdrawn_cut_off", "RFC 7606 5.3", put(withdrawn=b"\x18\x14\1"), Reset((INVALID_NETWORK, MALFORMED_LIST))),
    Case("malformed_and_no_prefix", "RFC 7606 5.2", bare(ATTR(a.ORIGIN, b"\3")), Reset((1, 3, 5, 6))),
    Case("unknown_transitive_and_no_prefix", "CVE-2023-46753", bare(ATTR(99, b"\1", flags=OPT | TRANS)), "survive"),
    Case("end_of_rib_with_a_broken_attribute", "CVE-2023-47235",
         bare(ATTR(a.MP_UNREACH, b"\0\2\1"), b"\xc0\x63"), "survive"),
    Case("unreach_and_prefix_without_attributes", "CVE-2023-47234",
         put(parts={a.MP_UNREACH: a.mp_unreach("2a00:1::/48")}), WITHDRAW),
    Case("two_mp_unreach", "RFC 7606 3(g)", add(a.mp_unreach("2a00:1::/48"), a.mp_unreach("2a00:2::/48")), LIST),
]

MULTIPROTOCOL = [
    Case("mp_reach_twice", "RFC 7606 3(g)", add(a.mp_reach("fd09::1:1", "2a00:1::/48")), LIST, ipv6=True),
    Case("mp_reach_next_hop_5_octets", "RFC 7606 7.11",
         swap(a.MP_REACH, b"\0\2\1\5" + bytes(5) + b"\0" + nlri("2a00:1::/48")), MP, ipv6=True),
    Case("mp_reach_next_hop_overruns", "RFC 7606 7.11", swap(a.MP_REACH, b"\0\2\1\xff" + bytes(20)), MP, ipv6=True),
    Case("mp_reach_four_octets", "RFC 7606 7.11", swap(a.MP_REACH, b"\0\2\1\x10"), MP, ipv6=True),
    Case("mp_reach_empty", "RFC 7606 7.11", swap(a.MP_REACH, b""), MP, ipv6=True),
    Case("mp_reach_nlri_129", "RFC 7606 5.3", swap(a.MP_REACH, MP_HEAD + b"\x81" + bytes(17)),
         Reset((OPTIONAL_ERROR, MALFORMED_LIST, INVALID_NETWORK)), ipv6=True),
    Case("mp_reach_nlri_cut_off", "RFC 7606 5.3", swap(a.MP_REACH, MP_HEAD + b"\x40\x2a\0"),
         Reset((OPTIONAL_ERROR, MALFORMED_LIST, INVALID_NETWORK)), ipv6=True),
    Case("mp_unreach_two_octets", "RFC 7606 7.12", add(ATTR(a.MP_UNREACH, b"\0\2")), MP, ipv6=True),
    Case("mp_unreach_nlri_129", "RFC 7606 5.3", add(ATTR(a.MP_UNREACH, b"\0\2\1\x81" + bytes(17))),
         Reset((OPTIONAL_ERROR, MALFORMED_LIST, INVALID_NETWORK)), ipv6=True),
    Case("mp_reach_transitive_flag", "RFC 7606 3(c)", swap(a.MP_REACH, flags=OPT | TRANS), WITHDRAW, ipv6=True),
    Case("ipv6_origin_value_3", "RFC 7606 7.1", swap(a.ORIGIN, b"\3"), WITHDRAW, ipv6=True),
    Case("ipv6_as_path_missing", "RFC 7606 3(d)", drop(a.AS_PATH), WITHDRAW, ipv6=True),
    Case("mp_reach_not_first", "RFC 7606 5.1", add(), KEEP, ipv6=True),
    Case("next_hop_beside_mp_reach", "RFC 4760 3", add(a.next_hop("0.0.0.0")), KEEP, ipv6=True),
    Case("mp_reach_next_hop_multicast", "RFC 4271 6.3",
         hop6("ff02::5"), WITHDRAW, ipv6=True),
]

ALL = WELL_KNOWN + OPTIONALS + FRAMING + MULTIPROTOCOL
