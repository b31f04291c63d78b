// Attributes in the order of their types (RFC 4271 section 5), MP_REACH_NLRI before them (RFC 7606 section 5.1), and
// messages filled with as many prefixes as fit.
#include "bgpd/wire/update_encode.h"

#include <algorithm>
#include <string>

#include "bgpd/wire/as_path.h"
#include "bgpd/wire/family.h"
#include "bgpd/wire/header.h"
#include "bgpd/wire/nlri.h"
#include "common/bytes.h"

namespace slash32::bgp {
namespace {

constexpr std::uint8_t kWellKnown = attribute_flag::kTransitive;
constexpr std::uint8_t kOptional = attribute_flag::kOptional;
constexpr std::uint8_t kOptionalTransitive = attribute_flag::kOptional | attribute_flag::kTransitive;
constexpr std::uint32_t kDefaultLocalPref = 100;
constexpr std::size_t kUpdateOverhead = kHeaderSize + 4;   // header and the two length fields
constexpr std::size_t kMpReachOverhead = 4 + 5;            // attribute header; AFI, SAFI, next hop length, reserved
constexpr std::size_t kUsualBlock = 128, kUsualPath = 64;  // octets that most attribute sets, and AS_PATHs, stay below

void write_attribute_header(ByteWriter& out, std::uint8_t flags, std::uint8_t type, std::size_t size) {
  const bool extended = size > 255;
  out.u8(static_cast<std::uint8_t>((flags & ~attribute_flag::kExtendedLength) |
                                   (extended ? attribute_flag::kExtendedLength : 0)));
  out.u8(type);
  if (extended)
    out.u16(static_cast<std::uint16_t>(size));
  else
    out.u8(static_cast<std::uint8_t>(size));
}

/// Writes attributes in the order it is told and slips the unknown ones in where their type belongs.
class BlockWriter {
 public:
  explicit BlockWriter(const std::vector<UnknownAttribute>& unknown) : unknown_(unknown), out_(kUsualBlock) {}

  void put(std::uint8_t flags, std::uint8_t type, std::span<const std::uint8_t> value) {
    put_unknown_below(type);
    put_one(flags, type, value);
  }
  void put_u32(std::uint8_t flags, std::uint8_t type, std::uint32_t value) {
    ByteWriter w(sizeof value);
    w.u32(value);
    put(flags, type, w.data());
  }
  Result<std::vector<std::uint8_t>> finish() {
    put_unknown_below(256);
    if (too_long_ != 0) return fail(999, "attribute " + std::to_string(too_long_) + " is longer than 65535 octets");
    return out_.take();
  }

 private:
  void put_unknown_below(unsigned type) {
    for (; next_ < unknown_.size() && unknown_[next_].type < type; ++next_) {
      const UnknownAttribute& u = unknown_[next_];
      // RFC 4271 section 5: who passes on what it does not know says so. RFC 5701's is known, if kept as octets.
      const bool known = u.type == attribute::kIpv6ExtendedCommunities;
      put_one(known ? u.flags : u.flags | attribute_flag::kPartial, u.type, u.value);
    }
  }
  void put_one(std::uint8_t flags, std::uint8_t type, std::span<const std::uint8_t> value) {
    if (value.size() > 0xffff) {
      too_long_ = type;
      return;
    }
    write_attribute_header(out_, flags, type, value.size());
    out_.bytes(value);
  }

