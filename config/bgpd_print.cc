// bgpd.json written back: every default spelled out, groups laid into their neighbours. And the list of known keys.
#include "config/bgpd_conf.h"
#include "config/bgpd_keys.h"
#include "config/conf_readers.h"
#include "config/neighbor_conf.h"
#include "config/policy_conf.h"

namespace slash32::config {
namespace {

using nlohmann::ordered_json;

ordered_json print_listen(const std::vector<ListenConf>& listen) {
  ordered_json out = ordered_json::array();
  for (const auto& one : listen) out.push_back({{"address", one.address.to_string()}, {"port", one.port}});
  return out;
}

ordered_json print_originate(const OriginateConf& originate) {
  static constexpr const char* kPodRoutes[] = {"outside-aggregates", "all", "none"};
  ordered_json prefixes = ordered_json::array();
  for (const auto& one : originate.prefixes) {
    ordered_json entry = {{"prefix", one.prefix.to_string()}, {"blackhole", one.blackhole}};
    for (const auto value : one.communities) entry["communities"].push_back(print_community(value));
    if (one.local_pref) entry["localPref"] = *one.local_pref;
    if (one.med) entry["med"] = *one.med;
    entry["onDrain"] = one.withdrawn_by_drain ? "withdraw" : "depref";
    entry["dropForwarded"] = one.drop_forwarded;
    prefixes.push_back(std::move(entry));
  }
  return {{"prefixes", std::move(prefixes)}, {"podRoutes", kPodRoutes[static_cast<std::size_t>(originate.pod_routes)]}};
}

ordered_json print_kernel(const KernelConf& kernel) {
  ordered_json out = {{"install", kernel.install},
                      {"table", kernel.table.value},
                      {"metric", kernel.metric},
                      {"multipath", kernel.multipath},
                      {"multipathRelax", kernel.multipath_relax},
                      {"maxRoutes", kernel.max_routes},
                      {"nextHopObjects", kernel.next_hop_objects ? "auto" : "off"},
                      {"nextHopNeighbors", kernel.next_hop_neighbors ? "auto" : "off"}};
  if (kernel.pref_src4) out["prefSrc4"] = kernel.pref_src4->to_string();
  if (kernel.pref_src6) out["prefSrc6"] = kernel.pref_src6->to_string();
  return out;
}

ordered_json print_control(const ControlConf& control) {
  ordered_json out = {{"socket", control.socket}};
  if (!control.group.empty()) out["group"] = control.group;
  if (control.read_only_socket) out["readOnlySocket"] = *control.read_only_socket;
  if (!control.read_only_group.empty()) out["readOnlyGroup"] = control.read_only_group;
  out["readOnlyMode"] = control.read_only_mode == 0666 ? "0666" : "0660";
  return out;
}

void add_keys(std::vector<std::string>& out, const std::string& path, keys::List list) {
  for (const auto key : list) out.push_back(path + std::string(key));
}

}  // namespace

std::string print_bgpd_conf(const BgpdConf& conf) {
  ordered_json out = {{"localAs", conf.local_as.value}};
  if (conf.router_id) out["routerId"] = print_router_id(*conf.router_id);
  if (conf.cluster_id) out["clusterId"] = print_router_id(*conf.cluster_id);
  out["listen"] = print_listen(conf.listen);
  out["originate"] = print_originate(conf.originate);
  out["kernel"] = print_kernel(conf.kernel);
  out["guard"] = {{"ranges", ordered_json::array()}};
  for (const auto& range : conf.guard.ranges) out["guard"]["ranges"].push_back(range.to_string());
  out["control"] = print_control(conf.control);
  if (conf.metrics.address) {
    const auto& [address, port] = *conf.metrics.address;
    const auto host = address.is_v4() ? address.to_string() : "[" + address.to_string() + "]";
    out["metrics"] = {{"address", host + ":" + std::to_string(port)}};
  }
  if (const auto& updates = conf.mrt.updates)
    out["mrt"] = {{"updates",
                   {{"file", updates->file},
                    {"rotateSeconds", updates->rotate.count()},
                    {"rotateBytes", updates->rotate_bytes},
                    {"sent", updates->sent}}}};
  out["logLevel"] = conf.log_level;
  out["stateFile"] = conf.state_file;
  out["onStop"] = conf.on_stop == OnStop::Restart ? "restart" : "final";
  out["drain"] = conf.drain;
  out["neighbors"] = ordered_json::array();
  for (const auto& neighbor : conf.neighbors) out["neighbors"].push_back(print_neighbor(neighbor));
  if (!conf.dynamic_neighbors.empty()) out["dynamicNeighbors"] = ordered_json::array();
  for (const auto& neighbor : conf.dynamic_neighbors)
    out["dynamicNeighbors"].push_back(print_dynamic_neighbor(neighbor));
  out["policies"] = ordered_json::object();
  for (const auto& [name, policy] : conf.policies) out["policies"][name] = print_policy(policy);
  return out.dump(2) + "\n";
}

std::vector<std::string> bgpd_conf_keys() {
  std::vector<std::string> out;
  add_keys(out, "", keys::kTop);
  add_keys(out, "listen[].", keys::kListen);
  add_keys(out, "originate.", keys::kOriginate);
  add_keys(out, "originate.prefixes[].", keys::kOriginated);
  add_keys(out, "kernel.", keys::kKernel);
  add_keys(out, "guard.", keys::kGuard);
  add_keys(out, "control.", keys::kControl);
  add_keys(out, "metrics.", keys::kMetrics);
  add_keys(out, "mrt.", keys::kMrt);
  add_keys(out, "mrt.updates.", keys::kMrtUpdates);
  add_keys(out, "neighbors[].", keys::kNeighbor);
  add_keys(out, "neighbors[].gracefulRestart.", keys::kGracefulRestart);
  add_keys(out, "neighbors[].gracefulRestart.longLived.", keys::kLongLived);
  add_keys(out, "neighbors[].tcpAo.", keys::kTcpAo);
  add_keys(out, "neighbors[].tcpAo.keys[].", keys::kTcpAoKey);
  add_keys(out, "neighbors[].bfd.", keys::kBfd);
  add_keys(out, "neighbors[].maxPrefixes.", keys::kMaxPrefixes);
  add_keys(out, "neighbors[].addPath.", keys::kAddPath);
  add_keys(out, "dynamicNeighbors[].", keys::kDynamic);
  add_keys(out, "policies{}[].", keys::kTerm);
  add_keys(out, "policies{}[].match.", keys::kMatch);
  add_keys(out, "policies{}[].match.prefix[].", keys::kPrefixMatch);
  add_keys(out, "policies{}[].set.", keys::kSet);
  return out;
}

}  // namespace slash32::config
