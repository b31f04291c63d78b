#include "bgpd/rib/export.h"

#include <algorithm>
#include <span>
#include <vector>

#include "bgpd/rib/decision.h"
#include "bgpd/wire/as_path.h"
#include "bgpd/wire/iana.h"
#include "bgpd/wire/nlri.h"

namespace slash32::bgp {
namespace {

using config::NextHopMode;
using config::RouteSource;

// RFC 1997, "Well-known Communities".
constexpr Community kNoExport = community::kNoExport;
constexpr Community kNoAdvertise = 0xffffff02;
constexpr Community kNoExportSubconfed = 0xffffff03;

// What stands in a message beside attributes and one IPv6 route: header 19, two lengths 4, MP_REACH_NLRI's own octets
// 9, the route 17 (RFC 4271 section 4.3, RFC 4760 section 3).
constexpr std::size_t kRoomForOneRoute = 19 + 4 + 9 + 17;

constexpr std::uint8_t kNonTransitive = 0x40;  // RFC 4360 section 2, extended community type

bool has(const PathAttributes& attributes, Community community) {
  return std::ranges::find(attributes.communities, community) != attributes.communities.end();
}

// RFC 4456 section 6: clients hear everything, non-clients hear clients. RFC 4271 section 9.2 otherwise: nothing that
// an internal peer said goes to another one.
bool may_cross(const ExportSettings& to, const ExportRoute& route) {
  if (route.source != RouteSource::Ibgp || to.external) return true;
  return route.from_client || to.client;
}

// Communities of a learned route bind us; on a route of our own they are meant for those who receive it.
Withheld well_known(const ExportSettings& to, const ExportRoute& route) {
  if (route.source == RouteSource::Local) return Withheld::No;
  if (has(*route.attributes, kNoAdvertise)) return Withheld::NoAdvertise;
  const bool stays = has(*route.attributes, kNoExport) || has(*route.attributes, kNoExportSubconfed);
  return stays && to.external ? Withheld::NoExport : Withheld::No;
}

void add(const ExportRoute& route, PathAttributes& attributes, Community community) {
  if (has(attributes, community)) return;
  const bool was_there = !attributes.communities.empty();
  attributes.communities.push_back(community);
  note_partial(attributes, partial::kCommunities, attributes.communities, was_there,
               route.source == RouteSource::Local);
}

// RFC 9494 section 4.3: the last resort is for those who know it as that; section 4.6: or for our own AS, made worse
// than anything else.
bool may_hear_last_resort(const ExportSettings& to) {
  return to.long_lived_understood || (to.long_lived_partial && !to.external);
}

void mark_last_resort(const ExportSettings& to, const ExportRoute& route, PathAttributes& out) {
  add(route, out, community::kLlgrStale);  // section 4.3: never removed on the way
  if (to.long_lived_understood) return;
  add(route, out, kNoExport);
  out.local_pref = 0;
}

// RFC 9234 section 5: what is for customers only goes neither up nor aside.
bool leaks(const ExportSettings& to, const ExportRoute& route) {
  if (!to.role || !route.attributes->only_to_customer) return false;
  return *to.role == BgpRole::Customer || *to.role == BgpRole::Peer || *to.role == BgpRole::RsClient;
}

// RFC 9234 section 5: what we tell a customer, a peer or a client of our route server is for its customers only.
bool marks_otc(const ExportSettings& to) {
  return to.role && (*to.role == BgpRole::Provider || *to.role == BgpRole::Peer || *to.role == BgpRole::Rs);
}

// RFC 4271 section 5.1.4: a MED from one neighbouring AS is not passed on to another; policy may set a new one.
bool drops_med(const ExportSettings& to, const ExportRoute& route) {
  return to.external && route.source != RouteSource::Local && route.attributes->med.has_value();
}

bool names_ourselves(const ExportSettings& to, const ExportRoute& route) {
  const auto by_policy = route.attributes->marks.next_hop;
  if (by_policy != PolicyMarks::NextHop::AsUsual) return by_policy == PolicyMarks::NextHop::Self;
  if (route.source == RouteSource::Local) return true;
  // RFC 2545 section 3: good on its own link only.
  if (route.attributes->next_hop.is_v6() && route.attributes->next_hop.is_link_local()) return true;
  switch (to.next_hop) {
    case NextHopMode::Self:
      return true;
    case NextHopMode::Keep:
      return false;
    case NextHopMode::Auto:
      return to.external;  // RFC 4271 section 5.1.3 (1), (2)
  }
  return true;
}

void set_next_hop(const ExportSettings& to, const ExportRoute& route, PathAttributes& out) {
  if (!names_ourselves(to, route)) {
    out.link_local.reset();  // RFC 2545 section 3: good on its own link only
    return;
  }
  out.next_hop = to.own_next_hop(route.prefix.family()).value_or(IpAddress{});
  out.link_local = out.next_hop.is_v4() || out.next_hop.is_link_local() ? std::nullopt : to.local_link_local;
}

/// RFC 4360 section 6, which RFC 5701 section 2 takes over: non-transitive communities stay in the AS. Those of RFC
/// 5701 are kept as octets.
void drop_non_transitive(PathAttributes& out) {
  constexpr std::size_t kSize = 20;
  std::erase_if(out.extended_communities, [](const ExtendedCommunity& c) { return (c[0] & kNonTransitive) != 0; });
  note_partial(out, partial::kExtendedCommunities, out.extended_communities, true, false);
  for (UnknownAttribute& one : out.unknown) {
    if (one.type != attribute::kIpv6ExtendedCommunities) continue;
    std::vector<std::uint8_t> stays;
    for (auto rest = std::span<const std::uint8_t>(one.value); rest.size() >= kSize; rest = rest.subspan(kSize))
      if ((rest[0] & kNonTransitive) == 0) stays.insert(stays.end(), rest.begin(), rest.begin() + kSize);
    one.value = std::move(stays);
  }
  std::erase_if(out.unknown, [](const UnknownAttribute& one) {
    return one.type == attribute::kIpv6ExtendedCommunities && one.value.empty();
  });
}

void to_external_peer(const ExportSettings& to, const ExportRoute& route, PathAttributes& out) {
  out.as_path.prepend(to.local_as);  // RFC 4271 section 5.1.2 b)
  out.local_pref.reset();            // section 5.1.5
  out.originator_id.reset();         // RFC 4456 section 8: non-transitive
  out.cluster_list.clear();
  if (marks_otc(to) && !out.only_to_customer) {
    out.only_to_customer = to.local_as;
    if (route.source != RouteSource::Local) out.partial |= partial::kOnlyToCustomer;  // RFC 4271 section 5
  }
  drop_non_transitive(out);
}

void to_internal_peer(const ExportSettings& to, const ExportRoute& route, PathAttributes& out) {
  out.local_pref = out.local_pref.value_or(kDefaultLocalPref);  // RFC 4271 section 5.1.5: it must be there
  if (route.source != RouteSource::Ibgp) {
    out.originator_id.reset();
    out.cluster_list.clear();
    return;
  }
  if (!out.originator_id) out.originator_id = route.from_id;         // RFC 4456 section 8
  out.cluster_list.insert(out.cluster_list.begin(), to.cluster_id);  // RFC 4456 section 8: prepend the local one
}

// RFC 8326 section 4.2: a route that is about to go says so, and is used last. Internal peers need no policy for that.
void depref(const ExportSettings& to, const ExportRoute& route, PathAttributes& out) {
  add(route, out, community::kGracefulShutdown);
  if (!to.external) out.local_pref = 0;
}

PathAttributes attributes_to_send(const ExportSettings& to, const ExportRoute& route, bool policy_changed) {
  PathAttributes out = *route.attributes;
  if (!policy_changed && drops_med(to, route)) out.med.reset();
  set_next_hop(to, route, out);
  if (to.external)
    to_external_peer(to, route, out);
  else
    to_internal_peer(to, route, out);
  if (to.draining) depref(to, route, out);
  if (out.marks.long_lived_stale) mark_last_resort(to, route, out);
  if (route.source != RouteSource::Local)
    for (UnknownAttribute& unknown : out.unknown)  // RFC 4271 section 5; RFC 5701's is none that we do not know
      if (unknown.type != attribute::kIpv6ExtendedCommunities) unknown.flags |= attribute_flag::kPartial;
  return out;
}

// A next hop of a family that the neighbour takes.
bool takes_next_hop(const ExportSettings& to, AddressFamily family, const PathAttributes& sent) {
  return family == AddressFamily::IPv6 || sent.next_hop.is_v4() || to.extended_next_hop;
}

bool sets_next_hops(const Policies& policies, const std::optional<std::vector<std::string>>& names) {
  if (!names) return false;
  return std::ranges::any_of(*names, [&](const std::string& name) {
    const auto policy = policies.find(name);
    return policy != policies.end() && std::ranges::any_of(policy->second, [](const auto& term) {
             return term.set.next_hop.v4.has_value() || term.set.next_hop.v6.has_value();
           });
  });
}

}  // namespace

bool ExportSettings::carries(AddressFamily family) const {
  return std::ranges::find(families, family) != families.end();
}

bool ExportSettings::sends(AddressFamily family) const { return carries(family) && own_next_hop(family).has_value(); }

const std::optional<IpAddress>& ExportSettings::own_next_hop(AddressFamily family) const {
  if (family == AddressFamily::IPv6) return local_v6;
  return !local_v4 && extended_next_hop ? local_v6 : local_v4;
}

bool ExportSettings::keeps_next_hop() const {
  return policies_set_next_hops || next_hop == NextHopMode::Keep || (next_hop == NextHopMode::Auto && !external);
}

ExportSettings export_settings(const RibPeer& peer, const RibSettings& rib) {
  return {.external = peer.external,
          .client = peer.route_reflector_client && !peer.external,
          .local_as = peer.local_as,
          .cluster_id = rib.cluster_id,
          .four_octet_as = peer.four_octet_as,
          .families = peer.families,
          .local_v4 = peer.local_v4,
          .local_v6 = peer.local_v6,
          // RFC 2545 section 3: with a peer on the same link only, which internal peers need not be.
          .local_link_local =
              peer.external || peer.address.is_link_local() ? peer.local_link_local : std::optional<IpAddress>{},
          .extended_next_hop = peer.extended_next_hop,
          .next_hop = peer.next_hop,
          .add_path = peer.add_path,
          .role = peer.role,
          .long_lived_understood = peer.long_lived_understood,
          .long_lived_partial = peer.long_lived_partial,
          .allow_as_set = peer.allow_as_set,
          .max_prefixes = peer.max_prefixes_out,
          .policies = peer.export_policies,
          .policies_set_next_hops = sets_next_hops(rib.policies, peer.export_policies),
          .max_message_size = peer.max_message_size,
          .draining = rib.draining || peer.draining};
}

Permitted permit(const ExportSettings& to, const Policies& policies, const ExportRoute& route, bool explain) {
  const auto no = [](Withheld why) { return Permitted{why, nullptr, {}}; };
  if (!to.carries(route.prefix.family())) return no(Withheld::FamilyNotNegotiated);
  if (!to.own_next_hop(route.prefix.family())) return no(Withheld::NoOwnAddress);
  if (!may_cross(to, route)) return no(Withheld::NotReflected);
  if (const Withheld why = well_known(to, route); why != Withheld::No) return no(why);
  if (leaks(to, route)) return no(Withheld::OnlyToCustomer);
  if (route.attributes->marks.long_lived_stale && !may_hear_last_resort(to)) return no(Withheld::LongLivedStale);
  if (!to.allow_as_set && has_as_set(route.attributes->as_path)) return no(Withheld::AsSet);
  if (!to.policies) {  // RFC 8212 section 2; `originate` is the explicit policy for what is our own
    if (to.external && route.source != RouteSource::Local) return no(Withheld::NoPolicy);
    return {Withheld::No, route.attributes, {}};
  }
  AttributesPtr before = route.attributes;
  if (drops_med(to, route)) {  // before policy, so that policy can set one
    auto without = std::make_shared<PathAttributes>(*before);
    without->med.reset();
    before = std::move(without);
  }
  const std::optional<Asn> prepend_as = to.external ? std::optional{to.local_as} : std::nullopt;
  const PolicyRoute seen{.prefix = route.prefix,
                         .source = route.source,
                         .neighbor = route.neighbor,
                         .peer_type = peer_type(to.external, to.client),
                         .exported = true};
  PolicyResult result = evaluate(policies, *to.policies, seen, before, prepend_as);
  if (!result.accepted) return {Withheld::Policy, nullptr, explain ? result.describe() : std::string{}};
  // What policy left alone keeps its identity; attributes_to_send() drops the MED then.
  if (result.attributes == before) return {Withheld::No, route.attributes, {}};
  return {Withheld::No, std::move(result.attributes), {}};
}

Rendered render(const ExportSettings& to, const ExportRoute& route, bool policy_changed) {
  const AddressFamily family = route.prefix.family();
  const PathAttributes sent = attributes_to_send(to, route, policy_changed);
  Rendered out{.withheld = Withheld::No, .block = {}, .next_hop = sent.next_hop};
  if (!takes_next_hop(to, family, sent)) {
    out.withheld = Withheld::Ipv6NextHop;
    return out;
  }
  auto block = encode_attribute_block(sent, family, {.four_octet_as = to.four_octet_as, .external = to.external});
  // RFC 4271 section 9.2: a route whose attributes do not fit a message is not advertised; it may well have come in a
  // longer one (RFC 8654 section 4).
  const std::size_t path_id = to.add_path.at(index_of(family)) > 0 ? kPathIdSize : 0;
  const bool fits =
      block && block->bytes.size() + block->mp_next_hop.size() + kRoomForOneRoute + path_id <= to.max_message_size;
  if (fits)
    out.block = *std::move(block);
  else
    out.withheld = Withheld::TooLong;
  return out;
}

}  // namespace slash32::bgp
