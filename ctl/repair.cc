// `slash32ctl repair`: puts back what the kernel lost of a pod's host end when that was taken down and up, or when
// somebody took it away. The link's alias says whose it is; the gateway and the source of routes come from the
// network's configuration. Where none is found, what the configuration may have otherwise stays as it is.
#include <linux/ip.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>

#include "common/netlink/addressing.h"
#include "common/netlink/links.h"
#include "common/pod/address_claim.h"
#include "common/pod/host_route.h"
#include "common/pod/node_address.h"
#include "common/pod/settings.h"
#include "ctl/commands.h"
#include "ctl/document.h"
#include "ctl/ipam_store.h"
#include "ctl/networks.h"
#include "ctl/repair_plan.h"
#include "ctl/text.h"

namespace slash32::ctl {
namespace {

struct Action {
  std::string what;
  std::string outcome;  // "done", "planned", "conflict", "failed"
  std::string detail;
};

struct PodRepair {
  HostEnd end;
  std::vector<Action> actions;

  bool is_whole() const {
    return std::ranges::all_of(actions, [](const Action& action) { return action.outcome == "done"; });
  }
};

bool has_v6(const HostEnd& end) { return std::ranges::any_of(end.alias.addresses, &IpAddress::is_v6); }

/// Names of the settings below `directory` that do not have their value.
struct Expected {
  const char* name;
  const char* value;
};
Status compare(const std::filesystem::path& directory, std::initializer_list<Expected> all,
               std::vector<std::string>& wrong) {
  for (const auto& [name, value] : all)
    if (TRY(pod::read_setting(directory / name)) != value) wrong.emplace_back(name);
  return ok();
}

/// What the network's configuration has of the host end.
struct Wanted {
  config::NetConf conf{};
  bool known = false;  // else `conf` is all defaults, and nobody knows what the pod was made with
};

/// The one setting of the wiring that a configuration may have otherwise.
std::uint32_t rp_filter_of(const Wanted& wanted, std::uint32_t present) {
  constexpr std::uint32_t kStrict = 1;
  if (!wanted.known) return present;
  const auto& settings = wanted.conf.host_sysctl;
  const auto set = std::ranges::find(settings, IPV4_DEVCONF_RP_FILTER, &config::HostSetting::devconf);
  return set == settings.end() ? kStrict : static_cast<std::uint32_t>(set->value);
}

Result<std::vector<std::string>> wrong_settings(netlink::Socket& host, const HostEnd& end, const Wanted& wanted) {
  std::vector<std::string> wrong;
  const auto answer = TRY(host.ask(netlink::get_link(end.link.index)));
  for (const auto& reply : answer.replies) {
    const auto settings = netlink::parse_ipv4_settings(reply);
    if (!settings) continue;
    if (!settings->forwarding) wrong.emplace_back("forwarding");
    if (!settings->proxy_arp) wrong.emplace_back("proxy_arp");
    if (settings->rp_filter != rp_filter_of(wanted, settings->rp_filter)) wrong.emplace_back("rp_filter");
  }
  TRY(compare(std::filesystem::path("/proc/sys/net/ipv4/neigh") / end.link.name, {{"proxy_delay", "0"}}, wrong));
  const auto conf6 = pod::ipv6_setting(end.link.name, "");
  std::error_code error;
  if (std::filesystem::exists(conf6, error)) TRY(compare(conf6, {{"accept_ra", "0"}}, wrong));
  if (has_v6(end)) TRY(compare(conf6, {{"disable_ipv6", "0"}, {"addr_gen_mode", "1"}}, wrong));
  return wrong;
}

class Repair {
 public:
  Repair(netlink::Socket& host, const NodeView& node, const std::vector<Network>& networks, bool dry_run)
      : host_(host), node_(node), networks_(networks), dry_run_(dry_run) {}