  const std::vector<UnknownAttribute>& unknown_;
  std::size_t next_ = 0;
  std::uint8_t too_long_ = 0;
  ByteWriter out_;
};

/// The flags of an optional transitive attribute; `bit`: its one in `PathAttributes::partial`.
std::uint8_t optional_transitive(const PathAttributes& a, std::uint8_t bit) {
  return (a.partial & bit) == 0 ? kOptionalTransitive : kOptionalTransitive | attribute_flag::kPartial;
}

std::vector<std::uint8_t> path_value(const AsPath& path, bool four_octet) {
  ByteWriter w(kUsualPath);
  encode_as_path(path, four_octet, w);
  return w.take();
}

std::vector<std::uint8_t> aggregator_value(const Aggregator& a, bool four_octet) {
  ByteWriter w;
  if (four_octet)
    w.u32(a.asn.value);
  else
    w.u16(a.asn.value > 0xffff ? kAsTrans : static_cast<std::uint16_t>(a.asn.value));
  w.u32(a.id.value);
  return w.take();
}

void put_communities(const PathAttributes& a, BlockWriter& out) {
  if (a.communities.empty()) return;
  ByteWriter w(a.communities.size() * sizeof(Community));
  for (const Community c : a.communities) w.u32(c);
  out.put(optional_transitive(a, partial::kCommunities), attribute::kCommunities, w.data());
}

void put_extended_communities(const PathAttributes& a, BlockWriter& out) {
  if (a.extended_communities.empty()) return;
  ByteWriter w(a.extended_communities.size() * sizeof(ExtendedCommunity));
  for (const ExtendedCommunity& c : a.extended_communities) w.bytes(c);
  out.put(optional_transitive(a, partial::kExtendedCommunities), attribute::kExtendedCommunities, w.data());
}

void put_large_communities(const PathAttributes& a, BlockWriter& out) {
  if (a.large_communities.empty()) return;
  ByteWriter w(a.large_communities.size() * sizeof(LargeCommunity));
  for (const LargeCommunity& c : a.large_communities) {
    w.u32(c.global);
    w.u32(c.local1);
    w.u32(c.local2);
  }
  out.put(optional_transitive(a, partial::kLargeCommunities), attribute::kLargeCommunities, w.data());
}

void put_reflection(const PathAttributes& a, BlockWriter& out) {  // RFC 4456 section 8
  if (a.originator_id) out.put_u32(kOptional, attribute::kOriginatorId, a.originator_id->value);
  if (a.cluster_list.empty()) return;
  ByteWriter w;
  for (const RouterId id : a.cluster_list) w.u32(id.value);
  out.put(kOptional, attribute::kClusterList, w.data());
}

/// RFC 6793 section 4.2.2: only where something was lost to AS_TRANS, and without confederation segments.
void put_as4(const PathAttributes& a, BlockWriter& out) {
  if (needs_four_octets(a.as_path))
    out.put(optional_transitive(a, partial::kAs4Path), attribute::kAs4Path,
            path_value(without_confederation(a.as_path), true));
  if (a.aggregator && a.aggregator->asn.value > 0xffff)
    out.put(optional_transitive(a, partial::kAggregator), attribute::kAs4Aggregator,
            aggregator_value(*a.aggregator, true));
}

/// MP_REACH_NLRI's next hop field; empty where NEXT_HOP serves.
Result<std::vector<std::uint8_t>> mp_next_hop(const PathAttributes& a, AddressFamily family) {
  if (a.next_hop.is_v4() && family == AddressFamily::IPv4) return std::vector<std::uint8_t>{};
  if (a.next_hop.is_v4()) return fail(999, "IPv6 routes with the IPv4 next hop " + a.next_hop.to_string());
  ByteWriter w;
  w.bytes(a.next_hop.bytes());
  if (a.link_local && a.link_local->is_v6()) w.bytes(a.link_local->bytes());  // RFC 2545 section 3
  return w.take();
}

void append(std::vector<std::uint8_t>& out, const std::vector<std::uint8_t>& bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// What so many prefixes take at most.
std::size_t most_octets(std::size_t prefixes, AddressFamily family) {
  return prefixes * (kPathIdSize + 1 + (family == AddressFamily::IPv4 ? 4 : 16));
}

/// How many of `prefixes` fit into `room` octets.
std::size_t fitting(std::span<const Prefix> prefixes, std::size_t room, std::optional<PathId> path_id) {
  const std::size_t each = path_id ? kPathIdSize : 0;
  std::size_t used = 0;
  for (std::size_t i = 0; i < prefixes.size(); ++i) {
    used += encoded_size(prefixes[i]) + each;
    if (used > room) return i;
  }
  return prefixes.size();
}

void write_announcement(const AttributeView& block, std::span<const Prefix> prefixes, std::optional<PathId> path_id,
                        ByteWriter& out) {
  const std::size_t begin = begin_message(out, MessageType::Update);
  out.u16(0);  // no withdrawn routes
  const std::size_t length_at = out.size();
  out.u16(0);
  if (!block.mp_next_hop.empty()) {  // RFC 7606 section 5.1: first of all attributes
    out.u8(kOptional | attribute_flag::kExtendedLength);
    out.u8(attribute::kMpReachNlri);
    const std::size_t mp_at = out.size();
    out.u16(0);
    out.u16(to_afi(block.family));
    out.u8(kSafiUnicast);
    out.u8(static_cast<std::uint8_t>(block.mp_next_hop.size()));
    out.bytes(block.mp_next_hop);
    out.u8(0);  // reserved
    encode_nlri(prefixes, path_id, out);
    out.patch_u16(mp_at, static_cast<std::uint16_t>(out.size() - mp_at - 2));
  }
  out.bytes(block.bytes);
  out.patch_u16(length_at, static_cast<std::uint16_t>(out.size() - length_at - 2));
  if (block.mp_next_hop.empty()) encode_nlri(prefixes, path_id, out);
  end_message(out, begin);
}

void write_withdrawal(std::span<const Prefix> prefixes, AddressFamily family, std::optional<PathId> path_id,
                      ByteWriter& out) {
  const std::size_t begin = begin_message(out, MessageType::Update);
  const std::size_t length_at = out.size();
  out.u16(0);
  if (family == AddressFamily::IPv4) {
    encode_nlri(prefixes, path_id, out);
    out.patch_u16(length_at, static_cast<std::uint16_t>(out.size() - length_at - 2));
    out.u16(0);  // no attributes
  } else {
    const std::size_t attributes_at = out.size();
    out.u16(0);
    out.u8(kOptional | attribute_flag::kExtendedLength);
    out.u8(attribute::kMpUnreachNlri);
    const std::size_t mp_at = out.size();
    out.u16(0);
    out.u16(to_afi(family));
    out.u8(kSafiUnicast);
    encode_nlri(prefixes, path_id, out);
    out.patch_u16(mp_at, static_cast<std::uint16_t>(out.size() - mp_at - 2));
    out.patch_u16(attributes_at, static_cast<std::uint16_t>(out.size() - attributes_at - 2));
  }
  end_message(out, begin);
}

}  // namespace

Result<AttributeBlock> encode_attribute_block(const PathAttributes& a, AddressFamily family,
                                              const EncodeContext& context) {
  AttributeBlock block{family, {}, TRY(mp_next_hop(a, family))};
  BlockWriter out{a.unknown};
  const auto origin = static_cast<std::uint8_t>(a.origin);
  out.put(kWellKnown, attribute::kOrigin, {&origin, 1});
  out.put(kWellKnown, attribute::kAsPath, path_value(a.as_path, context.four_octet_as));
  if (block.mp_next_hop.empty()) out.put(kWellKnown, attribute::kNextHop, a.next_hop.bytes());
  if (a.med) out.put_u32(kOptional, attribute::kMultiExitDisc, *a.med);
  if (!context.external)  // RFC 4271 section 5.1.5: always to internal peers, never to external ones
    out.put_u32(kWellKnown, attribute::kLocalPref, a.local_pref.value_or(kDefaultLocalPref));
  if (a.atomic_aggregate) out.put(kWellKnown, attribute::kAtomicAggregate, {});
  if (a.aggregator)
    out.put(optional_transitive(a, partial::kAggregator), attribute::kAggregator,
            aggregator_value(*a.aggregator, context.four_octet_as));
  put_communities(a, out);
  if (!context.external) put_reflection(a, out);
  put_extended_communities(a, out);
  if (!context.four_octet_as) put_as4(a, out);
  put_large_communities(a, out);
  if (a.only_to_customer)
    out.put_u32(optional_transitive(a, partial::kOnlyToCustomer), attribute::kOnlyToCustomer,
                a.only_to_customer->value);
  block.bytes = TRY(out.finish());
  return block;
}

Result<std::size_t> encode_announcements(const AttributeView& block, std::span<const Prefix> prefixes,
                                         std::size_t max_size, std::vector<std::uint8_t>& out,
                                         std::optional<PathId> path_id) {
  const std::size_t overhead = kUpdateOverhead + block.bytes.size() +
                               (block.mp_next_hop.empty() ? 0 : kMpReachOverhead + block.mp_next_hop.size());
  ByteWriter writer(std::min(max_size, overhead + most_octets(prefixes.size(), block.family)));
  std::size_t messages = 0;
  while (!prefixes.empty()) {
    const std::size_t count = overhead < max_size ? fitting(prefixes, max_size - overhead, path_id) : 0;
    if (count == 0)
      return fail(999, "attributes of " + std::to_string(block.bytes.size()) + " octets leave no room for " +
                           prefixes.front().to_string() + " in " + std::to_string(max_size));
    write_announcement(block, prefixes.first(count), path_id, writer);
    prefixes = prefixes.subspan(count);
    ++messages;
  }
  append(out, writer.data());
  return messages;
}

Result<std::size_t> encode_announcements(const AttributeBlock& block, std::span<const Prefix> prefixes,
                                         std::size_t max_size, std::vector<std::uint8_t>& out,
                                         std::optional<PathId> path_id) {
  return encode_announcements(AttributeView{block.family, block.bytes, block.mp_next_hop}, prefixes, max_size, out,
                              path_id);
}

std::size_t encode_withdrawals(std::span<const Prefix> prefixes, AddressFamily family, std::size_t max_size,
                               std::vector<std::uint8_t>& out, std::optional<PathId> path_id) {
  const std::size_t overhead = kUpdateOverhead + (family == AddressFamily::IPv4 ? 0 : 7);
  ByteWriter writer(std::min(max_size, overhead + most_octets(prefixes.size(), family)));
  std::size_t messages = 0;
  for (; !prefixes.empty(); ++messages) {
    const std::size_t count = fitting(prefixes, max_size - overhead, path_id);
    write_withdrawal(prefixes.first(count), family, path_id, writer);
    prefixes = prefixes.subspan(count);
  }
  append(out, writer.data());
  return messages;
}

std::vector<std::uint8_t> encode_end_of_rib(AddressFamily family) {
  ByteWriter out;
  write_withdrawal({}, family, std::nullopt, out);
  return out.take();
}

}  // namespace slash32::bgp
