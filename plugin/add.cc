// ADD (CNI spec 1.1.0 section 2), top to bottom. A step that leaves something behind arms the guard that undoes it;
// guards run in reverse on any early return, and SIGTERM is one: the deadline is over then.
#include "common/cni/error.h"
#include "common/log.h"
#include "common/netlink/links.h"
#include "common/scope_guard.h"
#include "plugin/address_source.h"
#include "plugin/names.h"
#include "plugin/node.h"
#include "plugin/pod_link.h"
#include "plugin/verbs.h"

namespace slash32::plugin {
namespace {

/// CNI section 2 "ADD": an error where the interface already exists; nothing is changed and nothing undone.
Status check_ifname_is_free(PodNamespace& ns, const cni::Call& call) {
  if (!TRY(netlink::find_link(ns.socket, call.args.ifname))) return ok();
  return fail(cni::kInvalidEnvironment,
              "CNI_IFNAME " + call.args.ifname + " already exists in " + call.args.netns + "; nothing was changed");
}

/// A chained plugin hands on what came before it (CNI section 2 "ADD", prevResult).
Result<cni::AddResult> result_so_far(const cni::Call& call) {
  if (!call.root().has("prevResult")) return cni::AddResult{};
  return cni::parse_add_result(call.root().child("prevResult"), call.version);
}

Result<netlink::MacAddress> mac_for(const cni::Call& call, const std::vector<IpAddress>& addresses) {
  const auto asked = TRY(cni::requested_mac(call.root(), call.args.extra));
  return asked ? netlink::MacAddress::parse(*asked).value_or(pod_mac(addresses)) : pod_mac(addresses);
}

cni::AddResult describe(cni::AddResult result, const cni::Call& call, const PodLink& link, const PodPlan& plan) {
  result.interfaces.push_back({.name = link.host_name,
                               .mac = kHostMac.to_string(),
                               .sandbox = {},
                               .mtu = plan.mtu.value,
                               .socket_path = {},
                               .pci_id = {}});
  result.interfaces.push_back({.name = call.args.ifname,
                               .mac = plan.mac.to_string(),
                               .sandbox = call.args.netns,
                               .mtu = plan.mtu.value,
                               .socket_path = {},
                               .pci_id = {}});
  const std::size_t pod_interface = result.interfaces.size() - 1;
  for (const auto& address : plan.addresses) {
    const auto& gateway = plan.gateway(address.family());
    result.ips.push_back(
        {.address = address, .prefix_length = address.bits(), .gateway = gateway, .interface = pod_interface});
    if (!plan.has_default_route(address.family())) continue;
    result.routes.push_back({.dst = Prefix(address.is_v4() ? IpAddress{} : IpAddress::v6({}), 0),
                             .gw = gateway,
                             .mtu = {},
                             .advmss = {},
                             .priority = {},
                             .table = {},
                             .scope = {}});
  }
  return result;
}

Result<PodPlan> plan_for(const cni::Call& call, const config::NetConf& conf, netlink::Socket& host, PodNamespace& ns,
                         const std::vector<IpAddress>& addresses) {
  const bool wanted = conf.default_route.value_or(true);
  const auto uplink = TRY(find_uplink(host, conf, families_of(addresses)));
  return PodPlan{
      .key = key_of(call),
      .addresses = addresses,
      .mac = TRY(mac_for(call, addresses)),
      .mtu = uplink.mtu,
      .host_source = conf.host_source,
      .node_address = uplink.address,
      .gateway4 = conf.gateway4,
      .gateway6 = conf.gateway6,
      .default_route = conf.default_route ? Unrouted{.v4 = wanted, .v6 = wanted} : TRY(find_unrouted(ns, addresses))};
}

}  // namespace

Result<cni::AddResult> cmd_add(const cni::Call& call, const config::GetEnv& getenv) {
  auto conf = TRY(config::read_net_conf(call.root(), getenv));
  conf.mtu = TRY(configured_mtu(conf));
  auto result = TRY(result_so_far(call));
  const auto asked_dns = TRY(cni::requested_dns(call.root()));
  auto host = TRY(netlink::Socket::open(netlink::Family::Route, call.deadline.remaining()));
  auto addresses = TRY(AddressSource::open(call, conf, host));
  auto ns = TRY(PodNamespace::open(call.args.netns, call.deadline.remaining()));
  TRY(check_ifname_is_free(ns, call));

  const auto key = key_of(call);
  const auto granted = TRY(addresses.acquire(key));
  ScopeGuard give_back{[&] {
    if (const auto done = addresses.release(key, kUndoTime); !done)
      log::error("address not given back", {{"container", key.container_id}, {"error", done.error().message}});
  }};
  // A wrong value is told before anything of the node changes.
  const auto plan = TRY(plan_for(call, conf, host, ns, granted.addresses));
  TRY(call.deadline.check("the node's settings"));
  TRY(prepare_node(host, conf, families_of(granted.addresses), call.deadline));

  TRY(call.deadline.check("the pod's link"));
  const auto link = TRY(create_pair(host, ns, plan));
  ScopeGuard remove{[&] {
    if (const auto done = remove_link(host, link.host); !done)
      log::error("link not removed", {{"link", link.host_name}, {"error", done.error().message}});
  }};
  TRY(configure_host_end(host, link, plan));
  TRY(configure_pod_end(ns, link, plan));
  TRY(await_addresses(ns, plan, call.deadline));
  TRY(call.deadline.check("the pod's route"));
  TRY(route_to_pod(host, link, plan));
  TRY(call.deadline.check("printing the result"));

  remove.dismiss();
  give_back.dismiss();
  // What came before us in a chain stays unless the runtime, the configuration or the IPAM has something to say.
  const auto& configured_dns = conf.dns.empty() ? granted.dns : conf.dns;
  const auto& dns = asked_dns.empty() ? configured_dns : asked_dns;
  if (!dns.empty()) result.dns = dns;
  return describe(std::move(result), call, link, plan);
}

}  // namespace slash32::plugin
