// For show: why a path won or lost, why a neighbour was not told of it. Nothing is decided here: the decision process
// (decision.cc) and export (export.cc) are asked once more, and say.
#include "bgpd/rib/rib_impl.h"

namespace slash32::bgp {
namespace {

std::string why_unresolved(const NextHop& hop) {
  auto out = std::string{"next hop "}.append(hop.address.to_string()).append(" is unresolved: ");
  switch (hop.how) {
    case NextHopResolution::OnLink:
      return out.append("not connected");
    case NextHopResolution::Recursive:
      return out.append("not connected, and no route of others leads there but a default route");
    case NextHopResolution::RecursiveViaDefault:
      return out.append("not connected, and no route of others leads there");
  }
  return out;
}

}  // namespace

std::string Rib::Impl::why_not(const Prefix& prefix, const Path& path, const Candidate& candidate) const {
  // Without a policy any more: it was taken away, and the route's turn to be evaluated again has not come.
  if (path.refusal == Refusal::Policy && slots[path.peer]->conf.import_policies) {
    const RibPeer& peer = slots[path.peer]->conf;
    const PolicyResult result = bgp::evaluate(settings.policies, *peer.import_policies, import_route(peer, prefix),
                                              sets.pointer(path.received), peer.local_as);
    return std::string{to_string(path.refusal)}.append(": ").append(result.describe());
  }
  if (path.refusal != Refusal::None) return std::string{to_string(path.refusal)};
  if (candidate.lost == DecisionStep::Won) return {};
  if (candidate.lost != DecisionStep::NotEligible) return std::string{to_string(candidate.lost)};
  const std::uint32_t hop = sets.tag(path.accepted);
  if (!next_hops.state(hop).resolved && !sets.get(path.accepted).marks.blackhole)
    return why_unresolved(next_hops.hop(hop));
  return "selection is deferred until the neighbours have sent End-of-RIB";
}

/// The step at which the best one's last rival went; Won where there was none.
DecisionStep Rib::Impl::won_at(const std::vector<Candidate>& candidates, std::size_t best) {
  DecisionStep last = DecisionStep::Won;
  for (std::size_t i = 0; i < candidates.size(); ++i)
    if (i != best && candidates[i].eligible) last = std::max(last, candidates[i].lost);
  return last;
}

// The way of a path through export_to(), encoded_for() and AdjRibOut::visible().
NotTold Rib::Impl::why_not_told(const RibPeerState& peer, std::size_t family, PrefixId id, const Path& path) const {
  if (path.peer == peer.out.slot) return {Withheld::SplitHorizon, {}};
  const ExportSettings& to = peer.group->out.settings();
  ExportRoute route = export_route(tables[family].prefix(id), path);
  Permitted permitted = permit(to, settings.policies, route, /*explain=*/true);
  if (permitted.withheld != Withheld::No) return {permitted.withheld, std::move(permitted.detail)};
  const bool changed = permitted.attributes != route.attributes;
  route.attributes = std::move(permitted.attributes);
  const Rendered rendered = render(to, route, changed);
  if (rendered.withheld != Withheld::No) return {rendered.withheld, {}};
  if (peer.group->limit[family].waiting.contains(id)) return {Withheld::Limit, {}};
  if (to.keeps_next_hop() && rendered.next_hop == peer.conf.address) return {Withheld::OwnNextHop, {}};
  return {Withheld::NotYet, {}};
}

NotTold Rib::why_not_told(PeerId id, const Prefix& prefix) const {
  const RibPeerState* peer = impl_->find(id);
  if (peer == nullptr || !peer->up) return {Withheld::NoSession, {}};
  const std::size_t family = index_of(prefix.family());
  const PrefixId prefix_id = impl_->tables[family].find(prefix);
  if (prefix_id == kNoPrefix) return {Withheld::NoPath, "no such prefix"};
  if (advertised(id, prefix)) return {};
  const Node& node = impl_->tables[family].node(prefix_id);
  const auto paths = node.paths.all();
  const Path* best = node.paths.best();
  if (best == nullptr || best->accepted == 0) return {Withheld::NoPath, {}};
  NotTold why = impl_->why_not_told(*peer, family, prefix_id, *best);
  // RFC 7911: where several may be told and the best is its own, another one's reason says more.
  const std::size_t several = peer->group->out.settings().add_path.at(family);
  if (why.why != Withheld::SplitHorizon || several < 2) return why;
  for (const std::size_t i : impl_->ranked(node, several))
    if (paths[i].peer != peer->out.slot) return impl_->why_not_told(*peer, family, prefix_id, paths[i]);
  return why;
}

std::string Rib::why_not_advertised(PeerId id, const Prefix& prefix) const { return why_not_told(id, prefix).text(); }

std::string NotTold::text() const {
  if (why == Withheld::NoPath && !detail.empty()) return detail;
  return std::string{to_string(why)}.append(detail.empty() ? "" : ": ").append(detail);
}

}  // namespace slash32::bgp
