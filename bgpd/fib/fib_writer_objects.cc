// FibWriter's groups of next-hop objects: routes that could outlive one of their next hops refer to them.
#include <algorithm>
#include <cerrno>

#include "bgpd/fib/fib_writer.h"

namespace slash32::bgp {

using netlink::NextHopId;

/// 0, or the errno value why routes of this set cannot be written now.
int FibWriter::give_group(SetId set) {
  if (!sets_.wants_group(set) || sets_.group(set) != NextHopId{}) return 0;
  GroupShape shape{.ways = {}, .backup = sets_.backup(set)};
  for (const netlink::NextHop& hop : sets_.hops(set)) shape.ways.push_back({*hop.gateway, hop.link});
  const auto group = objects_->make(shape);
  if (group) {
    sets_.set_group(set, *group);
  } else if (group.error() == EOPNOTSUPP) {
    sets_.set_plain(set);
  } else {
    return group.error();
  }
  return 0;
}

/// Answers those whose groups cannot be now; the others are to be written.
void FibWriter::give_groups(Kind& kind, std::vector<FibOp>& ops) {
  std::erase_if(ops, [&](const FibOp& op) {
    if (op.verb == FibVerb::Delete) return false;
    int error = sets_.wants_group(op.set) ? sets_.blocked(op.set) : 0;  // once said, it counts for the whole batch
    if (error == 0) error = give_group(op.set);
    if (error == 0) return false;
    const std::lock_guard lock(mutex_);
    kind.table.done(op, error);
    return true;
  });
}

/// Links moved, or somebody removed an object: what the kernel took away is found by its objects, not by its routes.
void FibWriter::look_at_objects() {
  look_at_objects_ = false;
  if (!sets_.use_of_groups()) return;  // an earlier life's: what refers to them is dumped
  if (const auto looked = objects_->look(); !looked) {
    problem(looked.error().message);
    return ask_for_audit();
  }
  restore_when_idle_ = true;
  forget_vanished();
}

/// The routes of a group that is gone are gone as well.
void FibWriter::forget_vanished() {
  const auto vanished = objects_->take_vanished();
  if (vanished.empty()) return;
  const std::lock_guard lock(mutex_);
  const auto sets = sets_.lose_groups(vanished);
  if (sets.empty()) return;
  learned_.table.forget_kernel([&](SetId set) { return std::ranges::find(sets, set) != sets.end(); });
}

void FibWriter::revive(std::uint64_t last_loss) { revive_when_idle_ = last_loss; }

/// When everything is written. A next hop goes back into its groups only then: whose routes were to leave it has left.
void FibWriter::tend_objects() {
  objects_->release(sets_.take_unused_groups());
  if (learned_.table.has_work()) return;
  if (const auto last_loss = std::exchange(revive_when_idle_, std::nullopt)) {
    objects_->revive(*last_loss);
    restore_when_idle_ = true;
  }
  const auto tried = [&](const Status& done) {
    if (done) return;
    problem(done.error().message);
    objects_refused_ = true;
  };
  if (std::exchange(restore_when_idle_, false)) tried(objects_->restore());
  forget_vanished();
  if (may_remove_unknown()) {
    tried(objects_->remove_unknown(/*all=*/false));
    if (sets_.use_of_groups()) tried(objects_->look());  // a group may have had no other member
    forget_vanished();
  }
  objects_refused_ |= objects_->take_left_behind();
}

/// Of an earlier life, or of another setting; a route that could not be moved yet would go with it: one that was
/// refused or is held, or whose new place (another metric) a stranger has. A stranger in the place of a new one is in
/// no way.
bool FibWriter::may_remove_unknown() {
  const FibCounts& counts = learned_.table.counts();
  if (!remove_unknown_when_idle_ || !strays_.empty() || counts.failed > 0 || counts.held > 0) return false;
  remove_unknown_when_idle_ = false;
  if (counts.conflicts == 0) return true;
  learned_.table.each_in_kernel(
      [&](const Prefix& prefix, SetId) { objects_refused_ |= learned_.table.conflicting(prefix); });
  return !objects_refused_;
}

// ---------------------------------------------------------------- routes as dumped

/// With the next hops of its group as it was meant, where that is one of ours. What the kernel shows of it lacks those
/// that are away, and everything where net.ipv4.nexthop_compat_mode is 0.
netlink::Route FibWriter::with_next_hops(const netlink::Route& route) const {
  netlink::Route out = route;
  if (route.next_hop_object == NextHopId{}) return out;
  const auto found = objects_->find(route.next_hop_object);
  if (!found) return out;
  out.next_hops.clear();
  const bool all = found->whole && !found->shape.ways.empty();
  for (const FibNextHop& hop : all || found->shape.backup.empty() ? found->shape.ways : found->shape.backup)
    out.next_hops.push_back({.gateway = hop.gateway, .link = hop.oif});
  return out;
}

/// Whether the route is written as we would write it: by the group of its set, or without one. A dump may have to be
/// repeated: what it shows of an earlier life's groups counts when it is complete, by take_claims().
bool FibWriter::is_exact(SetId set, const netlink::Route& route, Claims& claims) {
  const NextHopId object = route.next_hop_object;
  if (!sets_.wants_group(set)) return object == NextHopId{};
  if (sets_.group(set) != NextHopId{} || object == NextHopId{})
    return object != NextHopId{} && sets_.group(set) == object;
  if (const auto claim = claims.find(set); claim != claims.end()) return claim->second == object;
  const auto found = objects_->is_claimed(object) ? std::nullopt : objects_->find(object);
  if (!found || !found->whole) return false;
  // Sets that differ in nothing but their metric cannot share one: the first has it.
  if (std::ranges::any_of(claims, [&](const auto& claim) { return claim.second == object; })) return false;
  sets_.hold(set);
  claims.emplace(set, object);
  return true;
}

void FibWriter::take_claims(Claims& claims) {
  for (const auto& [set, group] : claims) {
    objects_->claim(group);
    sets_.set_group(set, group);
  }
  drop_claims(claims, {});
}

void FibWriter::drop_claims(Claims& claims, const Claims& kept) {
  for (const auto& [set, group] : claims)
    if (!kept.contains(set)) sets_.drop(set);
  claims = kept;
}

}  // namespace slash32::bgp