  Result<PodRepair> run(const HostEnd& end) {
    const auto* network = network_of(networks_, end.alias);
    const Wanted wanted = network != nullptr ? Wanted{.conf = network->conf, .known = true} : Wanted{};
    const auto wish = TRY(wish_of(end, wanted));
    PodRepair out{.end = end, .actions = {}};
    for (const auto& gap : find_gaps(end, TRY(state_of(end, wanted)), wish, node_)) {
      if (gap.piece == Piece::Conflict || dry_run_) {
        out.actions.push_back({gap.what, gap.piece == Piece::Conflict ? "conflict" : "planned", gap.detail});
        continue;
      }
      const auto done = close(gap, end, wish, wanted);
      if (done)
        out.actions.push_back({gap.what, "done", {}});
      else
        out.actions.push_back({gap.what, "failed", done.error().message});
    }
    return out;
  }

 private:
  /// The MAC that the pod's interface has now: a runtime may have asked for one, and `tuning` may have changed it.
  Result<EndWish> wish_of(const HostEnd& end, const Wanted& wanted) {
    const auto peer = TRY(netlink::find_peer(host_, end.link.index));
    return EndWish{.pod_mac = peer && peer->mac ? *peer->mac : pod::pod_mac(end.alias.addresses),
                   .gateway6 = wanted.conf.gateway6,
                   .any_gateway6 = !wanted.known};
  }
  Result<EndState> state_of(const HostEnd& end, const Wanted& wanted) {
    EndState state{
        .wrong_settings = TRY(wrong_settings(host_, end, wanted)), .addresses = {}, .neighbors = {}, .holders = {}};
    if (has_v6(end))
      for (const auto& address : TRY(netlink::list_addresses(host_, AddressFamily::IPv6, end.link.index)))
        state.addresses.push_back(address.address);
    for (const auto& address : end.alias.addresses) {
      const auto answer = TRY(host_.ask(netlink::get_neighbor(end.link.index, address)));
      for (const auto& reply : answer.replies)
        if (const auto neighbor = netlink::parse_neighbor(reply)) state.neighbors.push_back(*neighbor);
      if (const auto holder = TRY(host_.find_primary_name(pod::address_name(address))))
        state.holders.emplace(address, *holder);
    }
    return state;
  }
  Status close(const Gap& gap, const HostEnd& end, const EndWish& wish, const Wanted& wanted) {
    const auto link = end.link.index;
    const auto& source = wanted.conf.host_source;
    switch (gap.piece) {
      case Piece::Settings:
        return put_settings(end, wanted);
      case Piece::Mac:
        return host_.run(netlink::set_link_mac(link, pod::kHostMac));
      case Piece::Gateway:
        return host_.run(netlink::add_address(
            {.link = link, .address = wish.gateway6, .prefix_length = 64, .scope = netlink::Scope::Link}));
      case Piece::Neighbor:
        return host_.run(
            netlink::set_neighbor({.link = link, .address = *gap.address, .mac = wish.pod_mac, .permanent = true}));
      case Piece::Name:
        return pod::claim_addresses(host_, link, {*gap.address});
      case Piece::Route:
        return put_route(link, *gap.address, gap.address->is_v4() ? source.v4 : source.v6);
      case Piece::Conflict:
        break;
    }
    return ok();
  }
  Status put_settings(const HostEnd& end, const Wanted& wanted) {
    TRY(pod::prepare_host_ipv6(end.link.name, has_v6(end)));
    netlink::HostEndSettings settings{.link = end.link.index, .alias = end.link.alias, .ipv6 = has_v6(end)};
    const auto now = TRY(host_.ask(netlink::get_link(end.link.index)));
    for (const auto& reply : now.replies)
      if (const auto present = netlink::parse_ipv4_settings(reply))
        settings.more = {{.number = IPV4_DEVCONF_RP_FILTER, .value = rp_filter_of(wanted, present->rp_filter)}};
    TRY(host_.run(netlink::set_host_end(settings)));
    return host_.run(netlink::set_proxy_delay_zero(end.link.index));
  }
  /// As ADD does: exclusive, and with the node's own source where the kernel would choose another.
  Status put_route(IfIndex link, const IpAddress& address, const std::optional<IpAddress>& source) {
    const auto route = pod::host_route(link, address, source);
    const auto added = TRY(host_.ask(netlink::add_route(route)));
    if (added.error == EEXIST)
      TRY(pod::resolve_conflict(host_, route));
    else if (added.error != 0)
      return fail(netlink::refusal("add route " + route.destination.to_string(), added));
    if (source) return ok();
    const auto path = TRY(netlink::find_route(host_, netlink::look_up_path(address)));
    const auto outside = TRY(pod::path_outside(host_, address.family()));
    return pod::pin_source_if_needed(host_, route, TRY(pod::node_address(host_, address.family(), outside)), path);
  }

