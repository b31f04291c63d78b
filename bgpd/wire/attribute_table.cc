// RFC 7606 section 7, top to bottom. Decoders look at one attribute only and store nothing when they refuse it.
#include "bgpd/wire/attribute_table.h"

#include <algorithm>
#include <array>

#include "bgpd/wire/as_path.h"
#include "bgpd/wire/family.h"
#include "bgpd/wire/nlri.h"
#include "common/bytes.h"

namespace slash32::bgp {
namespace {

using Outcome = std::optional<Malformed>;

Outcome bad_length(std::string_view why) { return Malformed{why, update_error::kAttributeLengthError, {}}; }

/// RFC 7606 section 7.1.
Outcome decode_origin(const RawAttribute& raw, const DecodeContext&, Collected& out) {
  if (raw.value.size() != 1) return bad_length("must be 1 octet long");
  if (raw.value[0] > 2) return Malformed{"must be 0, 1 or 2", update_error::kInvalidOrigin, {}};
  out.common.origin = static_cast<Origin>(raw.value[0]);
  out.has_origin = true;
  return {};
}

/// RFC 9774 section 3, wherever the set stands.
Malformed as_set_refused() {
  return {"has an AS_SET (RFC 9774; allowAsSet)", update_error::kMalformedAsPath, Verdict::TreatAsWithdraw};
}

/// RFC 7606 section 7.2. We are in no confederation, so RFC 5065 section 5 makes its segments malformed.
Outcome decode_path(const RawAttribute& raw, const DecodeContext& context, Collected& out) {
  auto path = decode_as_path(ByteReader{raw.value}, context.four_octet_as);
  if (!path) return Malformed{"has a broken segment or AS 0", update_error::kMalformedAsPath, {}};
  if (has_confederation(*path)) return Malformed{"has a confederation segment", update_error::kMalformedAsPath, {}};
  if (!context.allow_as_set && has_as_set(*path)) return as_set_refused();
  out.common.as_path = std::move(*path);
  out.has_as_path = true;
  return {};
}

/// Addresses nobody can be reached at; 240.0.0.0/4 has no hosts either (RFC 1112 section 4).
bool is_host_address(const IpAddress& a) {
  if (a.is_unspecified() || a.is_loopback() || a.is_multicast()) return false;
  return !a.is_v4() || (a.v4_value() >> 24 != 0 && a.v4_value() >> 28 != 0xf);
}

/// RFC 7606 section 7.3, RFC 4271 section 6.3.
Outcome decode_next_hop(const RawAttribute& raw, const DecodeContext&, Collected& out) {
  if (raw.value.size() != 4) return bad_length("must be 4 octets long");
  const IpAddress next_hop = IpAddress::v4(ByteReader{raw.value}.u32());
  if (!is_host_address(next_hop)) return Malformed{"is no host's address", update_error::kInvalidNextHop, {}};
  out.next_hop = next_hop;
  return {};
}

Outcome decode_med(const RawAttribute& raw, const DecodeContext&, Collected& out) {  // section 7.4
  if (raw.value.size() != 4) return bad_length("must be 4 octets long");
  out.common.med = ByteReader{raw.value}.u32();
  return {};
}

Outcome decode_local_pref(const RawAttribute& raw, const DecodeContext&, Collected& out) {  // section 7.5
  if (raw.value.size() != 4) return bad_length("must be 4 octets long");
  out.common.local_pref = ByteReader{raw.value}.u32();
  return {};
}

Outcome decode_atomic_aggregate(const RawAttribute& raw, const DecodeContext&, Collected& out) {  // section 7.6
  if (!raw.value.empty()) return bad_length("must be empty");
  out.common.atomic_aggregate = true;
  return {};
}

/// RFC 7606 section 7.7; AS 0: RFC 7607 section 2.
Outcome decode_aggregator(const RawAttribute& raw, const DecodeContext& context, Collected& out) {
  if (raw.value.size() != (context.four_octet_as ? 8U : 6U))
    return bad_length("must be 8 octets long, or 6 for two-octet AS numbers");
  ByteReader in{raw.value};
  const Asn asn{context.four_octet_as ? in.u32() : in.u16()};
  if (asn.value == 0) return Malformed{"names AS 0", update_error::kOptionalAttributeError, {}};
  out.common.aggregator = Aggregator{asn, RouterId{in.u32()}};
  return {};
}

Outcome decode_communities(const RawAttribute& raw, const DecodeContext&, Collected& out) {  // section 7.8
  if (raw.value.empty() || raw.value.size() % 4 != 0) return bad_length("must be a non-zero multiple of 4 octets long");
  for (ByteReader in{raw.value}; !in.empty();) out.common.communities.push_back(in.u32());
  return {};
}

Outcome decode_originator_id(const RawAttribute& raw, const DecodeContext&, Collected& out) {  // section 7.9
  if (raw.value.size() != 4) return bad_length("must be 4 octets long");
  out.common.originator_id = RouterId{ByteReader{raw.value}.u32()};
  return {};
}

Outcome decode_cluster_list(const RawAttribute& raw, const DecodeContext&, Collected& out) {  // section 7.10
  if (raw.value.empty() || raw.value.size() % 4 != 0) return bad_length("must be a non-zero multiple of 4 octets long");
  for (ByteReader in{raw.value}; !in.empty();) out.common.cluster_list.push_back(RouterId{in.u32()});
  return {};
}

Outcome decode_extended_communities(const RawAttribute& raw, const DecodeContext&, Collected& out) {  // section 7.14
  if (raw.value.empty() || raw.value.size() % 8 != 0) return bad_length("must be a non-zero multiple of 8 octets long");
  for (ByteReader in{raw.value}; !in.empty();) {
    ExtendedCommunity community{};
    std::ranges::copy(in.bytes(community.size()), community.begin());
    out.common.extended_communities.push_back(community);
  }
  return {};
}

/// RFC 7606 section 7.15, RFC 5701: looked at no further, only passed on.
Outcome decode_ipv6_extended_communities(const RawAttribute& raw, const DecodeContext&, Collected& out) {
  if (raw.value.empty() || raw.value.size() % 20 != 0)
    return bad_length("must be a non-zero multiple of 20 octets long");
  keep_bytes(raw, out);
  return {};
}

/// RFC 8092 sections 3 and 6: repeated values are dropped.
Outcome decode_large_communities(const RawAttribute& raw, const DecodeContext&, Collected& out) {
  if (raw.value.empty() || raw.value.size() % 12 != 0)
    return bad_length("must be a non-zero multiple of 12 octets long");
  auto& list = out.common.large_communities;
  for (ByteReader in{raw.value}; !in.empty();) {
    const std::uint32_t global = in.u32();
    const std::uint32_t local1 = in.u32();
    const LargeCommunity community{global, local1, in.u32()};
    if (std::ranges::find(list, community) == list.end()) list.push_back(community);
  }
  return {};
}

/// RFC 6793 section 6: a malformed AS4_PATH is discarded, and so are confederation segments in it.
Outcome decode_as4_path(const RawAttribute& raw, const DecodeContext& context, Collected& out) {
  auto path = decode_as_path(ByteReader{raw.value}, true);
  if (!path || raw.value.empty()) return Malformed{"has a broken segment or AS 0", update_error::kMalformedAsPath, {}};
  if (!context.allow_as_set && has_as_set(*path)) return as_set_refused();
  out.as4_path = without_confederation(std::move(*path));
  return {};
}

Outcome decode_as4_aggregator(const RawAttribute& raw, const DecodeContext&, Collected& out) {  // RFC 6793 section 6
  if (raw.value.size() != 8) return bad_length("must be 8 octets long");
  ByteReader in{raw.value};
  const Asn asn{in.u32()};
  if (asn.value == 0) return Malformed{"names AS 0", update_error::kOptionalAttributeError, {}};  // RFC 7607
  out.as4_aggregator = Aggregator{asn, RouterId{in.u32()}};
  return {};
}

/// RFC 9234 section 5: 4 octets, else treat-as-withdraw.
Outcome decode_only_to_customer(const RawAttribute& raw, const DecodeContext&, Collected& out) {
  if (raw.value.size() != 4) return bad_length("must be 4 octets long");
  out.common.only_to_customer = Asn{ByteReader{raw.value}.u32()};
  return {};
}

Outcome bad_mp(std::string_view why) { return Malformed{why, update_error::kOptionalAttributeError, {}}; }

/// The next hop of MP_REACH_NLRI: 4 octets for IPv4, 16 or 32 for IPv6 (RFC 2545 section 3) and, where RFC 8950 is
/// negotiated, for IPv4. False: no such length for this family.
bool read_mp_next_hop(ByteReader in, const DecodeContext& context, MpReach& reach) {
  const std::size_t size = in.size();
  if (*reach.family == AddressFamily::IPv4 && size == 4) {
    reach.next_hop = IpAddress::v4(in.u32());
    return true;
  }
  if (*reach.family == AddressFamily::IPv4 && !context.extended_next_hop) return false;
  if (size != 16 && size != 32) return false;
  const auto read = [&] {
    std::array<std::uint8_t, 16> octets{};
    std::ranges::copy(in.bytes(octets.size()), octets.begin());
    return IpAddress::v6(octets);
  };
  reach.next_hop = read();
  if (size == 32) {
    const IpAddress second = read();
    // Some speakers send "::" before the link-local address, or that address twice.
    if (reach.next_hop.is_unspecified()) reach.next_hop = second;
    if (second.is_link_local()) reach.link_local = second;
  }
  return true;
}

/// RFC 7606 section 7.11: what cannot be parsed hides where the NLRI are, so the session cannot go on; a next hop that
/// is no host's address only spoils the routes.
Outcome decode_mp_reach(const RawAttribute& raw, const DecodeContext& context, Collected& out) {
  ByteReader in{raw.value};
  MpReach reach;
  const std::uint16_t afi = in.u16();
  const std::uint8_t safi = in.u8();
  ByteReader next_hop = in.sub(in.u8());
  in.u8();  // reserved (RFC 4760 section 3: ignored)
  if (in.failed()) return bad_mp("is shorter than its next hop");
  reach.family = to_family(afi, safi);
  reach.empty = in.empty();
  Outcome outcome;
  if (reach.family) {
    if (!read_mp_next_hop(next_hop, context, reach)) return bad_mp("has a next hop of a wrong length");
    auto routes = decode_nlri(in, *reach.family, has_path_ids(context, *reach.family));
    if (!routes) return bad_mp("has a prefix that is too long or cut off");
    reach.routes = std::move(*routes);
    if (!is_host_address(reach.next_hop))
      outcome = Malformed{"has a next hop that is no host's address", update_error::kOptionalAttributeError,
                          Verdict::TreatAsWithdraw};
  }
  out.reach = std::move(reach);
  return outcome;
}

Outcome decode_mp_unreach(const RawAttribute& raw, const DecodeContext& context, Collected& out) {  // section 7.12
  ByteReader in{raw.value};
  MpUnreach unreach;
  const std::uint16_t afi = in.u16();
  const std::uint8_t safi = in.u8();
  if (in.failed()) return bad_mp("is shorter than 3 octets");
  unreach.family = to_family(afi, safi);
  unreach.empty = in.empty();
  if (unreach.family) {
    auto routes = decode_nlri(in, *unreach.family, has_path_ids(context, *unreach.family));
    if (!routes) return bad_mp("has a prefix that is too long or cut off");
    unreach.routes = std::move(*routes);
  }
  out.unreach = std::move(unreach);
  return {};
}

constexpr std::uint8_t kWellKnown = attribute_flag::kTransitive;
constexpr std::uint8_t kOptionalOnly = attribute_flag::kOptional;
constexpr std::uint8_t kOptionalTransitive = attribute_flag::kOptional | attribute_flag::kTransitive;
constexpr Verdict kWithdraw = Verdict::TreatAsWithdraw;
constexpr Verdict kDiscard = Verdict::AttributeDiscard;
constexpr Verdict kReset = Verdict::SessionReset;

// clang-format off
constexpr std::array kRules{
    AttributeRule{attribute::kOrigin,              "ORIGIN",               kWellKnown,          From::Anyone,          kWithdraw, decode_origin},
    AttributeRule{attribute::kAsPath,              "AS_PATH",              kWellKnown,          From::Anyone,          kWithdraw, decode_path},
    AttributeRule{attribute::kNextHop,             "NEXT_HOP",             kWellKnown,          From::Anyone,          kWithdraw, decode_next_hop},
    AttributeRule{attribute::kMultiExitDisc,       "MULTI_EXIT_DISC",      kOptionalOnly,       From::Anyone,          kWithdraw, decode_med},
    AttributeRule{attribute::kLocalPref,           "LOCAL_PREF",           kWellKnown,          From::Internal,        kWithdraw, decode_local_pref},
    AttributeRule{attribute::kAtomicAggregate,     "ATOMIC_AGGREGATE",     kWellKnown,          From::Anyone,          kDiscard,  decode_atomic_aggregate},
    AttributeRule{attribute::kAggregator,          "AGGREGATOR",           kOptionalTransitive, From::Anyone,          kDiscard,  decode_aggregator},
    AttributeRule{attribute::kCommunities,         "COMMUNITIES",          kOptionalTransitive, From::Anyone,          kWithdraw, decode_communities},
    AttributeRule{attribute::kOriginatorId,        "ORIGINATOR_ID",        kOptionalOnly,       From::Internal,        kWithdraw, decode_originator_id},
    AttributeRule{attribute::kClusterList,         "CLUSTER_LIST",         kOptionalOnly,       From::Internal,        kWithdraw, decode_cluster_list},
    AttributeRule{attribute::kMpReachNlri,         "MP_REACH_NLRI",        kOptionalOnly,       From::Anyone,          kReset,    decode_mp_reach},
    AttributeRule{attribute::kMpUnreachNlri,       "MP_UNREACH_NLRI",      kOptionalOnly,       From::Anyone,          kReset,    decode_mp_unreach},
    AttributeRule{attribute::kExtendedCommunities, "EXTENDED COMMUNITIES", kOptionalTransitive, From::Anyone,          kWithdraw, decode_extended_communities},
    AttributeRule{attribute::kAs4Path,             "AS4_PATH",             kOptionalTransitive, From::TwoOctetSpeaker, kDiscard,  decode_as4_path},
    AttributeRule{attribute::kAs4Aggregator,       "AS4_AGGREGATOR",       kOptionalTransitive, From::TwoOctetSpeaker, kDiscard,  decode_as4_aggregator},
    AttributeRule{attribute::kIpv6ExtendedCommunities, "IPV6 EXTENDED COMMUNITIES", kOptionalTransitive, From::Anyone, kWithdraw, decode_ipv6_extended_communities},
    AttributeRule{attribute::kLargeCommunities,    "LARGE_COMMUNITY",      kOptionalTransitive, From::Anyone,          kWithdraw, decode_large_communities},
    AttributeRule{attribute::kOnlyToCustomer,      "OTC",                  kOptionalTransitive, From::Anyone,          kWithdraw, decode_only_to_customer},
};
// clang-format on

}  // namespace

bool has_path_ids(const DecodeContext& context, AddressFamily family) {
  return std::ranges::find(context.add_path, family) != context.add_path.end();
}

void keep_bytes(const RawAttribute& raw, Collected& out) {
  UnknownAttribute kept{static_cast<std::uint8_t>(raw.flags & ~attribute_flag::kExtendedLength),
                        raw.type,
                        {raw.value.begin(), raw.value.end()}};
  auto& list = out.common.unknown;
  list.insert(std::ranges::upper_bound(list, kept.type, {}, &UnknownAttribute::type), std::move(kept));
}

const AttributeRule* find_rule(std::uint8_t type) {
  const auto* rule = std::ranges::find(kRules, type, &AttributeRule::type);
  return rule == kRules.end() ? nullptr : rule;
}

}  // namespace slash32::bgp
