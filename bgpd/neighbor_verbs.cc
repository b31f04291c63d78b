// What an operator orders of one neighbour: reset, refresh, disable, enable, drain. The reason goes out with the
// NOTIFICATION (RFC 9003).
#include <algorithm>
#include <utility>

#include "bgpd/neighbors.h"
#include "bgpd/wire/iana.h"
#include "bgpd/wire/notification.h"
#include "common/log.h"

namespace slash32::bgp {

Status Neighbors::reset(PeerId id, const std::string& reason) {
  auto& neighbor = *neighbors_.at(id);
  if (!neighbor.conf.enabled || disabled_.contains(config::key_of(neighbor.conf)))
    return fail(7, "it is disabled: there is nothing to reset");
  log::info("session reset by an operator", {{"peer", neighbor.conf.name}, {"why", reason}});
  if (neighbor.range) {  // it will call again, and then be a new one; also one that rests
    remove(id, cease_with_text(cease::kAdministrativeReset, reason));
    return ok();
  }
  if (neighbor.session) neighbor.session->stop(cease_with_text(cease::kAdministrativeReset, reason));
  start(neighbor);  // also one that rests, after too many prefixes say
  return ok();
}

Status Neighbors::refresh_in(PeerId id) {
  auto& neighbor = *neighbors_.at(id);
  if (!neighbor.up || !neighbor.session) return fail(7, "its session is not up");
  if (!neighbor.up->route_refresh) return fail(7, "it did not negotiate route refresh (RFC 2918); reset it instead");
  for (const auto family : neighbor.up->families) neighbor.session->request_refresh(family);
  return ok();
}

Status Neighbors::refresh_out(PeerId id) {
  auto& neighbor = *neighbors_.at(id);
  if (!neighbor.up) return fail(7, "its session is not up");
  for (const auto family : neighbor.up->families) deps_.rib->refresh(id, family);
  deps_.work();
  return ok();
}

Status Neighbors::disable(PeerId id, const std::string& reason) {
  auto& neighbor = *neighbors_.at(id);
  if (!neighbor.conf.enabled) return fail(7, "it is disabled by configuration already");
  auto& why = disabled_[config::key_of(neighbor.conf)];
  why = "disabled by an operator" + (reason.empty() ? "" : ": " + reason);
  neighbor.retry.cancel();
  neighbor.off_link = false;          // enable() looks again
  hold(neighbor, why, std::nullopt);  // first: a dynamic one that goes down is kept, as one that is held
  if (neighbor.session) neighbor.session->stop(cease_with_text(cease::kAdministrativeShutdown, reason));
  return ok();
}

Status Neighbors::enable(PeerId id) {
  auto& neighbor = *neighbors_.at(id);
  if (!neighbor.conf.enabled) return fail(7, "it is disabled by configuration: /neighbors/…/enabled");
  if (disabled_.erase(config::key_of(neighbor.conf)) == 0) return ok();
  log::info("enabled by an operator", {{"peer", neighbor.conf.name}});
  if (neighbor.range)
    remove(id, cease_with_text(cease::kPeerDeconfigured, ""));  // it may call again
  else
    start(neighbor);
  return ok();
}

// ---------------------------------------------------------------- drain

Status Neighbors::drain(PeerId id, bool on) {
  auto& neighbor = *neighbors_.at(id);
  if (!on && neighbor.conf.drain) return fail(7, "it is drained by configuration: /neighbors/…/drain");
  if (on == drained_.contains(config::key_of(neighbor.conf))) return ok();
  if (on)
    drained_.insert(config::key_of(neighbor.conf));
  else
    drained_.erase(config::key_of(neighbor.conf));
  log::info(on ? "drained by an operator" : "no longer drained", {{"peer", neighbor.conf.name}});
  if (!neighbor.up) return ok();  // the next session begins so
  deps_.rib->peer_changed(id, rib_peer_of(neighbor));
  deps_.work();
  return ok();
}

std::string Neighbors::drained_by(const Neighbor& neighbor) const {
  if (neighbor.conf.drain) return "configuration";
  return drained_.contains(config::key_of(neighbor.conf)) ? "an operator's order" : "";
}

/// One that is taken out of the configuration is somebody new when it comes back. Dynamic ones come and go.
void Neighbors::forget_drained() {
  std::erase_if(drained_, [&](const config::NeighborKey& key) {
    const bool configured = std::ranges::find(conf_.neighbors, key, config::key_of) != conf_.neighbors.end();
    return !configured && std::ranges::none_of(conf_.dynamic_neighbors, [&](const auto& dynamic) {
      return dynamic.range.contains(key.address);
    });
  });
}

RibPeer Neighbors::rib_peer_of(const Neighbor& neighbor) const {
  auto out = rib_peer(conf_, neighbor.conf, *neighbor.up, neighbor.conf.address, neighbor.local);
  out.draining = out.draining || drained_.contains(config::key_of(neighbor.conf));
  return out;
}

}  // namespace slash32::bgp
