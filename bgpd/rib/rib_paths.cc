// Several paths to a prefix, for neighbours that take them (RFC 7911). A group of such neighbours has an Adj-RIB-Out
// for every path identifier it uses: its lanes. A path keeps its lane, and so its identifier, as long as it is told; a
// lane that becomes free is taken by the next path, which to the neighbours is a replacement. Queues, split horizon and
// packing are each lane's own, as they are without path identifiers.
#include <algorithm>

#include "bgpd/rib/rib_impl.h"

namespace slash32::bgp {
namespace {

constexpr std::size_t kLeastShare = 8;  // of a turn's output: what a lane gets even behind busy ones

/// Lane 0 speaks for the session's End-of-RIB; the others have none to send.
void say_no_end_of_rib(OutMember& member) {
  for (EndOfRib& end : member.end_of_rib) end.phase = EndOfRib::Phase::Sent;
}

struct WantedPath {
  const Path* path = nullptr;
  SetId set = 0;  // with a reference
};

/// Which path stands in which lane: who was told before keeps its own, the others take what is free, or new ones.
std::vector<const WantedPath*> place(const Group& group, std::size_t family, PrefixId id,
                                     const std::vector<WantedPath>& wanted) {
  std::vector<const WantedPath*> placed(1 + group.more.size(), nullptr);
  std::vector<const WantedPath*> homeless;
  for (const WantedPath& one : wanted) {
    const auto is_here = [&](std::size_t n) {
      return (n == 0 ? group.out : *group.more[n - 1]).holds(family, id, one.path->peer, one.path->path_id);
    };
    std::size_t n = 0;
    while (n < placed.size() && !is_here(n)) ++n;
    if (n < placed.size())
      placed[n] = &one;
    else
      homeless.push_back(&one);
  }
  for (const WantedPath* one : homeless) {
    const auto free = std::ranges::find(placed, nullptr);
    if (free != placed.end())
      *free = one;
    else
      placed.push_back(one);
  }
  return placed;
}

}  // namespace

AdjRibOut& Rib::Impl::lane(Group& group, std::size_t n) {
  if (n == 0) return group.out;
  while (group.more.size() < n) {
    group.more.push_back(std::make_unique<AdjRibOut>(group.out.settings(), out_tables, group.more.size() + 1));
    for (const auto& peer : slots) {
      if (!peer || peer->group != &group) continue;
      OutMember& member = add_member(*peer);
      group.more.back()->join(member);
      for (auto& walk : member.walk) walk.active = false;  // there is nothing in it yet
    }
  }
  return *group.more[n - 1];
}

OutMember& Rib::Impl::add_member(RibPeerState& peer) {
  peer.more.push_back(std::make_unique<OutMember>());
  OutMember& member = *peer.more.back();
  member.slot = peer.out.slot;
  member.address = peer.out.address;
  say_no_end_of_rib(member);
  return member;
}

void Rib::Impl::join_group(RibPeerState& peer, Group& group) {
  peer.group = &group;
  group.out.join(peer.out);
  for (const auto& lane : group.more) lane->join(add_member(peer));
}

// The paths that the best `most` are, in that order; all of them in any order where there are no more.
std::vector<std::size_t> Rib::Impl::ranked(const Node& node, std::size_t most) const {
  std::vector<Candidate> candidates;
  for (const Path& path : node.paths.all()) candidates.push_back(candidate(path));
  std::vector<std::size_t> out;
  if (candidates.size() <= most) {
    for (std::size_t i = 0; i < candidates.size(); ++i)
      if (candidates[i].eligible) out.push_back(i);
    return out;
  }
  while (out.size() < most) {
    const auto best = decide(candidates);
    if (!best) break;
    out.push_back(*best);
    candidates[*best].eligible = false;
  }
  return out;
}

void Rib::Impl::export_paths(Group& group, std::size_t family, PrefixId id) {
  const Node& node = tables[family].node(id);
  std::vector<WantedPath> wanted;
  for (const std::size_t i : ranked(node, group.out.settings().add_path.at(family))) {
    const Path& path = node.paths.all()[i];
    if (const SetId set = encoded_for(group, family, id, path); set != 0) wanted.push_back({&path, set});
  }
  const auto placed = place(group, family, id, wanted);
  bool waits = false;
  for (std::size_t n = 0; n < placed.size(); ++n) {
    AdjRibOut& out = lane(group, n);
    OutState next;
    if (placed[n] != nullptr) next = {placed[n]->set, placed[n]->path->peer};
    if (group.out.settings().max_prefixes) next = within_limit(group, out, family, id, next);
    waits |= placed[n] != nullptr && next.set == 0;
    out.set(family, id, next);
    if (next.set != 0) out.set_source(family, id, placed[n]->path->path_id);
  }
  if (waits) group.limit[family].waiting.insert(id);
}

bool Rib::Impl::lanes_have_output(const RibPeerState& peer) const {
  for (std::size_t n = 0; n < peer.more.size(); ++n)
    if (peer.group->more[n]->has_output(*peer.more[n])) return true;
  return false;
}

void Rib::Impl::take_lanes(RibPeerState& peer, std::size_t max_bytes, Output& out) {
  for (std::size_t n = 0; n < peer.more.size(); ++n)
    peer.group->more[n]->take(*peer.more[n], std::max(max_bytes, out.bytes.size() + max_bytes / kLeastShare), out);
}

}  // namespace slash32::bgp
