// One row of the table a capability.
#include "bgpd/capability_views.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "bgpd/error_views.h"
#include "bgpd/wire/family.h"
#include "bgpd/wire/iana.h"
#include "bgpd/wire/open.h"
#include "common/bgp_role.h"
#include "common/bytes.h"

namespace slash32::bgp {
namespace {

using nlohmann::ordered_json;

// Names that stand in both lists.
constexpr std::string_view kMultiprotocol = "multiprotocol";
constexpr std::string_view kRouteRefresh = "routeRefresh";
constexpr std::string_view kExtendedNextHop = "extendedNextHop";
constexpr std::string_view kExtendedMessages = "extendedMessages";
constexpr std::string_view kRole = "role";
constexpr std::string_view kGracefulRestart = "gracefulRestart";
constexpr std::string_view kFourOctetAs = "fourOctetAs";
constexpr std::string_view kAddPath = "addPath";
constexpr std::string_view kEnhancedRouteRefresh = "enhancedRouteRefresh";
constexpr std::string_view kLongLived = "longLivedGracefulRestart";

/// "ipv4", or {"afi", "safi"} for what we do not carry.
ordered_json family_of(std::uint16_t afi, std::uint8_t safi) {
  if (const auto family = to_family(afi, safi)) return family_view(*family);
  return {{"afi", afi}, {"safi", safi}};
}

/// What a capability's value says, put into its entry. False: it does not read as its RFC says.
using Reader = bool (*)(ByteReader, ordered_json&);

bool nothing(ByteReader in, ordered_json&) { return in.empty(); }

bool multiprotocol(ByteReader in, ordered_json& out) {
  const std::uint16_t afi = in.u16();
  in.u8();  // reserved
  out["family"] = family_of(afi, in.u8());
  return !in.failed() && in.empty();
}

bool extended_next_hop(ByteReader in, ordered_json& out) {
  out["families"] = ordered_json::array();
  while (!in.empty()) {
    const std::uint16_t afi = in.u16();
    const std::uint16_t safi = in.u16();
    const std::uint16_t hop = in.u16();
    if (in.failed()) return false;
    ordered_json next_hop = hop;
    if (hop == kAfiIpv4 || hop == kAfiIpv6) next_hop = hop == kAfiIpv4 ? "ipv4" : "ipv6";
    out["families"].push_back({{"family", safi > 0xff ? ordered_json{{"afi", afi}, {"safi", safi}}
                                                      : family_of(afi, static_cast<std::uint8_t>(safi))},
                               {"nextHop", next_hop}});
  }
  return true;
}

bool role(ByteReader in, ordered_json& out) {
  const std::uint8_t value = in.u8();
  if (in.failed() || !in.empty()) return false;
  if (value <= static_cast<std::uint8_t>(BgpRole::Peer))
    out["role"] = to_string(static_cast<BgpRole>(value));
  else
    out["role"] = value;
  return true;
}

/// RFC 4724 section 3, RFC 8538 section 2.
bool graceful_restart(ByteReader in, ordered_json& out) {
  const std::uint16_t head = in.u16();
  out["restartTime"] = head & 0x0fff;
  out["restarting"] = (head & 0x8000) != 0;
  out["notification"] = (head & 0x4000) != 0;
  out["families"] = ordered_json::array();
  while (!in.empty()) {
    const std::uint16_t afi = in.u16();
    const std::uint8_t safi = in.u8();
    const std::uint8_t flags = in.u8();
    if (in.failed()) return false;
    out["families"].push_back({{"family", family_of(afi, safi)}, {"forwardingPreserved", (flags & 0x80) != 0}});
  }
  return !in.failed();
}

bool four_octet_as(ByteReader in, ordered_json& out) {
  out["as"] = in.u32();
  return !in.failed() && in.empty();
}

bool add_path(ByteReader in, ordered_json& out) {
  out["families"] = ordered_json::array();
  while (!in.empty()) {
    const std::uint16_t afi = in.u16();
    const std::uint8_t safi = in.u8();
    const std::uint8_t how = in.u8();
    if (in.failed() || how == 0 || how > 3) return false;
    out["families"].push_back(
        {{"family", family_of(afi, safi)}, {"receive", (how & 1) != 0}, {"send", (how & 2) != 0}});
  }
  return true;
}

/// RFC 9494 section 3.1.
bool long_lived(ByteReader in, ordered_json& out) {
  out["families"] = ordered_json::array();
  while (!in.empty()) {
    const std::uint16_t afi = in.u16();
    const std::uint8_t safi = in.u8();
    const std::uint32_t rest = in.u32();
    if (in.failed()) return false;
    out["families"].push_back(
        {{"family", family_of(afi, safi)}, {"forwardingPreserved", rest >> 31 != 0}, {"staleTime", rest & 0xffffff}});
  }
  return true;
}

/// Text from the wire, where it is plain ASCII: nothing else is fit for a document or a terminal.
bool text(std::span<const std::uint8_t> octets, ordered_json& out) {
  if (!std::ranges::all_of(octets, [](std::uint8_t c) { return c >= 0x20 && c <= 0x7e; })) return false;
  out = std::string(octets.begin(), octets.end());
  return true;
}

/// draft-walton-bgp-hostname-capability section 2.
bool fqdn(ByteReader in, ordered_json& out) {
  const auto host = in.bytes(in.u8());
  const auto domain = in.empty() ? host.first(0) : in.bytes(in.u8());
  return !in.failed() && in.empty() && text(host, out["hostname"]) && text(domain, out["domain"]);
}

/// draft-ietf-idr-software-version section 2; some say the length in front, some do not.
bool software_version(ByteReader in, ordered_json& out) {
  const auto all = in.peek();
  const bool has_length = !all.empty() && all.size() == std::size_t{all[0]} + 1;
  return !all.empty() && text(has_length ? all.subspan(1) : all, out["version"]);
}

struct Row {
  std::uint8_t code;
  std::string_view name;
  Reader read = nullptr;  // none: its value is shown as it came
};
constexpr std::array kTable{
    Row{capability::kMultiprotocol, kMultiprotocol, multiprotocol},
    Row{capability::kRouteRefresh, kRouteRefresh, nothing},
    Row{3, "outboundRouteFiltering"},
    Row{capability::kExtendedNextHop, kExtendedNextHop, extended_next_hop},
    Row{capability::kExtendedMessage, kExtendedMessages, nothing},
    Row{7, "bgpsec"},
    Row{8, "multipleLabels"},
    Row{capability::kRole, kRole, role},
    Row{capability::kGracefulRestart, kGracefulRestart, graceful_restart},
    Row{capability::kFourOctetAs, kFourOctetAs, four_octet_as},
    Row{67, "dynamicCapability"},
    Row{68, "multisession"},
    Row{capability::kAddPath, kAddPath, add_path},
    Row{capability::kEnhancedRefresh, kEnhancedRouteRefresh, nothing},
    Row{capability::kLongLived, kLongLived, long_lived},
    Row{73, "fqdn", fqdn},
    Row{75, "softwareVersion", software_version},
    Row{128, "routeRefreshPrestandard"},
};

ordered_json one_capability(const RawCapability& capability) {
  ordered_json out = {{"code", capability.code}};
  const auto* row = std::ranges::find(kTable, capability.code, &Row::code);
  if (row != kTable.end()) {
    out["name"] = row->name;
    ordered_json read = out;
    if (row->read != nullptr && row->read(ByteReader{capability.value}, read)) return read;
    if (row->read != nullptr) out["malformed"] = true;
  }
  out["hex"] = hex_text(capability.value);
  return out;
}

std::span<const std::uint8_t> body_of(std::span<const std::uint8_t> open) {
  return open.size() < kHeaderSize ? open.first(0) : open.subspan(kHeaderSize);
}

}  // namespace

ordered_json family_view(AddressFamily family) { return family == AddressFamily::IPv4 ? "ipv4" : "ipv6"; }

ordered_json family_view(const std::vector<AddressFamily>& families) {
  ordered_json out = ordered_json::array();
  for (const auto family : families) out.push_back(family_view(family));
  return out;
}

ordered_json capabilities_view(std::span<const std::uint8_t> open) {
  ordered_json out = ordered_json::array();
  for (const RawCapability& one : capabilities_in(body_of(open))) out.push_back(one_capability(one));
  return out;
}

ordered_json negotiated_view(const Session& session) {
  ordered_json out = ordered_json::array();
  const auto put = [&](bool both, std::string_view name, const ordered_json& more = ordered_json::object()) {
    if (!both) return;
    out.push_back({{"name", name}});
    out.back().update(more);
  };
  put(true, kMultiprotocol, {{"families", family_view(session.families)}});
  put(session.route_refresh, kRouteRefresh);
  put(session.enhanced_refresh, kEnhancedRouteRefresh);
  put(session.extended_messages, kExtendedMessages);
  put(session.extended_next_hop, kExtendedNextHop);
  put(session.four_octet_as, kFourOctetAs);
  put(!session.add_path_in.empty() || !session.add_path_out.empty(), kAddPath,
      {{"receive", family_view(session.add_path_in)}, {"send", family_view(session.add_path_out)}});
  put(session.graceful_restart, kGracefulRestart,
      {{"families", family_view(session.restartable)}, {"notification", session.graceful_notification}});
  ordered_json stale_times = ordered_json::object();
  for (const auto family : session.families)
    if (const auto time = session.long_lived.at(family == AddressFamily::IPv4 ? 0 : 1); time > Seconds{0})
      stale_times[family_view(family).get<std::string>()] = time.count();
  const bool is_long_lived = !stale_times.empty();
  put(is_long_lived, kLongLived, {{"staleTime", std::move(stale_times)}});
  return out;
}

ordered_json open_view(const std::shared_ptr<const NotedOpen>& open, const ViewTime& time) {
  if (!open) return nullptr;
  ByteReader in{body_of(open->message.bytes)};
  ordered_json out = {{"time", time_text(time, open->at)}};
  const std::uint8_t version = in.u8();
  const std::uint16_t asn = in.u16();
  const std::uint16_t hold_time = in.u16();
  const std::uint32_t id = in.u32();
  if (!in.failed()) {
    out["version"] = version;
    out["as"] = asn;
    out["holdTime"] = hold_time;
    out["routerId"] = IpAddress::v4(id).to_string();
  }
  out["message"] = message_view(open->message);
  return out;
}

}  // namespace slash32::bgp
