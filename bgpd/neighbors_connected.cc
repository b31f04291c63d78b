// The connected check: an eBGP neighbour over one hop must be on a subnet of ours. What we send it has TTL 1, so it
// could answer nobody otherwise; held, it says why, and begins with the event that brings the address or the link.
#include <net/if.h>

#include "bgpd/neighbors.h"
#include "bgpd/wire/iana.h"
#include "bgpd/wire/notification.h"

namespace slash32::bgp {

Status Neighbors::check_connected(const config::NeighborConf& conf) const {
  if (!is_checked(conf_, conf)) return ok();
  IfIndex link;
  if (conf.bind_interface) link = IfIndex{static_cast<int>(::if_nametoindex(conf.bind_interface->c_str()))};
  if (deps_.watch->is_connected(conf.address, link)) return ok();
  if (conf.address.is_link_local() && conf.address.is_v6())
    return fail(11, "not connected: " + *conf.bind_interface + " is not there, is down, or has no link-local address");
  return fail(11, "not connected: " + conf.address.to_string() +
                      " is on no subnet of an interface that is up (give multihop where it is further away, else "
                      "connectedCheck: false)");
}

void Neighbors::look_for_connected() {
  if (ending_) return;
  for (auto& [id, neighbor] : neighbors_) look_for(*neighbor);
}

/// A session that is up stays: an address that is taken away for a moment, as network managers do, must not end it; its
/// routes wait meanwhile (KernelWatch::resolve), and the hold time or BFD says when it is lost. Nor does what is kept
/// over a restart (RFC 4724) go for that. One of a range was looked at when it called.
void Neighbors::look_for(Neighbor& neighbor) {
  if (neighbor.range || ending_) return;
  const bool is_trying = !neighbor.up && neighbor.session && neighbor.held.empty();
  if (!neighbor.off_link && !is_trying) return;
  const auto good = check_connected(neighbor.conf);
  if (neighbor.off_link) {
    if (good)
      start(neighbor);
    else
      hold(neighbor, good.error().message, std::nullopt);
    return;
  }
  if (good) return;
  const auto status = neighbor.session->status();
  if (status.state >= PeerState::OpenSent || !status.stale.empty()) return;
  neighbor.off_link = true;
  order_bfd(neighbor);
  hold(neighbor, good.error().message, std::nullopt);
  neighbor.session->stop(cease_with_text(cease::kOtherConfigurationChange, "not connected"));
}

/// Not from inside the session's own call, whose next state is not there yet.
void Neighbors::look_again_later(PeerId id) {
  deps_.loop->post([this, id] {
    if (const auto found = neighbors_.find(id); found != neighbors_.end()) look_for(*found->second);
  });
}

}  // namespace slash32::bgp
