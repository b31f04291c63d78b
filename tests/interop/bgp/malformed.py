"""Malformed UPDATEs and what each must lead to: RFC 7606, and the documents that define the attributes.

WITHDRAW  treat-as-withdraw: the session stays, the prefix has no path any more
KEEP      attribute discard, or nothing wrong at all: the session stays and the new path is taken
UNTOUCHED the session stays, and so does the path that was there before: the UPDATE says nothing of the prefix
Reset     NOTIFICATION UPDATE Message Error with one of these subcodes, and this data where the RFC names it
"""

import struct
from dataclasses import dataclass, field, replace
from typing import Callable

from bgp import attributes as a
from bgp.wire import nlri, update_body

WITHDRAW, KEEP, UNTOUCHED = "withdraw", "keep", "untouched"
MALFORMED_LIST, UNRECOGNIZED_WELL_KNOWN, OPTIONAL_ERROR, INVALID_NETWORK = 1, 2, 9, 10


@dataclass(frozen=True)
class Reset:
    """The session ends with 3/one of these."""
    subcodes: tuple
    data: bytes = None


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


@dataclass(frozen=True)
class Case:
    """One malformed UPDATE. `internal` is the outcome on iBGP where it differs; `ipv6`: the prefix is an IPv6 one."""
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


def again_withdrawn():
    """The prefix is in the withdrawn routes as well."""
    def damage(draft):
        draft.withdrawn = draft.routes
    return damage


def announced_twice():
    """The prefix is there twice."""
    def damage(draft):
        draft.routes = draft.routes * 2
    return damage


def unreach_too():
    """The IPv6 prefix is in an MP_UNREACH_NLRI of the same message."""
    def damage(draft):
        draft.extra += a.mp_unreach(draft.prefix)
    return damage


def reach6(next_hop_octets):
    """The MP_REACH_NLRI of IPv6 has a next hop of so many octets, none of which makes sense."""
    return swap(a.MP_REACH, struct.pack("!HBB", 2, 1, next_hop_octets) + b"\x20" * next_hop_octets + b"\0"
                + nlri("2a00:1::/48"))


