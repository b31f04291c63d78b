// What an operator orders of one neighbour: reset, refresh, disable, enable. The reason goes out with the NOTIFICATION
// (RFC 9003).
#include "bgpd/neighbors.h"
#include "bgpd/wire/iana.h"
#include "bgpd/wire/notification.h"
#include "common/log.h"

namespace slash32::bgp {

Status Neighbors::reset(PeerId id, const std::string& reason) {
  auto& neighbor = *neighbors_.at(id);
  if (!neighbor.conf.enabled || disabled_.contains(neighbor.conf.address))
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
  auto& why = disabled_[neighbor.conf.address];
  why = "disabled by an operator" + (reason.empty() ? "" : ": " + reason);
  neighbor.retry.cancel();
  hold(neighbor, why, std::nullopt);  // first: a dynamic one that goes down is kept, as one that is held
  if (neighbor.session) neighbor.session->stop(cease_with_text(cease::kAdministrativeShutdown, reason));
  return ok();
}

Status Neighbors::enable(PeerId id) {
  auto& neighbor = *neighbors_.at(id);
  if (!neighbor.conf.enabled) return fail(7, "it is disabled by configuration: /neighbors/…/enabled");
  if (disabled_.erase(neighbor.conf.address) == 0) return ok();
  log::info("enabled by an operator", {{"peer", neighbor.conf.name}});
  if (neighbor.range)
    remove(id, cease_with_text(cease::kPeerDeconfigured, ""));  // it may call again
  else
    start(neighbor);
  return ok();
}

}  // namespace slash32::bgp
