// The daemon's dealings with the kernel: pods and links come in, aggregates' readiness and problems come back.
#include <algorithm>
#include <utility>

#include "bgpd/daemon.h"
#include "bgpd/rib/originator.h"
#include "common/log.h"

namespace slash32::bgp {
namespace {

constexpr Seconds kAudit{60};       // there should be nothing to find
constexpr Seconds kKernelRetry{1};  // between two tries to read a kernel that would not answer

}  // namespace

void Daemon::read_kernel() {
  const auto events = watch_.read();
  if (!events) return kernel_failed(events.error().message);
  take_kernel(*events);
}

void Daemon::kernel_failed(const std::string& why) {
  if (ended_) return;
  if (kernel_trouble_ != why) log::error("the kernel cannot be read; tried again every second", {{"why", why}});
  kernel_trouble_ = why;
  audit_timer_.after(kKernelRetry, [this] { audit_kernel(); });
}

void Daemon::take_kernel(const KernelEvents& events) {
  if (events.overrun) log::warn("kernel events were lost; everything was dumped again");
  for (const auto& event : events.pods) {
    rib_->set_live_pod(event.pod, event.live);
    if (event.live)
      pods_.insert(event.pod);
    else
      pods_.erase(event.pod);
  }
  if (!events.pods.empty()) announce();
  if (!events.links_changed.empty()) fib_.heal(events.links_changed);
  // A pod's link carries a link-local address as well: of those only the ones matter that sessions and next hops are
  // on.
  const auto moved = [&](IfIndex link) {
    return std::ranges::find(events.links_changed, link) != events.links_changed.end();
  };
  take_neighbors(events.neighbors);
  if (events.next_hops_may_have_changed) set_guarded();
  if (events.next_hops_may_have_changed || events.routes_changed ||
      std::ranges::any_of(rib_->next_hops(), [&](const NextHop& hop) { return moved(hop.link); }))
    resolve_again();
  if (discovery_ && !events.links_changed.empty()) discovery_->links_changed(events.links_changed);
  neighbors_->addresses_changed([&](IfIndex link) { return events.next_hops_may_have_changed || moved(link); });
  if (events.next_hops_may_have_changed || events.routes_changed || !events.links_changed.empty() ||
      !events.pods.empty())
    neighbors_->look_for_connected();
}

void Daemon::audit_kernel() {
  const auto events = watch_.audit();
  if (!events) return kernel_failed(events.error().message);
  if (!std::exchange(kernel_trouble_, {}).empty())
    log::info("the kernel can be read again");
  else if (!events->pods.empty())
    log::warn("audit found pods that events had not told of");
  take_kernel(*events);
  audit_later();
}

void Daemon::audit_later() {
  audit_timer_.after(kAudit, [this] { audit_kernel(); });
}

void Daemon::announce() {
  if (stopping_) return;
  rib_->set_local_routes(originate(conf_.originate, pods_, aggregates_ready_, draining()));
  work();
}

void Daemon::set_guarded() {
  rib_->set_guarded(watch_.connected_subnets(), conf_.guard.ranges);
  work();
}

void Daemon::set_aggregates() {
  std::vector<Prefix> ranges, aggregates, drops;
  for (const auto& one : conf_.originate.prefixes) {
    ranges.push_back(one.prefix);
    if (one.blackhole) aggregates.push_back(one.prefix);
    if (one.drop_forwarded) drops.push_back(one.prefix);
  }
  fib_.set_forward_drops(std::move(drops));
  const auto unwanted = [&](const Prefix& prefix) { return std::ranges::find(aggregates, prefix) == aggregates.end(); };
  std::erase_if(aggregates_ready_, unwanted);
  std::erase_if(aggregates_failed_, [&](const auto& entry) { return unwanted(entry.first); });
  rib_->set_own_ranges(std::move(ranges));
  announce();  // without what is no longer wanted, before its discard route goes
  fib_.set_aggregates(std::move(aggregates));
}

void Daemon::read_fib() {
  const auto report = fib_.take_report();
  for (const auto& problem : report.problems) {
    last_problem_ = problem;
    log::warn("kernel routes", {{"why", problem}});
  }
  bool changed = false;
  for (const auto& [prefix, why] : report.aggregates_failed) {
    aggregates_failed_[prefix] = why;
    changed |= aggregates_ready_.erase(prefix) > 0;
  }
  for (const auto& prefix : report.aggregates_ready) {
    aggregates_failed_.erase(prefix);
    changed |= aggregates_ready_.insert(prefix).second;
  }
  if (changed) announce();
  if (!met_neighbors_ && own_routes_are_there()) meet_neighbors();
}

void Daemon::note_state() {
  if (neighbors_) life_.drained = neighbors_->drained();
  const auto good = write_state_file(conf_.state_file, boot_id_, life_);
  const auto trouble = good ? std::string{} : good.error().message;
  if (!good && trouble != state_trouble_)
    log::error("no state file: without it the next start will be a cold one; tried again", {{"why", trouble}});
  state_trouble_ = trouble;
}

}  // namespace slash32::bgp
