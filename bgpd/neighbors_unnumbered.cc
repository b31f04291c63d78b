// Unnumbered neighbours: a link instead of an address, and whoever advertises itself as a router there.
#include <algorithm>
#include <utility>

#include "bgpd/neighbors.h"
#include "bgpd/wire/iana.h"
#include "bgpd/wire/notification.h"
#include "common/log.h"

namespace slash32::bgp {

void Neighbors::discover() {
  std::set<std::string> interfaces;
  for (const auto& one : conf_.neighbors)
    if (one.interface && one.enabled) interfaces.insert(*one.interface);
  std::erase_if(routers_, [&](const auto& entry) { return !interfaces.contains(entry.first); });
  std::erase_if(deaf_, [&](const auto& entry) { return !interfaces.contains(entry.first); });
  if (deps_.discover) deps_.discover(interfaces);
}

Neighbor* Neighbors::find_unnumbered(const std::string& interface) {
  for (const auto& [id, neighbor] : neighbors_)
    if (neighbor->conf.interface == interface) return neighbor.get();
  return nullptr;
}

Status Neighbors::find_router(Neighbor& neighbor) {
  if (!neighbor.conf.interface || !neighbor.conf.address.is_unspecified()) return ok();
  const auto& interface = *neighbor.conf.interface;
  if (const auto deaf = deaf_.find(interface); deaf != deaf_.end()) return fail(5, deaf->second);
  const auto router = routers_.find(interface);
  if (router == routers_.end()) return fail(11, "waits for a router to advertise itself on " + interface);
  neighbor.conf.address = router->second;
  return ok();
}

/// Another address is another neighbour to the RIB: its next hops are others. What is retained of the old one goes.
void Neighbors::follow(Neighbor& neighbor, const IpAddress& router) {
  log::info("router found", {{"peer", neighbor.conf.name}, {"address", router.to_string()}});
  auto conf = neighbor.conf;
  conf.address = router;
  if (!neighbor.session) {
    neighbor.conf = std::move(conf);
    return start(neighbor);
  }
  remove(neighbor.id, cease_with_text(cease::kOtherConfigurationChange, "another router on the link"));
  start(add(std::move(conf)));
  expect_end_of_rib();
}

void Neighbors::router_heard(const std::string& interface, const IpAddress& router) {
  auto* const neighbor = find_unnumbered(interface);
  if (ending_ || neighbor == nullptr) return;
  if (neighbor->conf.address == router) {
    routers_[interface] = router;
    neighbor->link_lost = false;
    return;
  }
  if (neighbor->up && !neighbor->link_lost) {
    if (std::exchange(neighbor->rival, router) != router)
      log::warn("another router on an unnumbered neighbour's link; not followed while the session is up",
                {{"peer", neighbor->conf.name}, {"address", router.to_string()}});
    return;
  }
  const bool has_neighbor = std::ranges::any_of(neighbors_, [&](const auto& entry) {
    return entry.second->conf.address == router && entry.second->conf.bind_interface == interface;
  });
  if (has_neighbor) return;  // configured by its address
  routers_[interface] = router;
  if (neighbor->over_limit) return;  // it rests; another address must not wake it
  follow(*neighbor, router);
}

void Neighbors::router_trouble(const std::string& interface, const std::string& why) {
  if (why.empty())
    deaf_.erase(interface);
  else
    deaf_[interface] = why;
  auto* const neighbor = find_unnumbered(interface);
  if (ending_ || neighbor == nullptr) return;
  if (!why.empty()) {
    routers_.erase(interface);
    neighbor->link_lost = true;
  }
  if (!neighbor->session) start(*neighbor);  // holds it, and says why
}

}  // namespace slash32::bgp
