#include "config/pod_routes_conf.h"

#include <limits>

#include "config/spec_keys.h"
#include "config/special_address.h"

namespace slash32::config {
namespace {

constexpr std::size_t kMaxRoutes = 128;
constexpr std::uint32_t kMinMtu4 = 68;       // RFC 791 section 3.2
constexpr std::uint32_t kMinMtu6 = 1280;     // RFC 8200 section 5
constexpr std::uint32_t kMaxMtu = 65520;     // the kernel makes it that where it is more (ip_metrics_convert())
constexpr std::uint32_t kMaxAdvmss = 65495;  // likewise
constexpr std::uint32_t kMainTable = 254;
constexpr std::uint32_t kLocalTable = 255;
constexpr std::uint32_t kScopeUniverse = 0;
constexpr std::uint32_t kScopeLink = 253;

Status check_route(const JsonField& field, const cni::RouteConfig& route) {
  const bool v6 = route.dst.family() == AddressFamily::IPv6;
  if (const auto* special = special_around(route.dst, {Special::LinkLocal, Special::Multicast, Special::Reserved}))
    return field.child("dst").bad("no route leads to " + route.dst.to_string() + ": it is " +
                                  std::string(special->text));
  TRY(field.maybe("mtu", json::integer<std::uint32_t>(v6 ? kMinMtu6 : kMinMtu4, kMaxMtu)));
  TRY(field.maybe("advmss", json::integer<std::uint32_t>(1, kMaxAdvmss)));
  TRY(field.maybe("table", json::integer<std::uint32_t>(1, std::numeric_limits<std::uint32_t>::max())));
  if (route.table == kLocalTable) return field.child("table").bad("must not be 255: the kernel's own, of local routes");
  if (!route.scope || *route.scope == kScopeUniverse) return ok();
  if (*route.scope != kScopeLink) return field.child("scope").bad("must be 0 (universe) or 253 (link)");
  if (route.gw) return field.child("scope").bad("must not be 253 (link) beside gw: what has a gateway is not on link");
  return ok();
}

}  // namespace

Result<std::vector<cni::RouteConfig>> read_pod_routes(const JsonField& field) {
  auto routes = TRY(read_routes_conf(field));
  if (routes.size() > kMaxRoutes) return field.bad("must have at most " + std::to_string(kMaxRoutes) + " routes");
  for (std::size_t i = 0; i < routes.size(); ++i) TRY(check_route(field.element(i), routes[i]));
  return routes;
}

bool is_pod_default(const cni::RouteConfig& route) {
  return route.dst.is_default() && route.table.value_or(kMainTable) == kMainTable;
}

}  // namespace slash32::config
