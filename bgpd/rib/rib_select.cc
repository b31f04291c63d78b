// Loc-RIB: which path of a prefix is used, and what the kernel is to have.
#include <algorithm>
#include <utility>

#include "bgpd/rib/rib_impl.h"

namespace slash32::bgp {
namespace {

constexpr std::size_t kMostBestChanges = 10'000;
constexpr std::size_t kPathsATime = 8;  // are decided about in the time that a prefix with one takes
constexpr std::size_t kFibChangesKept = 4096;

}  // namespace

bool Rib::Impl::run(std::size_t budget) {
  while (budget > 0) {
    const auto item = work.pop();
    if (!item) break;
    if (item->soon != kNoPrefix) {
      tables[item->family].expect_use(item->soon);
      for (const auto& group : groups) group->out.expect_use(item->family, item->soon);
    }
    // A prefix with many paths takes time with their number, more where several are sent on.
    const std::size_t cost = 1 + tables[item->family].node(item->id).paths.size() / kPathsATime;
    evaluate(item->family, item->id);
    budget -= std::min(budget, cost);
  }
  bool building = false;
  for (const auto& group : groups) building |= build(*group, budget);
  if (work.empty()) ++lulls;
  return building || !work.empty();
}

Candidate Rib::Impl::candidate(const Path& path) const {
  Candidate c;
  if (path.peer == kLocalSlot) {
    c.attributes = &sets.get(path.accepted);
    c.local = true;
    return c;
  }
  const RibPeerState& peer = *slots[path.peer];
  c.external = peer.conf.external;
  c.router_id = peer.conf.remote_id;
  c.peer_address = peer.conf.address;
  c.path_id = path.path_id;
  c.eligible = false;
  if (path.accepted == 0) return c;
  c.attributes = &sets.get(path.accepted);
  const NextHopState& hop = next_hops.state(sets.tag(path.accepted));
  c.igp_cost = hop.igp_cost;
  // RFC 4271 section 9.1.2: unresolvable routes are excluded. What is discarded needs no next hop.
  c.eligible = (hop.resolved || c.attributes->marks.blackhole) && !deferral;
  c.silent = hop.silent && !c.attributes->marks.blackhole;
  return c;
}

std::optional<std::size_t> Rib::Impl::select(const Node& node, std::vector<Candidate>& candidates) const {
  candidates.clear();
  for (const Path& path : node.paths.all()) candidates.push_back(candidate(path));
  if (candidates.size() > 1)
    return decide(candidates, settings.multipath_relax ? MultipathAsPath::SameLength : MultipathAsPath::Same);
  if (candidates.empty() || !candidates[0].eligible) return std::nullopt;
  candidates[0].lost = DecisionStep::Won;
  candidates[0].multipath = true;
  return 0;
}

void Rib::Impl::evaluate(std::size_t family, PrefixId id) {
  Node& node = tables[family].node(id);
  if (node.reimport) import_again(family, id);
  const auto best = select(node, scratch);
  const auto paths = node.paths.all();
  if (best ? !paths[*best].noted : node.had_best) note_best(family, id);
  node.had_best = best.has_value();
  for (std::size_t i = 0; i < paths.size(); ++i) paths[i].best = paths[i].noted = best == i;
  set_fib(family, id, best && settings.install ? kernel_group(node, *best) : 0);
  for (const auto& group : groups)
    if (group->out.is_built(family, id)) export_to(*group, family, id);
  tables[family].forget_if_unused(id);
}

// For show: who watches takes them every turn, so the limit is for who does not.
void Rib::Impl::note_best(std::size_t family, PrefixId id) {
  if (!watching_best) return;
  if (best_changes.prefixes.size() < kMostBestChanges)
    best_changes.prefixes.push_back(tables[family].prefix(id));
  else
    ++best_changes.lost;
}

// The interned next hops of the ECMP set in `scratch`, with a reference. A local route has none: its kernel route is
// not ours to write.
std::uint32_t Rib::Impl::kernel_group(const Node& node, std::size_t best) {
  if (scratch[best].local) return 0;
  const auto hop_of = [&](std::size_t i) { return next_hops.in_kernel(sets.tag(node.paths.all()[i].accepted)); };
  const PolicyMarks& marks = scratch[best].attributes->marks;
  if (marks.blackhole) return fib_groups.intern({{}, marks.kernel_metric, true});
  scratch_hops.clear();
  for (std::size_t i = 0; i < scratch.size(); ++i)
    if (i != best && scratch[i].multipath && !scratch[i].attributes->marks.blackhole) scratch_hops.push_back(hop_of(i));
  // The best path's next hop is always in; the others by address, so that the choice does not depend on arrival.
  const FibNextHop first = hop_of(best);
  std::erase(scratch_hops, first);
  std::ranges::sort(scratch_hops);
  scratch_hops.erase(std::ranges::unique(scratch_hops).begin(), scratch_hops.end());
  const std::size_t others = std::max<std::size_t>(settings.multipath, 1) - 1;
  if (scratch_hops.size() > others) scratch_hops.resize(others);
  scratch_hops.insert(std::ranges::lower_bound(scratch_hops, first), first);
  auto backup = settings.backups && scratch_hops.size() == 1 ? backup_of(node, first) : std::vector<FibNextHop>{};
  return fib_groups.intern({scratch_hops, marks.kernel_metric, false, std::move(backup)});
}

// The next hop of the path that would be best if all of those through `first` went. None where that one would discard.
std::vector<FibNextHop> Rib::Impl::backup_of(const Node& node, const FibNextHop& first) {
  scratch_others.clear();
  scratch_backups.clear();
  for (std::size_t i = 0; i < scratch.size(); ++i) {
    if (!scratch[i].eligible || scratch[i].local || scratch[i].silent) continue;
    const FibNextHop hop = next_hops.in_kernel(sets.tag(node.paths.all()[i].accepted));
    if (hop == first) continue;
    scratch_others.push_back(scratch[i]);
    scratch_backups.push_back(hop);
  }
  const auto next = decide(scratch_others);
  if (!next || scratch_others[*next].attributes->marks.blackhole) return {};
  return {scratch_backups[*next]};
}

// Takes over the reference to `group`.
void Rib::Impl::set_fib(std::size_t family, PrefixId id, std::uint32_t group) {
  Node& node = tables[family].node(id);
  if (node.fib == group) return fib_groups.release(group);
  if (node.fib_noted) {
    fib_groups.release(node.fib);
  } else {
    node.fib_noted = true;
    ++node.held;
    fib_changed[family].push_back({id, node.fib});
  }
  node.fib = group;
}

std::vector<FibDelta> Rib::Impl::take_fib_deltas() {
  std::vector<FibDelta> deltas;
  for (std::size_t family = 0; family < kFamilies; ++family) {
    deltas.reserve(deltas.size() + fib_changed[family].size());
    for (const auto& [id, before] : fib_changed[family]) {
      Node& node = tables[family].node(id);
      if (before != node.fib) deltas.push_back(fib_groups.delta(tables[family].prefix(id), node.fib));
      fib_groups.release(before);
      node.fib_noted = false;
      --node.held;
      tables[family].forget_if_unused(id);
    }
    fib_changed[family].clear();
    if (fib_changed[family].capacity() > kFibChangesKept) fib_changed[family] = {};
  }
  return deltas;
}

std::vector<FibDelta> Rib::Impl::fib() const {
  std::vector<FibDelta> all;
  for (std::size_t family = 0; family < kFamilies; ++family)
    for (PrefixId id = 0; id < tables[family].end(); ++id)
      if (tables[family].used(id) && tables[family].node(id).fib != 0)
        all.push_back(fib_groups.delta(tables[family].prefix(id), tables[family].node(id).fib));
  return all;
}

}  // namespace slash32::bgp
