#include "config/host_sysctl.h"

#include <linux/ip.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <string_view>

namespace slash32::config {
namespace {

constexpr std::string_view kLinkPlace = "IFNAME";
constexpr int kMany = 1'000'000'000;

struct Setting {
  std::string_view family;
  std::string_view group;
  std::string_view name;
  int devconf = 0;
  int low = 0;
  int high = 1;
};

// Documentation/networking/ip-sysctl.rst of the kernel.
constexpr std::array<Setting, 44> kSettings = {{
    {"ipv4", "conf", "accept_local", IPV4_DEVCONF_ACCEPT_LOCAL},
    {"ipv4", "conf", "accept_redirects", IPV4_DEVCONF_ACCEPT_REDIRECTS},
    {"ipv4", "conf", "accept_source_route", IPV4_DEVCONF_ACCEPT_SOURCE_ROUTE},
    {"ipv4", "conf", "arp_accept", IPV4_DEVCONF_ARP_ACCEPT, 0, 2},
    {"ipv4", "conf", "arp_announce", IPV4_DEVCONF_ARP_ANNOUNCE, 0, 2},
    {"ipv4", "conf", "arp_filter", IPV4_DEVCONF_ARPFILTER},
    {"ipv4", "conf", "arp_ignore", IPV4_DEVCONF_ARP_IGNORE, 0, 8},
    {"ipv4", "conf", "arp_notify", IPV4_DEVCONF_ARP_NOTIFY},
    {"ipv4", "conf", "disable_policy", IPV4_DEVCONF_NOPOLICY},
    {"ipv4", "conf", "disable_xfrm", IPV4_DEVCONF_NOXFRM},
    {"ipv4", "conf", "drop_gratuitous_arp", IPV4_DEVCONF_DROP_GRATUITOUS_ARP},
    {"ipv4", "conf", "drop_unicast_in_l2_multicast", IPV4_DEVCONF_DROP_UNICAST_IN_L2_MULTICAST},
    {"ipv4", "conf", "ignore_routes_with_linkdown", IPV4_DEVCONF_IGNORE_ROUTES_WITH_LINKDOWN},
    {"ipv4", "conf", "log_martians", IPV4_DEVCONF_LOG_MARTIANS},
    {"ipv4", "conf", "proxy_arp_pvlan", IPV4_DEVCONF_PROXY_ARP_PVLAN},
    {"ipv4", "conf", "route_localnet", IPV4_DEVCONF_ROUTE_LOCALNET},
    {"ipv4", "conf", "rp_filter", IPV4_DEVCONF_RP_FILTER, 0, 2},
    {"ipv4", "conf", "secure_redirects", IPV4_DEVCONF_SECURE_REDIRECTS},
    {"ipv4", "conf", "send_redirects", IPV4_DEVCONF_SEND_REDIRECTS},
    {"ipv4", "conf", "shared_media", IPV4_DEVCONF_SHARED_MEDIA},
    {"ipv4", "conf", "src_valid_mark", IPV4_DEVCONF_SRC_VMARK},
    {"ipv6", "conf", "accept_redirects"},
    {"ipv6", "conf", "accept_source_route", 0, -1, 1},
    {"ipv6", "conf", "disable_policy"},
    {"ipv6", "conf", "drop_unicast_in_l2_multicast"},
    {"ipv6", "conf", "drop_unsolicited_na"},
    {"ipv6", "conf", "hop_limit", 0, 1, 255},
    {"ipv6", "conf", "ignore_routes_with_linkdown"},
    {"ipv6", "conf", "keep_addr_on_down", 0, -1, 1},
    {"ipv6", "conf", "ndisc_notify"},
    {"ipv6", "conf", "proxy_ndp"},
    {"ipv6", "conf", "seg6_enabled"},
    {"ipv4", "neigh", "app_solicit", 0, 0, kMany},
    {"ipv4", "neigh", "delay_first_probe_time", 0, 0, 3600},
    {"ipv4", "neigh", "gc_stale_time", 0, 0, 86'400},
    {"ipv4", "neigh", "mcast_solicit", 0, 0, kMany},
    {"ipv4", "neigh", "ucast_solicit", 0, 0, kMany},
    {"ipv4", "neigh", "unres_qlen_bytes", 0, 0, kMany},
    {"ipv6", "neigh", "app_solicit", 0, 0, kMany},
    {"ipv6", "neigh", "delay_first_probe_time", 0, 0, 3600},
    {"ipv6", "neigh", "gc_stale_time", 0, 0, 86'400},
    {"ipv6", "neigh", "mcast_solicit", 0, 0, kMany},
    {"ipv6", "neigh", "ucast_solicit", 0, 0, kMany},
    {"ipv6", "neigh", "unres_qlen_bytes", 0, 0, kMany},
}};

struct Own {
  std::string_view family;
  std::string_view group;
  std::string_view name;
  std::string_view why;
};

// What the wiring lives on, and what could let a pod become the node's router.
constexpr std::array<Own, 8> kOwn = {{
    {"ipv4", "conf", "forwarding", "1: at 0 nothing goes from or to the pod"},
    {"ipv4", "conf", "proxy_arp", "1: the pod's way to its gateway where a neighbour entry is lost"},
    {"ipv4", "neigh", "proxy_delay", "0: what proxy_arp answers goes out at once"},
    {"ipv6", "conf", "accept_dad", "of no use: the gateway's address skips the detection"},
    {"ipv6", "conf", "accept_ra", "0: a pod must not become the node's router"},
    {"ipv6", "conf", "addr_gen_mode", "1: the gateway's address is the only link-local one"},
    {"ipv6", "conf", "disable_ipv6", "0 where the pod has an IPv6 address"},
    {"ipv6", "conf", "forwarding", "the node's, and on: net.ipv6.conf.all.forwarding"},
}};

template <class Row>
auto named(const std::string& name) {
  return [&name](const Row& row) {
    std::string whole = "net.";
    whole.append(row.family).append(".").append(row.group).append(".").append(kLinkPlace).append(".").append(row.name);
    return whole == name;
  };
}

std::unexpected<Error> unknown(const JsonField& field, const std::string& name) {
  if (const auto* own = std::ranges::find_if(kOwn, named<Own>(name)); own != kOwn.end())
    return field.bad("is not to be changed: slash32 keeps it " + std::string(own->why));
  if (name.find(std::string(".") + std::string(kLinkPlace) + ".") == std::string::npos)
    return field.bad(
        "must be a setting of the pod's host end, as net.ipv4.conf.IFNAME.rp_filter; what holds for the whole node or "
        "another link is not ours to set");
  return field.bad("is none of the settings that may be changed here (plugin/README.md lists them)");
}

/// An integer, or a text of one, as upstream's `tuning` has it.
Result<int> integer_of(const JsonField& field, int low, int high) {
  if (!field.value().is_string()) return json::integer<int>(low, high)(field);
  const auto text = TRY(json::text(field));
  int value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size() || value < low || value > high)
    return field.bad("must be an integer from " + std::to_string(low) + " to " + std::to_string(high));
  return value;
}

}  // namespace

Result<std::vector<HostSetting>> read_host_sysctl(const JsonField& field) {
  TRY(field.is_object());
  std::vector<HostSetting> out;
  for (const auto& [name, value] : field.value().items()) {
    if (name.starts_with("x-") || name.starts_with("_")) continue;
    const auto place = field.child(name);
    const auto* setting = std::ranges::find_if(kSettings, named<Setting>(name));
    if (setting == kSettings.end()) return unknown(place, name);
    out.push_back({.family = std::string(setting->family),
                   .group = std::string(setting->group),
                   .name = std::string(setting->name),
                   .devconf = setting->devconf,
                   .value = TRY(integer_of(place, setting->low, setting->high))});
  }
  return out;
}

}  // namespace slash32::config
