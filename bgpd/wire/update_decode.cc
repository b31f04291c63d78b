// How an UPDATE is judged: every attribute for itself by the table, then the message as a whole (RFC 7606 sections 3 to
// 5). Of several errors the strongest governs.
#include <algorithm>
#include <bitset>
#include <string>

#include "bgpd/wire/as_path.h"
#include "bgpd/wire/attribute_table.h"
#include "bgpd/wire/iana.h"
#include "bgpd/wire/nlri.h"
#include "bgpd/wire/notification.h"
#include "bgpd/wire/update.h"
#include "common/bytes.h"

namespace slash32::bgp {
namespace {

constexpr std::uint8_t kOptionalTransitive = attribute_flag::kOptional | attribute_flag::kTransitive;

/// The strongest thing found wrong so far, and the NOTIFICATION it would take.
struct Fault {
  Verdict verdict = Verdict::Accept;
  std::string why;
  std::uint8_t subcode = 0;
  std::vector<std::uint8_t> data;
  Update::Fault place;  // of it
  Update::Fault here;   // of what is being judged

  void worsen(Verdict to, std::string reason, std::uint8_t code, std::span<const std::uint8_t> offending = {}) {
    if (to <= verdict) return;
    *this = {to, std::move(reason), code, {offending.begin(), offending.end()}, here, here};
  }
  std::unexpected<Notification> reset() const {
    return std::unexpected{notification(ErrorCode::UpdateMessage, subcode, data)};
  }
};

std::unexpected<Notification> update_fail(std::uint8_t subcode) {
  return std::unexpected{notification(ErrorCode::UpdateMessage, subcode)};
}

/// RFC 4271 section 4.3. Fails the reader when the length passes what is left.
RawAttribute read_attribute(ByteReader& in) {
  const auto from = in.peek();
  RawAttribute raw;
  raw.flags = in.u8();
  raw.type = in.u8();
  const std::size_t size = (raw.flags & attribute_flag::kExtendedLength) != 0 ? in.u16() : in.u8();
  raw.value = in.bytes(size);
  raw.whole = from.first(from.size() - in.size());
  return raw;
}

std::string named(const RawAttribute& raw) {
  const AttributeRule* rule = find_rule(raw.type);
  return rule != nullptr ? std::string{rule->name} : "attribute " + std::to_string(raw.type);
}

/// RFC 4271 sections 5 and 6.3.
void keep_unknown(const RawAttribute& raw, Collected& out, Fault& fault) {
  if ((raw.flags & attribute_flag::kOptional) == 0) {
    fault.worsen(Verdict::SessionReset, named(raw) + " is well-known, but not to us (RFC 4271 section 6.3)",
                 update_error::kUnrecognizedWellKnownAttribute, raw.whole);
    return;
  }
  if ((raw.flags & attribute_flag::kTransitive) == 0) return;  // optional non-transitive: quietly ignored
  keep_bytes(raw, out);
}

bool counts_from(From from, const DecodeContext& context) {
  switch (from) {
    case From::Anyone:
      return true;
    case From::Internal:
      return !context.external;
    case From::TwoOctetSpeaker:
      return !context.four_octet_as;
  }
  return true;
}

/// RFC 4271 section 5: Partial of an attribute that we know is kept, to be sent on.
void keep_partial(const RawAttribute& raw, Collected& out) {
  switch (raw.type) {
    case attribute::kAggregator:
      out.common.partial |= partial::kAggregator;
      break;
    case attribute::kAs4Aggregator:
      out.as4_partial |= partial::kAggregator;
      break;
    case attribute::kCommunities:
      out.common.partial |= partial::kCommunities;
      break;
    case attribute::kExtendedCommunities:
      out.common.partial |= partial::kExtendedCommunities;
      break;
    case attribute::kLargeCommunities:
      out.common.partial |= partial::kLargeCommunities;
      break;
    case attribute::kOnlyToCustomer:
      out.common.partial |= partial::kOnlyToCustomer;
      break;
    case attribute::kAs4Path:
      out.as4_partial |= partial::kAs4Path;
      break;
    default:  // well-known or non-transitive: the bit means nothing (section 4.3); kept as octets: it stands there
      break;
  }
}

void read_known(const RawAttribute& raw, const AttributeRule& rule, const DecodeContext& context, Collected& out,
                Fault& fault) {
  if (!counts_from(rule.from, context)) {  // RFC 7606 sections 7.5, 7.9, 7.10; RFC 6793 section 6
    fault.worsen(Verdict::AttributeDiscard, named(raw) + " does not count from this peer",
                 update_error::kOptionalAttributeError, raw.whole);
    return;
  }
  if ((raw.flags & kOptionalTransitive) != rule.flags)  // RFC 7606 section 3(c)
    fault.worsen(Verdict::TreatAsWithdraw, named(raw) + " has wrong flags (RFC 7606 section 3 c)",
                 update_error::kAttributeFlagsError, raw.whole);
  // Read all the same: the NLRI of an MP attribute with wrong flags are what must be withdrawn.
  if (const auto malformed = rule.decode(raw, context, out))
    fault.worsen(malformed->verdict.value_or(rule.malformed),
                 named(raw) + " " + std::string{malformed->why} + " (RFC 7606 section 7)", malformed->subcode,
                 raw.whole);
  else if ((raw.flags & attribute_flag::kPartial) != 0)
    keep_partial(raw, out);
}

/// RFC 7606 section 3(g).
void note_repeated(const RawAttribute& raw, Fault& fault) {
  const bool mp = raw.type == attribute::kMpReachNlri || raw.type == attribute::kMpUnreachNlri;
  fault.worsen(mp ? Verdict::SessionReset : Verdict::AttributeDiscard,
               named(raw) + " is there twice (RFC 7606 section 3 g)", update_error::kMalformedAttributeList);
}

/// The first attribute of this type, where there is a whole one.
std::optional<RawAttribute> find_attribute(ByteReader in, std::uint8_t type) {
  while (!in.empty()) {
    const RawAttribute raw = read_attribute(in);
    if (!in.failed() && raw.type == type) return raw;
  }
  return std::nullopt;
}

/// Octets from the message's first, header included, to where `part` of its body begins.
std::size_t offset_of(std::span<const std::uint8_t> part, std::span<const std::uint8_t> body) {
  return kHeaderSize + static_cast<std::size_t>(part.data() - body.data());
}

struct Sections {
  Nlri withdrawn;
  Nlri nlri;  // IPv4, the message's own field
  ByteReader attributes;
};

/// `body`: of the whole message.
void read_attributes(const Sections& s, std::span<const std::uint8_t> body, const DecodeContext& context,
                     Collected& out, Fault& fault) {
  ByteReader in = s.attributes;
  // RFC 4760 section 3: beside MP_REACH_NLRI alone, NEXT_HOP has no meaning and is ignored.
  const bool ignore_next_hop = s.nlri.prefixes.empty() && find_attribute(in, attribute::kMpReachNlri);
  std::bitset<256> seen;
  while (!in.empty()) {
    fault.here = {std::nullopt, offset_of(in.peek(), body)};
    const RawAttribute raw = read_attribute(in);
    if (in.failed()) {  // RFC 7606 section 4: the lengths disagree, but the NLRI field is still where it is
      fault.worsen(Verdict::TreatAsWithdraw, "the attributes' lengths do not add up (RFC 7606 section 4)",
                   update_error::kMalformedAttributeList);
      return;
    }
    fault.here.attribute = raw.type;
    const AttributeRule* rule = find_rule(raw.type);
    if (seen[raw.type])
      note_repeated(raw, fault);
    else if (rule == nullptr)
      keep_unknown(raw, out, fault);
    else if (raw.type != attribute::kNextHop || !ignore_next_hop)
      read_known(raw, *rule, context, out, fault);
    seen.set(raw.type);
  }
}

/// RFC 6793 section 4.2.3, whatever order the attributes came in.
void undo_as_trans(Collected& c) {
  auto& aggregator = c.common.aggregator;
  if (aggregator && c.as4_aggregator) {
    if (aggregator->asn.value != kAsTrans) return;  // both AS4 attributes are then ignored, and so is their Partial
    aggregator = c.as4_aggregator;
    c.common.partial |= c.as4_partial & partial::kAggregator;
  }
  if (c.as4_path) {
    const bool counts = c.common.as_path.length() >= c.as4_path->length();
    c.common.as_path = merge_as4_path(c.common.as_path, *c.as4_path);
    if (counts && needs_four_octets(c.common.as_path)) c.common.partial |= c.as4_partial & partial::kAs4Path;
  }
}

bool negotiated(const std::optional<AddressFamily>& family, const DecodeContext& context) {
  return family && std::ranges::find(context.families, *family) != context.families.end();
}

/// RFC 4271 section 6.3 and RFC 7606 sections 3(j) and 5.3: where the NLRI cannot be found or read, nothing helps.
Result<Sections, Notification> split(std::span<const std::uint8_t> body, const DecodeContext& context) {
  ByteReader in{body};
  const ByteReader withdrawn = in.sub(in.u16());
  const ByteReader attributes = in.sub(in.u16());
  if (in.failed()) return update_fail(update_error::kMalformedAttributeList);
  const bool path_ids = has_path_ids(context, AddressFamily::IPv4);
  auto gone = decode_nlri(withdrawn, AddressFamily::IPv4, path_ids);
  auto nlri = decode_nlri(in, AddressFamily::IPv4, path_ids);
  if (!gone || !nlri) return update_fail(update_error::kInvalidNetworkField);
  return Sections{std::move(*gone), std::move(*nlri), attributes};
}

/// RFC 7606 section 3(d), and the eBGP path's first AS.
void check_reachable(const Sections& s, std::span<const std::uint8_t> body, const Collected& c,
                     const DecodeContext& context, Fault& fault) {
  const auto missing = [&](std::string_view name, std::uint8_t type) {
    fault.here = {type, std::nullopt};
    fault.worsen(Verdict::TreatAsWithdraw, std::string{name} + " is missing (RFC 7606 section 3 d)",
                 update_error::kMissingWellKnownAttribute, {&type, 1});
  };
  if (!c.has_origin) missing("ORIGIN", attribute::kOrigin);
  if (!c.has_as_path) missing("AS_PATH", attribute::kAsPath);
  if (!s.nlri.prefixes.empty() && !c.next_hop) missing("NEXT_HOP", attribute::kNextHop);
  // RFC 4271 section 6.3: the leftmost AS is the peer's.
  if (c.has_as_path && context.external && context.first_as && c.common.as_path.first() != context.first_as) {
    fault.here = {attribute::kAsPath, std::nullopt};
    if (const auto raw = find_attribute(s.attributes, attribute::kAsPath))
      fault.here.offset = offset_of(raw->whole, body);
    fault.worsen(Verdict::TreatAsWithdraw, "AS_PATH does not begin with the peer's AS (RFC 4271 section 6.3)",
                 update_error::kMalformedAsPath);
  }
}

/// RFC 4724 section 2: nothing at all for IPv4, a lone empty MP_UNREACH_NLRI for others.
std::optional<AddressFamily> end_of_rib(std::span<const std::uint8_t> body, std::size_t attributes_size,
                                        const Collected& c, const DecodeContext& context) {
  if (body.size() == 4 && attributes_size == 0)
    return negotiated(AddressFamily::IPv4, context) ? std::optional{AddressFamily::IPv4} : std::nullopt;
  // The attribute's own header is 3 octets (4 with an extended length) and its value 3, so nothing else fits.
  const bool lone = body.size() == 4 + attributes_size && attributes_size <= 7 && c.unreach && c.unreach->empty;
  return lone && negotiated(c.unreach->family, context) ? c.unreach->family : std::nullopt;
}

/// Path ids go along where any family has them: 0 stands for those without.
void withdraw(Update& update, const Nlri& routes) {
  auto& ids = update.withdrawn_path_ids;
  const std::size_t before = update.withdrawn.size();
  update.withdrawn.insert(update.withdrawn.end(), routes.prefixes.begin(), routes.prefixes.end());
  if (ids.empty() && routes.path_ids.empty()) return;
  ids.resize(before);
  ids.insert(ids.end(), routes.path_ids.begin(), routes.path_ids.end());
  ids.resize(update.withdrawn.size());
}

AttributesPtr share(const PathAttributes& common, const IpAddress& next_hop,
                    const std::optional<IpAddress>& link_local = {}) {
  auto out = std::make_shared<PathAttributes>(common);
  out->next_hop = next_hop;
  out->link_local = link_local;
  return out;
}

void announce(Update& update, AttributesPtr attributes, Nlri&& routes) {
  update.announced.push_back({std::move(attributes), std::move(routes.prefixes), std::move(routes.path_ids)});
}

/// Puts sections and attributes together; what is of a family not negotiated is left out (RFC 4760 section 6).
Update assemble(Sections&& s, Collected&& c, const DecodeContext& context, const Fault& fault) {
  Update update;
  update.verdict = fault.verdict;
  update.complaint = fault.why;
  update.fault = fault.place;
  const bool v4 = negotiated(AddressFamily::IPv4, context);
  if (v4) withdraw(update, s.withdrawn);
  if (!v4) s.nlri = {};
  if (c.unreach && negotiated(c.unreach->family, context)) withdraw(update, c.unreach->routes);
  if (c.reach && !negotiated(c.reach->family, context)) c.reach.reset();
  if (fault.verdict >= Verdict::TreatAsWithdraw) {
    withdraw(update, s.nlri);
    if (c.reach) withdraw(update, c.reach->routes);
    return update;
  }
  undo_as_trans(c);
  if (!s.nlri.prefixes.empty()) announce(update, share(c.common, *c.next_hop), std::move(s.nlri));
  if (c.reach && !c.reach->routes.prefixes.empty())
    announce(update, share(c.common, c.reach->next_hop, c.reach->link_local), std::move(c.reach->routes));
  return update;
}

}  // namespace

Result<Update, Notification> decode_update(std::span<const std::uint8_t> body, const DecodeContext& context) {
  Sections sections = TRY(split(body, context));
  const std::size_t attributes_size = sections.attributes.size();
  Collected collected;
  Fault fault;
  read_attributes(sections, body, context, collected, fault);
  if (fault.verdict == Verdict::SessionReset) return fault.reset();

  const bool reachable = !sections.nlri.prefixes.empty() || (collected.reach && !collected.reach->empty);
  if (reachable) check_reachable(sections, body, collected, context, fault);
  // RFC 7606 section 5.2: attributes but no reachable NLRI, and an error stronger than discarding: the NLRI may have
  // been lost with it. A message of nothing but MP_UNREACH_NLRI is not meant.
  const bool only_unreach = collected.unreach && !collected.has_origin && !collected.has_as_path &&
                            fault.subcode == update_error::kAttributeFlagsError && fault.data.size() == attributes_size;
  if (fault.verdict >= Verdict::TreatAsWithdraw && !reachable && !only_unreach) return fault.reset();

  const auto eor = fault.verdict == Verdict::Accept ? end_of_rib(body, attributes_size, collected, context)
                                                    : std::optional<AddressFamily>{};
  Update update = assemble(std::move(sections), std::move(collected), context, fault);
  update.end_of_rib = eor;
  return update;
}

}  // namespace slash32::bgp
