#include "agent/model/bgp.h"
#include "agent/model/fields.h"
#include "agent/model/neighbor_settings.h"
#include "agent/model/secret_ref.h"
#include "config/special_address.h"

namespace slash32::agent::model {
namespace {

Result<std::uint8_t> length4(const JsonField& field) { return json::integer<std::uint8_t>(1, 32)(field); }
Result<std::uint8_t> length6(const JsonField& field) { return json::integer<std::uint8_t>(1, 128)(field); }

Result<std::vector<Prefix>> pod_ranges(const JsonField& field) { return field.each(config::pod_range); }

Status read_mesh(const JsonField& field, Mesh& out) {
  out.enabled = TRY(read_or(field, "enabled", json::boolean, out.enabled));
  out.password = TRY(read_maybe(field, "passwordSecret", secret_ref));
  out.settings = TRY(neighbor_settings(field));
  out.settings.erase("enabled");  // that of the mesh
  return ok();
}

Result<Reflectors> read_reflectors(const JsonField& field) {
  TRY(field.is_object());
  return Reflectors{.nodes = TRY(field.required("nodeSelector", read_selector)),
                    .cluster_id = TRY(read_maybe(field, "clusterId", config::router_id))};
}

Status read_masquerade(const JsonField& field, Masquerade& out) {
  out.enabled = TRY(read_or(field, "enabled", json::boolean, out.enabled));
  out.exempt_nodes = TRY(read_or(field, "exemptNodes", json::boolean, out.exempt_nodes));
  out.exempt = TRY(read_or(field, "exempt", config::exempt_ranges, out.exempt));
  return ok();
}

Status read_services(const JsonField& field, ServiceRoutes& out) {
  out.cluster_ranges = TRY(read_or(field, "clusterIPRanges", prefixes, out.cluster_ranges));
  out.external_ranges = TRY(read_or(field, "externalIPRanges", prefixes, out.external_ranges));
  out.load_balancer_ranges = TRY(read_or(field, "loadBalancerIPRanges", prefixes, out.load_balancer_ranges));
  out.cluster_ips = TRY(read_or(field, "advertiseClusterIPs", json::boolean, out.cluster_ips));
  out.external_ips = TRY(read_or(field, "advertiseExternalIPs", json::boolean, out.external_ips));
  out.load_balancer_ips = TRY(read_or(field, "advertiseLoadBalancerIPs", json::boolean, out.load_balancer_ips));
  out.withdraw_without_endpoints =
      TRY(read_or(field, "withdrawWithoutEndpoints", json::boolean, out.withdraw_without_endpoints));
  out.unused = TRY(read_or(field, "unusedAddresses",
                           config::one_of<UnusedAddresses>({{"Drop", UnusedAddresses::Drop},
                                                            {"Blackhole", UnusedAddresses::Blackhole},
                                                            {"Ignore", UnusedAddresses::Ignore}}),
                           out.unused));
  out.aggregation4 = TRY(read_maybe(field, "aggregationLength", length4));
  out.aggregation6 = TRY(read_maybe(field, "aggregationLengthV6", length6));
  return ok();
}

Status read_pods(const JsonField& field, BgpConfiguration& out) {
  out.pod_cidrs = TRY(read_or(field, "advertiseCIDRs", json::boolean, out.pod_cidrs));
  out.pod_routes = TRY(read_or(
      field, "routes",
      config::one_of<std::string>({{"outside-aggregates", "outside-aggregates"}, {"all", "all"}, {"none", "none"}}),
      out.pod_routes));
  out.pod_ranges = TRY(read_or(field, "ranges", pod_ranges, out.pod_ranges));
  return ok();
}

/// Each must be a community that config's reader takes.
Result<std::map<std::string, std::string>> read_communities(const JsonField& field) {
  TRY(field.is_object());
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : field.value().items()) {
    const auto community = TRY(config::community(field.child(name)));
    out.emplace(name, config::print_community(community));
  }
  return out;
}

Status read_general(const JsonField& spec, BgpConfiguration& out) {
  out.as = TRY(read_or(spec, "localAs", config::as_number, out.as));
  out.listen_port = TRY(read_maybe(spec, "listenPort", json::integer<std::uint16_t>(1)));
  out.log_level = TRY(
      read_or(spec, "logLevel",
              config::one_of<std::string>({{"debug", "debug"}, {"info", "info"}, {"warn", "warn"}, {"error", "error"}}),
              out.log_level));
  out.drain_on_cordon = TRY(read_or(spec, "drainOnCordon", json::boolean, out.drain_on_cordon));
  out.metrics_address = TRY(read_maybe(spec, "metricsAddress", json::non_empty_text));
  out.communities = TRY(read_or(spec, "communities", read_communities, out.communities));
  return ok();
}

/// pods, masquerade, services.
Status read_nested(const JsonField& spec, BgpConfiguration& out) {
  const auto pods = TRY(section(spec, "pods"));
  TRY(read_pods(pods, out));
  const auto masquerade = TRY(section(spec, "masquerade"));
  TRY(read_masquerade(masquerade, out.masquerade));
  const auto services = TRY(section(spec, "services"));
  return read_services(services, out.services);
}

}  // namespace

Result<BgpConfiguration> read_bgp_configuration(const nlohmann::json& object) {
  const JsonField root(object);
  BgpConfiguration out;
  out.meta = TRY(read_meta(root));
  const auto spec = TRY(section(root, "spec"));
  TRY(read_general(spec, out));
  const auto mesh = TRY(section(spec, "mesh"));
  TRY(read_mesh(mesh, out.mesh));
  out.reflectors = TRY(read_maybe(spec, "reflectors", read_reflectors));
  const auto defaults = TRY(section(spec, "neighborDefaults"));
  out.neighbor_defaults = TRY(neighbor_settings(defaults));
  const auto kernel = TRY(section(spec, "kernel"));
  out.kernel = kernel_settings(kernel);
  out.source_node_address = TRY(read_or(kernel, "sourceNodeAddress", json::boolean, false));
  TRY(read_nested(spec, out));
  out.status.value = object.value("status", nlohmann::json());
  out.version.value = version_of(object);
  return out;
}

}  // namespace slash32::agent::model