def other_family(kind, afi, safi, value):
    """An MP attribute of a family that nobody negotiated stands beside the route."""
    return add(a.attribute(kind, struct.pack("!HB", afi, safi) + value))


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
    Case("origin_value_255", "RFC 7606 7.1", swap(a.ORIGIN, b"\xff"), WITHDRAW),
    Case("origin_extended_length_of_none", "RFC 7606 7.1", swap(a.ORIGIN, b"", flags=TRANS | a.EXTENDED), WITHDRAW),
    Case("origin_partial_flag", "RFC 7606 3(c)", swap(a.ORIGIN, flags=TRANS | a.PARTIAL), KEEP),
    Case("origin_unused_flags", "RFC 4271 4.3", swap(a.ORIGIN, flags=TRANS | 0x0F), KEEP),
    Case("as_path_not_transitive", "RFC 7606 3(c)", swap(a.AS_PATH, flags=0), WITHDRAW),
    Case("as_path_of_one_octet", "RFC 7606 7.2", swap(a.AS_PATH, b"\2"), WITHDRAW),
    Case("as_path_segment_type_255", "RFC 7606 7.2", path(a.segment(SEQ, ASN), a.segment(255, ASN)), WITHDRAW),
    Case("as_path_segment_of_255_that_is_not_there", "RFC 7606 7.2", path(a.segment(SEQ, ASN, count=255)), WITHDRAW),
    Case("as_path_confed_set", "RFC 5065 5", path(a.segment(4, 64600), a.segment(SEQ, ASN)), WITHDRAW),
    Case("as_path_as_set", "RFC 9774 3", path(a.segment(SEQ, ASN), a.segment(a.AS_SET, 65003, 65004)), WITHDRAW),
    Case("as_path_is_a_loop", "RFC 4271 9.1.2", path(a.segment(SEQ, ASN, 64512)), WITHDRAW),
    Case("as_path_of_500", "RFC 4271 4.3", path(a.segment(SEQ, *[ASN] * 250), a.segment(SEQ, *[65010] * 250)), KEEP),
    Case("as_path_repeated_and_broken", "RFC 7606 3(g)", add(ATTR(a.AS_PATH, b"\5\5")), KEEP),
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
    Case("next_hop_class_e", "RFC 1112 4", hop("240.0.0.1"), WITHDRAW),
    Case("next_hop_this_network", "RFC 1122 3.2.1.3", hop("0.1.2.3"), WITHDRAW),
    Case("next_hop_five_octets", "RFC 7606 7.3", swap(a.NEXT_HOP, bytes([10, 9, 1, 1, 0])), WITHDRAW),
    Case("next_hop_not_transitive", "RFC 7606 3(c)", swap(a.NEXT_HOP, flags=0), WITHDRAW),
    Case("next_hop_repeated", "RFC 7606 3(g)", add(a.next_hop("127.0.0.1")), KEEP),
    Case("next_hop_optional_flag", "RFC 7606 3(c)", swap(a.NEXT_HOP, flags=OPT | TRANS), WITHDRAW),
    Case("next_hop_missing", "RFC 7606 3(d)", drop(a.NEXT_HOP), WITHDRAW),
    Case("local_pref_three_octets", "RFC 7606 7.5", swap(a.LOCAL_PREF, b"\0\0\1"), KEEP, WITHDRAW),
    Case("local_pref_five_octets", "RFC 7606 7.5", swap(a.LOCAL_PREF, bytes(5)), KEEP, WITHDRAW),
    Case("local_pref_empty", "RFC 7606 7.5", swap(a.LOCAL_PREF, b""), KEEP, WITHDRAW),
    Case("local_pref_optional_flag", "RFC 7606 7.5", swap(a.LOCAL_PREF, flags=OPT | TRANS), KEEP, WITHDRAW),
    Case("local_pref_from_outside", "RFC 7606 7.5", swap(a.LOCAL_PREF, b"\0\0\0\1"), KEEP),
    Case("atomic_aggregate_optional_flag", "RFC 7606 3(c)",
         add(ATTR(a.ATOMIC_AGGREGATE, flags=OPT | TRANS)), WITHDRAW),
    Case("atomic_aggregate_one_octet", "RFC 7606 7.6", add(ATTR(a.ATOMIC_AGGREGATE, b"\0")), KEEP),
    Case("unknown_well_known", "RFC 4271 6.3", add(ATTR(99, b"\1", flags=TRANS)),
         Reset((UNRECOGNIZED_WELL_KNOWN,), ATTR(99, b"\1", flags=TRANS))),
    Case("unknown_well_known_of_no_length", "RFC 4271 6.3", add(ATTR(99, flags=TRANS)),
         Reset((UNRECOGNIZED_WELL_KNOWN,), ATTR(99, flags=TRANS))),
    Case("unknown_neither_optional_nor_transitive", "CVE-2026-41642", add(ATTR(100, b"\1\2", flags=0)),
         Reset((UNRECOGNIZED_WELL_KNOWN,), ATTR(100, b"\1\2", flags=0))),
    Case("unknown_well_known_after_a_malformed_one", "RFC 7606 3(h)",
         add(ATTR(a.COMMUNITIES), ATTR(99, flags=TRANS)), Reset((UNRECOGNIZED_WELL_KNOWN,))),
]

