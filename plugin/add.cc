// ADD (CNI spec 1.1.0 section 2), top to bottom. A step that leaves something behind arms the guard that undoes it;
// guards run in reverse on any early return, and SIGTERM is one: the deadline is over then.
#include "common/cni/error.h"
#include "common/log.h"
#include "common/netlink/links.h"
#include "common/node/masquerade.h"
#include "common/pod/address_claim.h"
#include "common/scope_guard.h"
#include "plugin/address_source.h"
#include "plugin/names.h"
#include "plugin/node.h"
#include "plugin/pod_link.h"
#include "plugin/pod_routes.h"
#include "plugin/pod_settings.h"
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
  result.routes.insert(result.routes.end(), plan.routes.begin(), plan.routes.end());
  return result;
}

/// Where the pod's default route is to be made: by its first interface or where it is asked for, and where none of
/// `routes` takes its place.
Result<Families> plan_default_route(const config::NetConf& conf, PodNamespace& ns) {
  const bool wanted = conf.default_route ? *conf.default_route : !TRY(has_default_route(ns));
  Families out{.v4 = wanted, .v6 = wanted};
  out.v4 = out.v4 && !has_pod_default(conf.routes, AddressFamily::IPv4);
  out.v6 = out.v6 && !has_pod_default(conf.routes, AddressFamily::IPv6);
  return out;
}

Result<PodPlan> plan_for(const cni::Call& call, const config::NetConf& conf, netlink::Socket& host, PodNamespace& ns,
                         const std::vector<IpAddress>& addresses) {
  const auto uplink = TRY(find_uplink(host, conf, families_of(addresses)));
  return PodPlan{.key = key_of(call),
                 .addresses = addresses,
                 .mac = TRY(mac_for(call, addresses)),
                 .mtu = uplink.mtu,
                 .host_source = conf.host_source,
                 .node_address = uplink.address,
                 .gateway4 = conf.gateway4,
                 .gateway6 = conf.gateway6,
                 .default_route = TRY(plan_default_route(conf, ns)),
                 .routes = TRY(plan_routes(conf, families_of(addresses), uplink.mtu)),
                 .host_settings = conf.host_sysctl,
                 .group = conf.masquerade.value_or(false) ? node::masquerade_group(call.network) : 0};
}

/// What the node itself must have before the pod's link is there.
Status prepare(const cni::Call& call, const config::NetConf& conf, netlink::Socket& host, const PodPlan& plan) {
  TRY(call.deadline.check("the node's settings"));
  TRY(prepare_node(host, conf, families_of(plan.addresses), call.deadline));
  if (plan.group != 0) {
    const auto exempt = TRY(exempt_destinations(call, conf));
    const auto node_file = conf.has_node_file ? node::NodeFile::Read : node::NodeFile::Absent;
    TRY(node::prepare_masquerade(call.network, exempt, node_file, call.deadline));
  }
  return call.deadline.check("the pod's link");
}

/// `allowIpForwarding`, where it says anything.
Result<Families> set_forwarding(PodNamespace& ns, const config::NetConf& conf, Families families) {
  if (!conf.allow_ip_forwarding) return Families{};
  return set_pod_forwarding(ns, families, *conf.allow_ip_forwarding);
}

/// What came before us in a chain stays unless the runtime, the configuration or the IPAM has something to say.
void choose_dns(cni::AddResult& result, const cni::Dns& asked, const config::NetConf& conf, const Granted& granted) {
  const auto& configured = conf.dns.empty() ? granted.dns : conf.dns;
  const auto& dns = asked.empty() ? configured : asked;
  if (!dns.empty()) result.dns = dns;
}

}  // namespace

Result<cni::AddResult> cmd_add(const cni::Call& call, const config::GetEnv& getenv) {
  auto conf = TRY(config::read_net_conf(call.root(), getenv));
  TRY(complete_from_node_file(conf));
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
  auto plan = TRY(plan_for(call, conf, host, ns, granted.addresses));
  TRY(prepare(call, conf, host, plan));

  const auto link = TRY(create_pair(host, ns, plan));
  ScopeGuard remove{[&] {
    if (const auto done = remove_link(host, link.host); !done)
      log::error("link not removed", {{"link", link.host_name}, {"error", done.error().message}});
  }};
  TRY(configure_host_end(host, link, plan));
  TRY(configure_pod_end(ns, link, plan));
  plan.routes = TRY(add_routes(ns.socket, link.pod, plan.routes));
  const auto forwarding = TRY(set_forwarding(ns, conf, families_of(granted.addresses)));
  ScopeGuard put_back{[&] { undo_pod_forwarding(ns, forwarding, conf.allow_ip_forwarding.value_or(false)); }};
  TRY(await_addresses(ns, plan, call.deadline));
  TRY(call.deadline.check("the pod's route"));
  TRY(pod::claim_addresses(host, link.host, plan.addresses));
  TRY(route_to_pod(host, link, plan));
  TRY(call.deadline.check("printing the result"));

  put_back.dismiss();
  remove.dismiss();
  give_back.dismiss();
  choose_dns(result, asked_dns, conf, granted);
  return describe(std::move(result), call, link, plan);
}

}  // namespace slash32::plugin
