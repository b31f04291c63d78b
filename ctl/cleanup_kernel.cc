// What `slash32ctl cleanup` takes out of the kernel: routes, nftables tables, node-wide settings.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "common/netlink/bulk.h"
#include "common/netlink/nftables.h"
#include "common/node/forwarding.h"
#include "common/pod/settings.h"
#include "ctl/cleanup.h"
#include "ctl/ipam_store.h"
#include "ctl/node_view.h"

namespace slash32::ctl {
namespace {

using netlink::RouteProtocol;

constexpr std::string_view kTable = "slash32";
constexpr std::string_view kTablePrefix = "slash32-";
constexpr std::string_view kMark = "slash32 ";

Result<std::vector<netlink::Route>> routes_of(netlink::Bulk& kernel, RouteProtocol protocol) {
  std::vector<netlink::Route> all;
  for (const auto family : {AddressFamily::IPv4, AddressFamily::IPv6}) {
    std::vector<netlink::Route> some;
    TRY(kernel.dump_routes(
        {.family = family, .table = {}, .protocol = protocol, .link = {}}, [&] { some.clear(); },
        [&](const netlink::Route& route) { some.push_back(route); }));
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

Status remove_all(netlink::Bulk& kernel, const std::vector<netlink::Route>& routes) {
  std::vector<netlink::RouteWrite> writes;
  for (const auto& route : routes)
    writes.push_back({.verb = netlink::RouteVerb::Delete,
                      .destination = route.destination,
                      .table = route.table,
                      .protocol = route.protocol,
                      .type = route.type,
                      .metric = route.metric,
                      .tos = route.tos,
                      .preferred_source = {},
                      .next_hops = route.next_hops});
  for (const auto& refusal : TRY(kernel.write(writes)))
    if (refusal.error != ESRCH)  // gone by itself
      return fail(5, "remove route " + routes[refusal.index].destination.to_string() + ": " +
                         std::strerror(refusal.error) + (refusal.complaint.empty() ? "" : ": " + refusal.complaint));
  return ok();
}

/// Those of a pod that lives go with its link; without force nobody lives here any more.
void keep_strays(std::vector<netlink::Route>& routes, const NodeView& node) {
  std::erase_if(routes, [&](const netlink::Route& route) {
    return std::ranges::any_of(node.ends, [&](const HostEnd& end) {
      return route.next_hops.size() == 1 && route.next_hops.front().link == end.link.index;
    });
  });
}

struct Owned {
  RouteProtocol protocol;
  const char* what;
};

Status remove_routes_of(netlink::Bulk& kernel, const Owned& owned, Steps& steps) {
  auto routes = TRY(routes_of(kernel, owned.protocol));
  if (owned.protocol == RouteProtocol::Slash32Pod) keep_strays(routes, TRY(look_at_node()));
  const std::string what = std::string("routes of protocol ") + owned.what;
  if (routes.empty())
    steps.add(Outcome::Unchanged, what, "there are none");
  else
    steps.run(std::to_string(routes.size()) + " " + what, [&] { return remove_all(kernel, routes); });
  return ok();
}

/// Groups first: a single one takes along what is left without a member, and its routes.
Status remove_objects_of(netlink::Bulk& kernel, const std::vector<netlink::NextHopObject>& objects) {
  for (const bool groups : {true, false})
    for (const auto& object : objects) {
      if (object.members.empty() == groups) continue;
      const int refused = TRY(kernel.remove_object(object.id));
      if (refused != 0 && refused != ENOENT)
        return sys_fail("remove next-hop object " + std::to_string(object.id.value), refused);
    }
  return ok();
}

/// What routes of protocol 134 referred to; a kernel before Linux 5.3 has no such thing.
void remove_objects(netlink::Bulk& kernel, Steps& steps) {
  const std::string what = "next-hop objects of protocol 134 (learned by BGP)";
  std::vector<netlink::NextHopObject> ours;
  const auto dumped = kernel.dump_objects(
      RouteProtocol::Slash32Bgp, [&] { ours.clear(); },
      [&](const netlink::NextHopObject& one) {
        if (one.id >= netlink::kFirstObject && one.id <= netlink::kLastObject) ours.push_back(one);
      });
  if (!dumped)
    steps.add(Outcome::Skipped, what, dumped.error().message);
  else if (ours.empty())
    steps.add(Outcome::Unchanged, what, "there are none");
  else
    steps.run(std::to_string(ours.size()) + " " + what, [&] { return remove_objects_of(kernel, ours); });
}

/// The setting as it is now; nothing where its interface is gone.
Result<bool> is_there(const std::string& path) {
  std::error_code error;
  const bool there = std::filesystem::exists(path, error);
  if (error) return fail(5, path + ": " + error.message());
  return there;
}

Status restore(const node::Setting& setting, Steps& steps) {
  const auto what = setting.path + " = " + setting.value;
  if (!TRY(is_there(setting.path))) {
    steps.add(Outcome::Skipped, what, "its interface is gone");
    return ok();
  }
  if (TRY(pod::read_setting(setting.path)) == setting.value)
    steps.add(Outcome::Unchanged, what);
  else
    steps.run(what, [&] { return pod::write_setting(setting.path, setting.value); });
  return ok();
}

}  // namespace

void remove_routes(Steps& steps) {
  auto kernel = netlink::Bulk::open();
  if (!kernel) return steps.fail_with("routes", kernel.error());
  constexpr std::array<Owned, 3> kOurs{{{RouteProtocol::Slash32Bgp, "134 (learned by BGP)"},
                                        {RouteProtocol::Slash32Aggregate, "133 (pod ranges)"},
                                        {RouteProtocol::Slash32Pod, "132 (pods)"}}};
  for (const auto& owned : kOurs)
    if (const auto done = remove_routes_of(*kernel, owned, steps); !done)
      steps.fail_with(std::string("routes of protocol ") + owned.what, done.error());
  remove_objects(*kernel, steps);
}

void remove_tables(Steps& steps) {
  auto netfilter = netlink::Socket::open(netlink::Family::Netfilter, kPatience);
  if (!netfilter) return steps.fail_with("nftables tables", netfilter.error());
  const auto tables = netlink::list_tables(*netfilter);
  if (!tables) return steps.fail_with("nftables tables", tables.error());
  bool any = false;
  for (const auto& table : *tables) {
    if (table.name != kTable && !table.name.starts_with(kTablePrefix)) continue;
    any = true;
    const auto what = "nftables table inet " + table.name;
    if (table.version.starts_with(kMark))
      steps.run(what, [&] { return netlink::remove_table(*netfilter, table.name); });
    else
      steps.add(Outcome::Skipped, what, "somebody else's: it has no comment of ours");
  }
  if (!any) steps.add(Outcome::Unchanged, "nftables tables", "there are none of ours");
}

void restore_settings(const CleanupQuery& query, Steps& steps) {
  const auto record = query.paths.state_dir / "found.json";
  const auto found = node::read_found(query.paths.state_dir);
  if (!found) return steps.fail_with("node-wide settings", found.error());
  const auto order = node::in_order_of_restoring(*found);
  if (!order) return steps.fail_with(record.string(), order.error());
  Steps these(steps.dry_run());
  for (const auto& setting : *order)
    if (const auto done = restore(setting, these); !done) these.fail_with(setting.path, done.error());
  if (order->empty()) these.add(Outcome::Unchanged, "node-wide settings", "none was changed");
  for (const auto& step : these.all()) steps.add(step.outcome, step.what, step.detail);
  std::error_code error;
  if (!these.whole() || !std::filesystem::exists(record, error)) return;
  steps.run(record.string(), [&] { return node::forget_found(query.paths.state_dir, cni::Deadline::in(kPatience)); });
}

}  // namespace slash32::ctl
