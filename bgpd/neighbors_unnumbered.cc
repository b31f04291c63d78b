// Unnumbered neighbours: a link instead of an address, and whoever advertises itself as a router there.
#include <algorithm>
#include <utility>

#include "bgpd/neighbors.h"
#include "bgpd/wire/iana.h"
#include "bgpd/wire/notification.h"
#include "common/log.h"

namespace slash32::bgp {
namespace {

// Routers that take turns on one link must not have us begin anew with each of their advertisements.
constexpr Seconds kFollowPause{5};

}  // namespace

void Neighbors::discover() {
  std::set<std::string> interfaces;
  for (const auto& one : conf_.neighbors)
    if (one.interface && one.enabled) interfaces.insert(*one.interface);
  std::erase_if(routers_, [&](const auto& entry) { return !interfaces.contains(entry.first); });
  std::erase_if(followed_, [&](const auto& entry) { return !interfaces.contains(entry.first); });
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
  const auto before = neighbor.conf.address;
  remove(neighbor.id, cease_with_text(cease::kOtherConfigurationChange, "another router on the link"));
  start(add(std::move(conf)));
  drop_key(before);  // or every router that was ever heard would leave one
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
  if (keeps_its_router(*neighbor)) {
    if (!std::exchange(neighbor->rival, router))  // once: they may take turns
      log::warn("another router on an unnumbered neighbour's link; not followed while the session is up or coming back",
                {{"peer", neighbor->conf.name}, {"address", router.to_string()}});
    return;
  }
  const bool has_neighbor = std::ranges::any_of(neighbors_, [&](const auto& entry) {
    return entry.second->conf.address == router && entry.second->conf.bind_interface == interface;
  });
  if (has_neighbor) return;  // configured by its address
  routers_[interface] = router;
  if (neighbor->over_limit) return;  // it rests; another address must not wake it
  if (neighbor->session) {
    const auto now = deps_.loop->now();
    const auto last = followed_.find(interface);
    if (last != followed_.end() && now - last->second < kFollowPause) return;  // it will say so again
    followed_[interface] = now;
  }
  follow(*neighbor, router);
}

/// Whether another router's word changes nothing: the session is up or about to be, or what is kept of it over a
/// restart (RFC 4724) still forwards. Not where the link was lost since: whoever is there now may be another one.
bool Neighbors::keeps_its_router(const Neighbor& neighbor) {
  if (neighbor.link_lost || !neighbor.session) return false;
  if (neighbor.up) return true;
  const auto status = neighbor.session->status();
  return status.state >= PeerState::OpenSent || !status.stale.empty();
}

void Neighbors::router_trouble(const std::string& interface, const std::string& why) {
  if (why.empty())
    deaf_.erase(interface);
  else
    deaf_[interface] = why;
  auto* const neighbor = find_unnumbered(interface);
  if (ending_ || neighbor == nullptr) return;
  if (!why.empty()) routers_.erase(interface);  // a session that is up minds the link itself: addresses_changed()
  if (!neighbor->session) start(*neighbor);     // holds it, and says why
}

}  // namespace slash32::bgp
