// How the daemon follows its next hops: by links, addresses and others' routes, by BFD's word, and by the kernel's
// neighbour entries.
#include <net/if.h>

#include <array>
#include <utility>

#include "bgpd/daemon.h"
#include "common/log.h"

namespace slash32::bgp {
namespace {

std::string gateway_text(const FibNextHop& gateway) {
  std::array<char, IF_NAMESIZE> name{};
  const bool is_there = ::if_indextoname(static_cast<unsigned>(gateway.oif.value), name.data()) != nullptr;
  return gateway.gateway.to_string() + " on " + (is_there ? name.data() : std::to_string(gateway.oif.value));
}

}  // namespace

NextHopState Daemon::resolve(const NextHop& hop) const {
  const auto found = watch_.resolve(hop.address, hop.link, hop.how);
  return {.resolved = found.resolved,
          .oif = found.oif,
          .igp_cost = found.metric,
          .gateway = found.gateway,
          .silent = found.resolved && silent_.is_silent({found.gateway.value_or(hop.address), found.oif})};
}

/// The RIB asks for those in use, and compares.
void Daemon::resolve_again() {
  rib_->next_hops_changed(rib_->next_hops());
  work();
}

/// Others' routes are heard of where a neighbour's next hops are to be resolved through them.
void Daemon::follow_routes() {
  if (const auto good = watch_.follow(wants_recursion(conf_) ? Follow::All : Follow::Configured); !good)
    kernel_failed(good.error().message);
}

// ---------------------------------------------------------------- BFD

/// Of a neighbour on link that forwards no more: what has another way takes it now, ahead of all decisions.
void Daemon::next_hop_died(const IpAddress& address, IfIndex link) {
  if (!conf_.kernel.next_hop_objects || !conf_.kernel.install) return;
  const auto found = watch_.resolve(address, link);
  if (!found.resolved || found.gateway) return;
  take_out({address, found.oif});
}

void Daemon::take_out(const FibNextHop& next_hop) {
  if (!conf_.kernel.next_hop_objects || !conf_.kernel.install) return;
  fib_.lose(next_hop);
  revive_due_ = true;
  work();
}

/// The RIB has decided without what died, and the FIB got all of it: from here on what is desired counts again.
void Daemon::revive_next_hops() {
  if (std::exchange(revive_due_, false)) fib_.revive();
}

// ---------------------------------------------------------------- neighbour entries

/// Failures are heard of all the time, everything else only while somebody's answer is waited for.
void Daemon::switch_neighbors() {
  using netlink::HeardNeighbors;
  if (!heeds_neighbors() && !silent_.needs_failures_only()) {
    silent_.clear();
    resolve_again();
  }
  if (!heeds_neighbors()) silent_.clear();
  const auto which = !heeds_neighbors()              ? HeardNeighbors::None
                     : silent_.needs_failures_only() ? HeardNeighbors::Failed
                                                     : HeardNeighbors::All;
  if (const auto good = watch_.hear_neighbors(which); !good)
    log::warn("neighbour entries are not heard of as they should be", {{"why", good.error().message}});
}

/// There may be many of them, of addresses that nobody routes to: those cost no more than a look into the RIB.
void Daemon::take_neighbors(const std::vector<netlink::NeighborEvent>& events) {
  bool any = false;
  for (const auto& event : events) {
    if (!heeds_neighbors() || !rib_->uses({event.entry.address, event.entry.link})) continue;
    silent_.on_neighbor(event, loop_.now());
    any = true;
  }
  if (any) judge_gateways();
}

std::vector<std::string> Daemon::silent_gateways() const {
  std::vector<std::string> out;
  for (const auto& gateway : silent_.silent())
    out.push_back("next hop " + gateway_text(gateway) +
                  " answers no ARP or ND: used only where no other is (kernel.nextHopNeighbors)");
  return out;
}

/// Who was silent in an earlier life is so still, as the kernel's entries have it: the routes that are about to be
/// selected would lead there again until the kernel had asked once more.
void Daemon::recall_silence() {
  if (!heeds_neighbors()) return;
  const auto failed = watch_.failed_neighbors();
  if (!failed)
    return log::warn("next hops that were silent before the restart are used until the kernel has asked for them again",
                     {{"why", failed.error().message}});
  bool any = false;
  for (const auto& gateway : *failed) {
    if (!rib_->uses(gateway)) continue;
    log::warn("a next hop answered no ARP or ND before the restart: used last", {{"gateway", gateway_text(gateway)}});
    silent_.found_failed(gateway, loop_.now());
    any = true;
  }
  if (!any) return;
  judge_gateways();
  resolve_again();
}

void Daemon::judge_gateways() {
  if (ended_) return;
  const auto due = silent_.due(loop_.now(), [this](const FibNextHop& gateway) {
    return rib_->uses(gateway) && watch_.is_usable_link(gateway.oif);
  });
  for (const auto& gateway : due.lost)
    log::warn("a next hop answers no ARP or ND: used last", {{"gateway", gateway_text(gateway)}});
  for (const auto& gateway : due.found) log::info("a next hop answers again", {{"gateway", gateway_text(gateway)}});
  // Taken out ahead of the RIB while a group may still have no other, it would take the routes with it.
  if (due.only) take_out(*due.only);
  if (!due.lost.empty() || !due.found.empty()) resolve_again();
  for (const auto& gateway : due.probe)
    if (const auto asked = watch_.provoke(gateway); !asked) log::warn("next hops", {{"why", asked.error().message}});
  switch_neighbors();
  if (const auto next = silent_.next_deadline())
    gateways_timer_.at(*next, [this] { judge_gateways(); });
  else
    gateways_timer_.cancel();
}

}  // namespace slash32::bgp