OPTIONALS = [
    Case("med_three_octets", "RFC 7606 7.4", swap(a.MED, b"\0\0\1"), WITHDRAW),
    Case("med_five_octets", "RFC 7606 7.4", swap(a.MED, bytes(5)), WITHDRAW),
    Case("med_well_known_flag", "RFC 7606 3(c)", swap(a.MED, flags=TRANS), WITHDRAW),
    Case("med_empty", "RFC 7606 7.4", swap(a.MED, b""), WITHDRAW),
    Case("med_transitive_flag", "RFC 7606 3(c)", swap(a.MED, flags=OPT | TRANS), WITHDRAW),
    Case("aggregator_empty", "RFC 7606 7.7", add(ATTR(a.AGGREGATOR)), KEEP),
    Case("aggregator_nine_octets", "RFC 7606 7.7", add(ATTR(a.AGGREGATOR, bytes(9))), KEEP),
    Case("aggregator_not_transitive", "RFC 7606 3(c)", add(ATTR(a.AGGREGATOR, bytes(8), flags=OPT)), WITHDRAW),
    Case("aggregator_seven_octets", "RFC 7606 7.7", add(ATTR(a.AGGREGATOR, bytes(7))), KEEP),
    Case("aggregator_six_octets", "RFC 7606 7.7", add(ATTR(a.AGGREGATOR, b"\xfd\xe9\x0a\x09\1\1")), KEEP),
    Case("aggregator_as_0", "RFC 7607 2", add(ATTR(a.AGGREGATOR, b"\0\0\0\0\x0a\x09\1\1")), KEEP),
    Case("communities_empty", "RFC 7606 7.8", add(ATTR(a.COMMUNITIES)), WITHDRAW),
    Case("communities_five_octets", "RFC 7606 7.8", add(ATTR(a.COMMUNITIES, bytes(5))), WITHDRAW),
    Case("communities_not_transitive", "RFC 7606 3(c)", add(ATTR(a.COMMUNITIES, bytes(4), flags=OPT)), WITHDRAW),
    Case("communities_three_octets", "RFC 7606 7.8", add(ATTR(a.COMMUNITIES, bytes(3))), WITHDRAW),
    Case("communities_well_known_flag", "RFC 7606 3(c)", add(ATTR(a.COMMUNITIES, bytes(4), flags=TRANS)), WITHDRAW),
    Case("communities_of_2000_octets", "RFC 1997", add(ATTR(a.COMMUNITIES, bytes([0xFD, 0xE9, 0, 1]) * 500)), KEEP),
    Case("originator_id_five_octets", "RFC 7606 7.9", add(ATTR(a.ORIGINATOR_ID, bytes(5))), KEEP, WITHDRAW),
    Case("originator_id_transitive_flag", "RFC 7606 7.9",
         add(ATTR(a.ORIGINATOR_ID, b"\x0a\x09\x09\x09", flags=OPT | TRANS)), KEEP, WITHDRAW),
    Case("originator_id_is_the_receivers", "RFC 4456 8", add(ATTR(a.ORIGINATOR_ID, b"\x0a\x09\0\1")), KEEP, WITHDRAW),
    Case("originator_id_three_octets", "RFC 7606 7.9", add(ATTR(a.ORIGINATOR_ID, bytes(3))), KEEP, WITHDRAW),
    Case("originator_id_valid", "RFC 7606 7.9", add(ATTR(a.ORIGINATOR_ID, b"\x0a\x09\x09\x09")), KEEP),
    Case("cluster_list_empty", "RFC 7606 7.10", add(ATTR(a.CLUSTER_LIST)), KEEP, WITHDRAW),
    Case("cluster_list_five_octets", "RFC 7606 7.10", add(ATTR(a.CLUSTER_LIST, bytes(5))), KEEP, WITHDRAW),
    Case("cluster_list_three_octets", "RFC 7606 7.10", add(ATTR(a.CLUSTER_LIST, bytes(3))), KEEP, WITHDRAW),
    Case("cluster_list_has_the_receivers", "RFC 4456 8", add(ATTR(a.CLUSTER_LIST, b"\x0a\x09\0\1")), KEEP, WITHDRAW),
    Case("ext_communities_nine_octets", "RFC 7606 7.14", add(ATTR(a.EXT_COMMUNITIES, bytes(9))), WITHDRAW),
    Case("ext_communities_not_transitive_flag", "RFC 7606 3(c)",
         add(ATTR(a.EXT_COMMUNITIES, bytes(8), flags=OPT)), WITHDRAW),
    Case("ext_communities_of_an_unknown_type", "RFC 4360 6", add(ATTR(a.EXT_COMMUNITIES, b"\xff" * 8)), KEEP),
    Case("ext_communities_empty", "RFC 7606 7.14", add(ATTR(a.EXT_COMMUNITIES)), WITHDRAW),
    Case("ext_communities_seven_octets", "RFC 7606 7.14", add(ATTR(a.EXT_COMMUNITIES, bytes(7))), WITHDRAW),
    Case("ipv6_ext_communities_19_octets", "RFC 7606 7.15", add(ATTR(a.IPV6_EXT_COMMUNITIES, bytes(19))), WITHDRAW),
    Case("ipv6_ext_communities_empty", "RFC 7606 7.15", add(ATTR(a.IPV6_EXT_COMMUNITIES)), WITHDRAW),
    Case("ipv6_ext_communities_21_octets", "RFC 7606 7.15", add(ATTR(a.IPV6_EXT_COMMUNITIES, bytes(21))), WITHDRAW),
    Case("large_communities_13_octets", "RFC 8092 6", add(ATTR(a.LARGE_COMMUNITIES, bytes(13))), WITHDRAW),
    Case("large_communities_twice_the_same", "RFC 8092 3", add(ATTR(a.LARGE_COMMUNITIES, bytes(24))), KEEP),
    Case("large_communities_not_transitive", "RFC 7606 3(c)",
         add(ATTR(a.LARGE_COMMUNITIES, bytes(12), flags=OPT)), WITHDRAW),
    Case("otc_empty", "RFC 9234 5", add(ATTR(a.OTC)), WITHDRAW),
    Case("otc_three_octets", "RFC 9234 5", add(ATTR(a.OTC, bytes(3))), WITHDRAW),
    Case("otc_of_1024_octets", "RFC 9234 5", add(ATTR(a.OTC, bytes(1024))), WITHDRAW),
    Case("otc_not_transitive", "RFC 7606 3(c)", add(ATTR(a.OTC, b"\0\0\xfd\xe9", flags=OPT)), WITHDRAW),
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
    Case("prefix_sid_srv6_unknown_sub_tlv", "CVE-2026-7734", add(ATTR(40, b"\5\0\4\0\x63\0\0")), KEEP),
    Case("tunnel_encapsulation_sub_tlv_overruns", "CVE-2024-44070", add(ATTR(23, b"\0\1\0\2\6\xff")), KEEP),
    Case("aigp_broken", "RFC 7311 3", add(ATTR(26, b"\1\0\2", flags=OPT)), KEEP),
    Case("pmsi_tunnel_broken", "RFC 6514 5", add(ATTR(22, b"\0")), KEEP),
    Case("link_state_broken", "RFC 9552 8.2.2", add(ATTR(29, b"\4\0\xff\xff", flags=OPT)), KEEP),
    Case("attr_set_broken", "RFC 6368 5", add(ATTR(128, b"\0\0\xfd\xe9\x40\1\xff")), KEEP),
    Case("bgpsec_path_broken", "RFC 8205 3", add(ATTR(33, b"\0\1", flags=OPT)), KEEP),
    Case("deprecated_dpa", "RFC 6938", add(ATTR(11, bytes(6))), KEEP),
    Case("attribute_type_0", "RFC 4271 5", add(ATTR(0, b"\1")), KEEP),
    Case("attribute_type_255", "RFC 4271 5", add(ATTR(255, b"\1")), KEEP),
    Case("unknown_partial", "RFC 4271 5", add(ATTR(99, b"\1", flags=OPT | TRANS | a.PARTIAL)), KEEP),
    Case("unknown_of_no_length", "CVE-2023-4481", add(ATTR(99)), KEEP),
    Case("unknown_of_3000_octets", "RFC 4271 4.3", add(ATTR(99, bytes(3000))), KEEP),
    Case("sixty_unknown_ones", "RFC 4271 5", add(*(ATTR(kind, b"\1\2") for kind in range(150, 210))), KEEP),
    Case("as4_path_empty_from_a_new_speaker", "RFC 6793 6", add(ATTR(a.AS4_PATH)), KEEP),
    Case("as4_aggregator_as_0_from_a_new_speaker", "RFC 7607 2", add(ATTR(a.AS4_AGGREGATOR, bytes(8))), KEEP),
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
    Case("repeated_unknown", "RFC 7606 3(g)", add(ATTR(99, b"\1"), ATTR(99, b"\2")), KEEP),
    Case("repeated_well_known_with_wrong_flags", "RFC 7606 3(g)", add(ATTR(a.ORIGIN, b"\0", flags=OPT)), KEEP),
    Case("attributes_length_too_small_by_all", "RFC 4271 6.3", put(lengths={"attributes_length": 0}),
         Reset((INVALID_NETWORK,))),
    Case("attributes_length_inside_the_first_one", "RFC 4271 6.3", put(lengths={"attributes_length": 3}),
         Reset((INVALID_NETWORK,))),
    Case("withdrawn_length_too_large_by_one", "RFC 4271 6.3", put(lengths={"withdrawn_length": 1}), LIST),
    Case("nlri_length_255", "RFC 7606 5.3", put(routes=b"\xff" * 40), Reset((INVALID_NETWORK,))),
    Case("nlri_length_and_no_address", "RFC 7606 5.3", put(routes=b"\x20"), Reset((INVALID_NETWORK,))),
    Case("nlri_good_then_cut_off", "RFC 7606 5.3", put(routes=b"\x10\x14\1\x18\x14"), Reset((INVALID_NETWORK,))),
    Case("withdrawn_and_announced_at_once", "RFC 4271 4.3", again_withdrawn(), KEEP),
    Case("announced_twice_at_once", "RFC 4271 4.3", announced_twice(), KEEP),
    Case("nothing_at_all", "RFC 4724 2", bare(), UNTOUCHED),
    Case("attributes_and_no_prefix", "RFC 7606 5.2", bare(a.origin(), a.as_path(ASN)), UNTOUCHED),
    Case("discard_and_no_prefix", "RFC 7606 5.2", bare(ATTR(a.ATOMIC_AGGREGATE, b"\0")), UNTOUCHED),
    Case("med_broken_and_no_prefix", "RFC 7606 5.2", bare(ATTR(a.MED, b"\0")), Reset((5,), ATTR(a.MED, b"\0"))),
    Case("lengths_disagree_and_no_prefix", "RFC 7606 5.2", bare(b"\x40\1\xff\0"), LIST),
    Case("unreach_of_a_stranger", "RFC 4271 4.3", bare(a.mp_unreach("2a00:ffff::/48")), UNTOUCHED),
    Case("lone_unreach_with_wrong_flags", "RFC 7606 3(c)",
         bare(ATTR(a.MP_UNREACH, b"\0\2\1", flags=OPT | TRANS)), UNTOUCHED),
    Case("malformed_and_no_prefix", "RFC 7606 5.2", bare(ATTR(a.ORIGIN, b"\3")), Reset((1, 3, 5, 6))),
    Case("unknown_transitive_and_no_prefix", "CVE-2023-46753", bare(ATTR(99, b"\1", flags=OPT | TRANS)), UNTOUCHED),
    Case("end_of_rib_with_a_broken_attribute", "CVE-2023-47235",
         bare(ATTR(a.MP_UNREACH, b"\0\2\1"), b"\xc0\x63"), LIST),
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
    Case("mp_reach_next_hop_unspecified", "RFC 4271 6.3", hop6("::"), WITHDRAW, ipv6=True),
    Case("mp_reach_next_hop_loopback", "RFC 4271 6.3", hop6("::1"), WITHDRAW, ipv6=True),
    Case("mp_reach_next_hop_is_the_receiver", "RFC 4271 6.3(a)", hop6("fd09::1"), WITHDRAW, ipv6=True),
    *(Case(f"mp_reach_next_hop_of_{size}_octets", "RFC 7606 7.11", reach6(size), MP, ipv6=True)
      for size in (0, 4, 8, 12, 15, 17, 20, 24, 33, 48)),
    Case("mp_reach_without_a_prefix", "RFC 4760 3", swap(a.MP_REACH, MP_HEAD), UNTOUCHED, ipv6=True),
    Case("mp_reach_well_known_flag", "RFC 7606 3(c)", swap(a.MP_REACH, flags=TRANS), WITHDRAW, ipv6=True),
    Case("mp_reach_extended_length", "RFC 4271 4.3", swap(a.MP_REACH, flags=OPT | a.EXTENDED), KEEP, ipv6=True),
    Case("mp_reach_nlri_255", "RFC 7606 5.3", swap(a.MP_REACH, MP_HEAD + b"\xff" * 40), MP, ipv6=True),
    Case("mp_reach_and_unreach_of_one_prefix", "RFC 4760 4", unreach_too(), KEEP, ipv6=True),
    Case("mp_unreach_empty", "RFC 7606 7.12", add(ATTR(a.MP_UNREACH)), MP, ipv6=True),
    Case("mp_unreach_nlri_cut_off", "RFC 7606 5.3", add(ATTR(a.MP_UNREACH, b"\0\2\1\x40\x2a")), MP, ipv6=True),
    Case("mp_unreach_transitive_flag", "RFC 7606 3(c)",
         add(ATTR(a.MP_UNREACH, b"\0\2\1", flags=OPT | TRANS)), WITHDRAW, ipv6=True),
    Case("ipv4_mp_reach_next_hop_of_16", "RFC 8950 4", other_family(a.MP_REACH, 1, 1, b"\x10" + bytes(17)), MP),
    Case("ipv4_mp_reach_nlri_33", "RFC 7606 5.3",
         other_family(a.MP_REACH, 1, 1, b"\4\x0a\x09\1\1\0\x21" + bytes(5)), MP),
    Case("ipv4_mp_unreach_nlri_33", "RFC 7606 5.3", other_family(a.MP_UNREACH, 1, 1, b"\x21" + bytes(5)), MP),
    *(Case(f"mp_reach_of_{name}", "RFC 4760 6", other_family(a.MP_REACH, afi, safi, value), KEEP)
      for name, afi, safi, value in (
          ("afi_0", 0, 1, b"\4\x0a\x09\1\1\0\x18\1\1\1"), ("safi_0", 1, 0, b"\4\x0a\x09\1\1\0\x18\1\1\1"),
          ("multicast", 2, 2, b"\x10" + bytes(17) + b"\x81"), ("flowspec", 1, 133, b"\0\0\x02\1\0"),
          ("vpn", 1, 128, b"\x0c" + bytes(13) + b"\xff"), ("evpn", 25, 70, b"\4\x0a\x09\1\1\0\2\xff"),
          ("link_state", 16388, 71, b"\4\x0a\x09\1\1\0\0\1\xff\xff"))),
    *(Case(f"mp_unreach_of_{name}", "RFC 4760 6", other_family(a.MP_UNREACH, afi, safi, value), KEEP)
      for name, afi, safi, value in (("afi_0", 0, 1, b"\xff"), ("multicast", 1, 2, b"\xff"),
                                     ("flowspec", 2, 133, b"\xf0"), ("evpn", 25, 70, b"\2\xff"))),
]

# What is wrong with an attribute is wrong whatever the family of the routes; NEXT_HOP has no meaning for IPv6.
OVER_IPV6 = [replace(case, name=f"{case.name}_over_ipv6", ipv6=True) for case in WELL_KNOWN + OPTIONALS
             if not case.name.startswith("next_hop")]

ALL = WELL_KNOWN + OPTIONALS + FRAMING + MULTIPROTOCOL + OVER_IPV6
