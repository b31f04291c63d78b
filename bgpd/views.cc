#include "bgpd/views.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "bgpd/capability_views.h"
#include "bgpd/rib/next_hops.h"
#include "bgpd/rib/path.h"
#include "bgpd/timer_views.h"
#include "config/policy_text.h"

namespace slash32::bgp {
namespace {

using nlohmann::ordered_json;

std::string family_key(AddressFamily family) { return family == AddressFamily::IPv4 ? "ipv4" : "ipv6"; }

ordered_json flags_view(const Session& session) {
  const auto& remote = session.remote.capabilities;
  ordered_json out = {{"fourOctetAs", session.four_octet_as},
                      {"routeRefresh", session.route_refresh},
                      {"enhancedRouteRefresh", session.enhanced_refresh},
                      {"extendedMessages", session.extended_messages},
                      {"extendedNextHop", session.extended_next_hop},
                      {"gracefulRestart", session.graceful_restart},
                      {"families", family_view(session.families)},
                      {"remoteFamilies", family_view(remote.families)},
                      {"addPathReceive", family_view(session.add_path_in)},
                      {"addPathSend", family_view(session.add_path_out)},
                      {"remoteUnknown", remote.unknown_codes}};
  if (remote.role && *remote.role <= static_cast<std::uint8_t>(BgpRole::Peer))
    out["remoteRole"] = to_string(static_cast<BgpRole>(*remote.role));
  return out;
}

/// Both sides' capabilities one by one, and the messages they stood in; of a session that is not up the last ones.
void put_opens(ordered_json& out, const LastOpens& opens, const std::optional<Session>& up, const ViewTime& time) {
  const auto list = [](const std::shared_ptr<const NotedOpen>& open) {
    return open ? capabilities_view(open->message.bytes) : ordered_json(nullptr);
  };
  auto& capabilities = out["capabilities"];
  capabilities["local"] = list(opens.sent);
  capabilities["remote"] = list(opens.received);
  capabilities["negotiated"] = up ? negotiated_view(*up) : ordered_json(nullptr);
  out["open"] = {{"sent", open_view(opens.sent, time)}, {"received", open_view(opens.received, time)}};
}

ordered_json neighbor_timers(const config::BgpdConf& conf, const Neighbor& neighbor, const PeerStatus& status,
                             Instant now) {
  const auto settings =
      neighbor.session ? neighbor.session->settings() : peer_settings(conf, neighbor.conf, RouterId{});
  return timers_view({.settings = settings,
                      .session = neighbor.up ? &*neighbor.up : nullptr,
                      .running = neighbor.session ? neighbor.session->timers() : PeerTimers{},
                      .stale = status.stale,
                      .held = neighbor.held.empty() ? std::nullopt : neighbor.retry.due()},
                     now);
}

/// RFC 9494: who sent the capability, and how long the neighbour's routes of each family stay.
ordered_json long_lived_view(const Session& session) {
  ordered_json out = {{"offered", session.long_lived_offered}, {"remote", session.long_lived_understood}};
  out["staleTime"] = ordered_json::object();
  for (const auto family : session.families)
    out["staleTime"][family_key(family)] = session.long_lived.at(index_of(family)).count();
  return out;
}

ordered_json stale_view(const std::vector<PeerStatus::Stale>& stale, Instant now) {
  ordered_json out = ordered_json::array();
  for (const auto& one : stale) {
    ordered_json entry = {{"family", family_key(one.family)}, {"longLived", one.long_lived}};
    if (one.until) entry["secondsLeft"] = std::chrono::duration_cast<Seconds>(*one.until - now).count();
    out.push_back(std::move(entry));
  }
  return out;
}

ordered_json graceful_restart_view(const Session& session) {
  ordered_json out = {{"negotiated", session.graceful_restart}, {"notification", session.graceful_notification}};
  const auto& remote = session.remote.capabilities.graceful_restart;
  if (!remote) return out;
  if (session.long_lived_offered || session.long_lived_understood) out["longLived"] = long_lived_view(session);
  out["remoteRestarting"] = remote->restarting;
  out["remoteNotification"] = remote->notification;
  out["remoteRestartTime"] = remote->restart_time;
  out["remotePreserved"] = ordered_json::array();
  for (const auto& entry : remote->families)
    if (entry.forwarding_preserved) out["remotePreserved"].push_back(family_key(entry.family));
  return out;
}

ordered_json milliseconds(std::chrono::microseconds length) {
  if (length.count() % 1000 == 0) return length.count() / 1000;
  return static_cast<double>(length.count()) / 1000;
}

ordered_json bfd_view(const Neighbor& neighbor) {
  const auto state = neighbor.bfd.value_or(BfdState{});
  ordered_json out = {{"state", to_string(state.state)},
                      {"remoteState", to_string(state.remote_state)},
                      {"diagnostic", to_string(state.diagnostic)},
                      {"remoteDiagnostic", to_string(state.remote_diagnostic)},
                      {"transmitInterval", milliseconds(state.transmit_interval)},
                      {"detectionTime", milliseconds(state.detection_time)},
                      {"multihop", neighbor.bfd_order->target.multihop},
                      {"since", neighbor.bfd ? ordered_json(time_text(state.since)) : ordered_json()}};
  if (!state.trouble.empty()) out["trouble"] = state.trouble;
  return out;
}

/// Why nothing of a family is sent, where that is so (no usable next hop of our own).
std::string held_reason(const Neighbor& neighbor, AddressFamily family) {
  const bool over_v6 = family == AddressFamily::IPv4 && !neighbor.local.v4 && neighbor.up->extended_next_hop;
  const auto& own = family == AddressFamily::IPv4 && !over_v6 ? neighbor.local.v4 : neighbor.local.v6;
  if (own || neighbor.conf.next_hop == config::NextHopMode::Keep) return {};
  return "no " + std::string(to_string(family)) + " address beside " + neighbor.session_end.address.to_string() +
         " to use as next hop";
}

ordered_json counts_view(const Neighbor& neighbor, const Rib& rib) {
  ordered_json out = ordered_json::object();
  for (const auto family : neighbor.up->families) {
    const auto counts = rib.counts(neighbor.id, family);
    ordered_json one = {
        {"received", counts.received}, {"accepted", counts.accepted}, {"advertised", counts.advertised}};
    if (counts.too_many > 0) one["tooManyPaths"] = counts.too_many;
    if (counts.too_long > 0) one["tooLong"] = counts.too_long;
    if (counts.held_back > 0) one["heldBack"] = counts.held_back;  // maxPrefixes.out
    const auto limit = prefix_limit(neighbor.conf, neighbor.up->external);
    if (limit && is_near_limit(counts.received, *limit, neighbor.conf.max_prefixes.warn)) one["nearLimit"] = *limit;
    if (const auto held = held_reason(neighbor, family); !held.empty()) one["held"] = held;
    out[family_key(family)] = std::move(one);
  }
  return out;
}

/// RFC 8212: an eBGP neighbour without a policy gets and gives next to nothing; that must be told from a zero.
ordered_json policy_view(const config::NeighborConf& conf, bool external) {
  ordered_json out;
  if (conf.import_policies)
    out["import"] = *conf.import_policies;
  else
    out["import"] = external ? "no policy: nothing is accepted" : "all";
  if (conf.export_policies)
    out["export"] = *conf.export_policies;
  else
    out["export"] = external ? "no policy: only originated routes are sent" : "all";
  return out;
}

/// What is there while the session is up.
void put_session(ordered_json& out, const Neighbor& neighbor, const Rib& rib) {
  out["remoteId"] = IpAddress::v4(neighbor.up->remote.id.value).to_string();
  out["localAddress"] = neighbor.session_end.address.to_string();
  out["capabilities"] = flags_view(*neighbor.up);
  out["gracefulRestart"] = graceful_restart_view(*neighbor.up);
  out["families"] = counts_view(neighbor, rib);
}

std::string next_hop_text(const PathAttributes& attributes) {
  return effective_next_hop(attributes).address.to_string();
}

ordered_json as_path_view(const AsPath& path) {
  ordered_json out = ordered_json::array();
  for (const auto& segment : path.segments) {
    const bool sequence = segment.type == SegmentType::AsSequence;
    ordered_json set = ordered_json::array();
    for (const auto asn : segment.asns) (sequence ? out : set).push_back(asn.value);
    if (!sequence) out.push_back(std::move(set));  // a set is an array of its own
  }
  return out;
}

void put_attributes(ordered_json& out, const PathAttributes& attributes) {
  static constexpr std::array kOrigins{"igp", "egp", "incomplete"};
  out["asPath"] = as_path_view(attributes.as_path);
  out["origin"] = kOrigins.at(static_cast<std::size_t>(attributes.origin));
  out["localPref"] = attributes.local_pref ? ordered_json(*attributes.local_pref) : ordered_json();
  out["med"] = attributes.med ? ordered_json(*attributes.med) : ordered_json();
  if (attributes.only_to_customer) out["onlyToCustomer"] = attributes.only_to_customer->value;
  out["communities"] = ordered_json::array();
  for (const auto value : attributes.communities) out["communities"].push_back(community_text(value));
  for (const auto& large : attributes.large_communities)
    out["largeCommunities"].push_back(std::to_string(large.global) + ":" + std::to_string(large.local1) + ":" +
                                      std::to_string(large.local2));
  for (const auto& extended : attributes.extended_communities)
    out["extendedCommunities"].push_back(config::print_extended_community(extended));
}

/// What import policy said of the kernel's route.
void put_marks(ordered_json& out, const PolicyMarks& marks) {
  if (marks.kernel_metric != 0) out["kernelMetric"] = marks.kernel_metric;
  if (marks.blackhole) out["blackhole"] = true;
}

}  // namespace

std::string community_text(Community community) {
  switch (community) {  // https://www.iana.org/assignments/bgp-well-known-communities
    case 0xFFFF0000:
      return "graceful-shutdown";
    case 0xFFFF0006:
      return "llgr-stale";
    case 0xFFFF0007:
      return "no-llgr";
    case 0xFFFF029A:
      return "blackhole";
    case 0xFFFFFF01:
      return "no-export";
    case 0xFFFFFF02:
      return "no-advertise";
    case 0xFFFFFF03:
      return "no-export-subconfed";
    case 0xFFFFFF04:
      return "no-peer";
    default:
      return std::to_string(community >> 16) + ":" + std::to_string(community & 0xFFFF);
  }
}

ordered_json neighbor_view(const config::BgpdConf& conf, const Neighbor& neighbor, const Rib& rib, const ViewTime& time,
                           ErrorDetail detail) {
  const Instant now = time.now;
  const auto status = neighbor.session ? neighbor.session->status() : PeerStatus{};
  const bool external = neighbor.up ? neighbor.up->external : is_external(conf, neighbor.conf);
  ordered_json out = {{"name", neighbor.conf.name}, {"address", neighbor.conf.address.to_string()}};
  if (neighbor.conf.bind_interface) out["interface"] = *neighbor.conf.bind_interface;
  if (neighbor.conf.interface) out["unnumbered"] = true;
  if (neighbor.rival) out["anotherRouter"] = neighbor.rival->to_string();
  if (!neighbor.conf.description.empty()) out["description"] = neighbor.conf.description;
  if (neighbor.range) out["range"] = neighbor.range->to_string();
  if (neighbor.up)
    out["remoteAs"] = neighbor.up->remote.asn.value;
  else if (neighbor.conf.remote_as.kind == config::RemoteAsKind::Number)
    out["remoteAs"] = neighbor.conf.remote_as.asn.value;
  else
    out["remoteAs"] = external ? "external" : "internal";
  out["localAs"] = neighbor.conf.local_as.value_or(conf.local_as).value;
  out["type"] = external ? "external" : "internal";
  out["state"] = to_string(status.state);
  out["uptimeSeconds"] = 0;
  if (status.established_at)
    out["uptimeSeconds"] = std::chrono::duration_cast<Seconds>(now - *status.established_at).count();
  out["holdTime"] = (neighbor.up ? neighbor.up->hold_time : neighbor.conf.hold_time).count();
  out["keepaliveTime"] = (neighbor.up ? neighbor.up->keepalive_time : neighbor.conf.hold_time / 3).count();
  out["flaps"] = status.flaps;
  out["lastError"] = neighbor.held.empty() ? status.last_error : neighbor.held;
  if (!neighbor.held.empty()) out["held"] = neighbor.held;
  out["messages"] = {{"in", status.messages_in}, {"out", status.messages_out}, {"updatesIn", status.updates_in}};
  if (neighbor.misplaced_calls > 0)
    out["misplacedCalls"] = {{"count", neighbor.misplaced_calls}, {"last", neighbor.last_misplaced_call}};
  out["malformedUpdates"] = neighbor.complaints;
  if (!neighbor.last_complaint.empty()) out["lastMalformed"] = neighbor.last_complaint;
  out["errors"] = errors_view(status.errors, time, detail);
  out["policy"] = policy_view(neighbor.conf, external);
  if (!status.stale.empty()) out["stale"] = stale_view(status.stale, now);
  if (neighbor.bfd_order) out["bfd"] = bfd_view(neighbor);
  if (neighbor.up) put_session(out, neighbor, rib);
  if (detail == ErrorDetail::Summary) return out;
  out["timers"] = neighbor_timers(conf, neighbor, status, now);
  put_opens(out, status.opens, neighbor.up, time);
  return out;
}

ordered_json route_view(const PathView& path, const RouteContext& context) {
  ordered_json out = {{"prefix", path.prefix.to_string()},
                      {"best", path.best},
                      {"multipath", path.multipath},
                      {"source", context.source},
                      {"neighbor", context.neighbor.empty() ? ordered_json() : ordered_json(context.neighbor)},
                      {"nextHop", path.attributes ? ordered_json(next_hop_text(*path.attributes)) : ordered_json()},
                      {"resolved", path.resolved},
                      {"installed", context.installed},
                      {"stale", path.stale}};
  if (path.gateway) {
    out["gateway"] = path.gateway->to_string();
    out["igpCost"] = path.igp_cost;
  }
  if (path.silent) out["silent"] = true;
  if (path.long_lived_stale) out["longLivedStale"] = true;
  if (path.path_id != 0) out["pathId"] = path.path_id;
  if (path.attributes) {
    put_attributes(out, *path.attributes);
    put_marks(out, path.attributes->marks);
  }
  out["why"] = path.why_not;
  out["decision"] = path.step;
  if (!path.won_by.empty()) out["wonBy"] = path.won_by;
  return out;
}

ordered_json not_told_view(const NotTold& why) { return {{"reason", key_of(why.why)}, {"why", why.text()}}; }

ordered_json advertised_view(const Prefix& prefix, const PathAttributes& attributes) {
  ordered_json out = {{"prefix", prefix.to_string()}, {"nextHop", next_hop_text(attributes)}};
  put_attributes(out, attributes);
  return out;
}

}  // namespace slash32::bgp