  netlink::Socket& host_;
  const NodeView& node_;
  const std::vector<Network>& networks_;
  bool dry_run_;
};

std::string render(const std::vector<PodRepair>& pods) {
  std::string text;
  std::size_t touched = 0;
  for (const auto& one : pods) {
    if (one.actions.empty()) continue;
    ++touched;
    text += printable(one.end.link.name) + "  " + printable(name_of(one.end.alias.key)) + "\n";
    for (const auto& action : one.actions)
      text += "  " + action.outcome + ": " + printable(action.what) +
              (action.detail.empty() ? "" : ": " + printable(action.detail)) + "\n";
  }
  return text + std::to_string(pods.size()) + " host ends looked at, " + std::to_string(pods.size() - touched) +
         " lack nothing\n";
}

/// A sentence for each network whose configuration was not found.
std::set<std::string> unknown_networks(const std::vector<PodRepair>& pods, const std::vector<Network>& networks,
                                       const std::filesystem::path& directory) {
  std::set<std::string> out;
  for (const auto& one : pods)
    if (network_of(networks, one.end.alias) == nullptr)
      out.insert("network " + one.end.alias.key.network + " is not configured in " + directory.string() +
                 ": rp_filter and an IPv6 gateway that stands were left as they are, whatever they are; what else was "
                 "missing has defaults");
  return out;
}

nlohmann::json document(const std::vector<PodRepair>& pods, const std::set<std::string>& notes, bool whole) {
  auto rows = nlohmann::json::array();
  for (const auto& one : pods) {
    auto addresses = nlohmann::json::array();
    for (const auto& address : one.end.alias.addresses) addresses.push_back(address.to_string());
    auto actions = nlohmann::json::array();
    for (const auto& action : one.actions)
      actions.push_back({{"what", action.what}, {"outcome", action.outcome}, {"detail", action.detail}});
    rows.push_back({{"link", one.end.link.name},
                    {"network", one.end.alias.key.network},
                    {"containerId", one.end.alias.key.container_id},
                    {"ifname", one.end.alias.key.ifname},
                    {"addresses", std::move(addresses)},
                    {"actions", std::move(actions)}});
  }
  return {{"whole", whole}, {"notes", notes}, {"pods", std::move(rows)}};
}

}  // namespace

Result<bool> run_repair(const Options& options, const RepairQuery& query, std::ostream& out, std::ostream& notes) {
  auto host = TRY(netlink::Socket::open(netlink::Family::Route, kPatience));
  const auto node = TRY(look_at_node());
  const auto networks = read_networks(query.conf_dir, notes);
  Repair repair(host, node, networks, query.dry_run);
  std::vector<PodRepair> pods;
  for (const auto& end : TRY(select_ends(node, query.pod))) {
    auto one = repair.run(end);
    // A pod may go while we work; the others are to be repaired all the same.
    if (one)
      pods.push_back(std::move(*one));
    else
      pods.push_back({.end = end, .actions = {{"link " + end.link.name, "failed", one.error().message}}});
  }
  const bool whole = std::ranges::all_of(pods, &PodRepair::is_whole);
  const auto unknown = unknown_networks(pods, networks, query.conf_dir);
  for (const auto& note : unknown) notes << "note: " << printable(note) << "\n";
  const auto replace = nlohmann::json::error_handler_t::replace;
  print_line(out, options.json ? document(pods, unknown, whole).dump(2, ' ', false, replace) : render(pods));
  return whole;
}

}  // namespace slash32::ctl
