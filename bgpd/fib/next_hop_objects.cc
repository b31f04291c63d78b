#include "bgpd/fib/next_hop_objects.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace slash32::bgp {
namespace {

using netlink::GroupMember;
using netlink::NextHopId;
using netlink::NextHopObject;
using netlink::ObjectVerb;
using netlink::RouteProtocol;

constexpr std::uint32_t kMostTables = 0x10000;
/// Of 64 places one of weight 1 beside one of 256 gets 64/257, rounded to none. Not one place only: each holds a time
/// that every packet through it writes.
constexpr std::uint16_t kPlaces = 64;
constexpr std::uint16_t kWayWeight = 256;

/// About the next hop, and may be otherwise later.
bool is_passing(int error) {
  return error == ENETDOWN || error == ENODEV || error == ENETUNREACH || error == EHOSTUNREACH;
}

}  // namespace

NextHopObjects::NextHopObjects(TableId table, netlink::Bulk& bulk, std::optional<netlink::Bulk> urgent)
    : first_(netlink::kFirstObject.value + (table.value % kMostTables) * kIds),
      usable_(table.value < kMostTables),
      bulk_(bulk),
      urgent_(std::move(urgent)) {}

/// A kernel without such objects (before Linux 5.3) says that it does not know the question.
void NextHopObjects::load() {
  if (!usable_) return;
  const auto objects = dump();
  usable_ = objects.has_value();
  if (usable_) adopt(*objects);
}

Result<std::map<NextHopId, NextHopObject>> NextHopObjects::dump() {
  std::map<NextHopId, NextHopObject> out;
  TRY(bulk_.dump_objects(
      RouteProtocol::Slash32Bgp, [&] { out.clear(); },
      [&](const NextHopObject& one) {
        if (is_ours(one.id)) out.emplace(one.id, one);
      }));
  return out;
}

// ---------------------------------------------------------------- an earlier life's

void NextHopObjects::adopt(const std::map<NextHopId, NextHopObject>& objects) {
  std::map<NextHopId, FibNextHop> hops;
  for (const auto& [id, object] : objects) {
    taken_.insert(id);
    if (!object.members.empty() || !object.gateway || object.link == IfIndex{}) continue;
    const FibNextHop hop{*object.gateway, object.link};
    if (members_.try_emplace(hop, Member{.id = id, .stands = true, .adopted = true}).second) hops.emplace(id, hop);
  }
  for (const auto& [id, object] : objects) {
    if (object.members.empty()) continue;
    Found found;
    const bool known = std::ranges::all_of(object.members, [&](const auto& m) { return hops.contains(m.id); });
    for (const GroupMember& member : object.members) {
      if (!hops.contains(member.id)) continue;
      const bool second = object.buckets > 0 && member.weight != kWayWeight && object.members.size() == 2;
      (second ? found.shape.backup : found.shape.ways).push_back(hops.at(member.id));
    }
    std::ranges::sort(found.shape.ways);
    const auto is_even = [](const GroupMember& member) { return member.weight == 1; };
    found.whole = known && (object.buckets == kPlaces ? found.shape.ways.size() == 1 && found.shape.backup.size() == 1
                                                      : object.buckets == 0 && object.members.size() > 1 &&
                                                            std::ranges::all_of(object.members, is_even));
    if (found.whole) {
      Group& group = groups_[id];
      group.shape = found.shape;
      group.standing = possible(found.shape);
      count(group.shape, true);
    }
    found_.emplace(id, std::move(found));
  }
}

std::optional<NextHopObjects::Found> NextHopObjects::find(NextHopId group) const {
  const std::lock_guard lock(mutex_);
  const auto at = found_.find(group);
  return at == found_.end() ? std::nullopt : std::optional(at->second);
}

void NextHopObjects::claim(NextHopId group) {
  const std::lock_guard lock(mutex_);
  if (const auto at = groups_.find(group); at != groups_.end()) at->second.claimed = true;
}

bool NextHopObjects::is_claimed(NextHopId group) const {
  const std::lock_guard lock(mutex_);
  const auto at = groups_.find(group);
  return at != groups_.end() && at->second.claimed;
}

// ---------------------------------------------------------------- making

NextHopId NextHopObjects::next_id() {
  for (std::uint32_t tried = 0; tried < kIds; ++tried) {
    const NextHopId id{first_ + cursor_};
    cursor_ = (cursor_ + 1) % kIds;
    if (taken_.insert(id).second) return id;
  }
  return {};
}

/// By the first number that nobody has; a stranger's is passed over.
std::expected<NextHopId, int> NextHopObjects::create(NextHopObject object) {
  for (;;) {
    object.id = next_id();
    if (object.id == NextHopId{}) return std::unexpected(EOPNOTSUPP);  // all are in use
    object.protocol = RouteProtocol::Slash32Bgp;
    const auto refused = bulk_.write_object(ObjectVerb::Create, object);
    if (refused && *refused == 0) return object.id;
    if (refused && *refused == EEXIST) continue;
    taken_.erase(object.id);
    return std::unexpected(refused ? *refused : EIO);
  }
}

int NextHopObjects::make_member(const FibNextHop& hop, Member& member) {
  if (member.stands) return 0;
  if (member.lost > 0) return EHOSTUNREACH;
  const auto made = create({.id = {}, .gateway = hop.gateway, .link = hop.oif});
  if (!made) return made.error();
  member.id = *made;
  member.stands = true;
  return 0;
}

std::set<FibNextHop> NextHopObjects::possible(const GroupShape& shape) const {
  std::set<FibNextHop> out;
  for (const auto* hops : {&shape.ways, &shape.backup})
    for (const FibNextHop& hop : *hops)
      if (const auto at = members_.find(hop); at != members_.end() && at->second.stands) out.insert(hop);
  return out;
}

NextHopObject NextHopObjects::as_object(NextHopId id, const GroupShape& shape,
                                        const std::set<FibNextHop>& standing) const {
  NextHopObject out{.id = id, .protocol = RouteProtocol::Slash32Bgp};
  out.buckets = shape.backup.empty() ? 0 : kPlaces;
  for (const FibNextHop& hop : shape.ways)
    if (standing.contains(hop))
      out.members.push_back({members_.at(hop).id, shape.backup.empty() ? std::uint16_t{1} : kWayWeight});
  for (const FibNextHop& hop : shape.backup)
    if (standing.contains(hop)) out.members.push_back({members_.at(hop).id, 1});
  return out;
}

std::expected<NextHopId, int> NextHopObjects::make(const GroupShape& shape) {
  const std::lock_guard lock(mutex_);
  if (!usable_) return std::unexpected(EOPNOTSUPP);
  for (auto& [id, group] : groups_)  // an earlier life's that no route has shown yet
    if (!group.claimed && group.shape == shape) {
      group.claimed = true;
      return id;
    }
  int why = 0;
  for (const auto* hops : {&shape.ways, &shape.backup})
    for (const FibNextHop& hop : *hops)
      if (const int error = make_member(hop, members_[hop]); error != 0) why = error;
  const auto standing = possible(shape);
  const auto made = standing.empty() ? std::unexpected(why) : create(as_object({}, shape, standing));
  if (!made) {
    int error = is_passing(made.error()) ? made.error() : EOPNOTSUPP;
    // Said of a kind of group that this kernel does not have, and of a member that went with its link just now.
    if (made.error() == EINVAL && look_locked() && possible(shape) != standing) error = ENETDOWN;
    drop_idle_members();
    return std::unexpected(error);
  }
  groups_[*made] = {.shape = shape, .standing = standing, .claimed = true};
  found_[*made] = {.shape = shape, .whole = true};
  count(shape, true);
  return *made;
}

void NextHopObjects::count(const GroupShape& shape, bool add) {
  for (const auto* hops : {&shape.ways, &shape.backup})
    for (const FibNextHop& hop : *hops) members_[hop].groups += add ? 1UL : -1UL;
}

// ---------------------------------------------------------------- removing

void NextHopObjects::drop_group(std::map<NextHopId, Group>::iterator at) {
  count(at->second.shape, false);
  taken_.erase(at->first);
  found_.erase(at->first);
  groups_.erase(at);
}

void NextHopObjects::drop_idle_members() {
  for (auto at = members_.begin(); at != members_.end();) {
    const auto one = at++;
    Member& member = one->second;
    if (member.groups > 0 || member.adopted) continue;
    if (std::exchange(member.stands, false)) {
      remove(member.id);
      taken_.erase(member.id);
    }
    if (member.lost == 0) members_.erase(one);
  }
}

void NextHopObjects::release(std::span<const NextHopId> groups) {
  for (const NextHopId group : groups) {
    const std::lock_guard lock(mutex_);  // for each: lose() is not to wait for all of them
    const auto at = groups_.find(group);
    if (at == groups_.end()) continue;
    remove(group);
    drop_group(at);
  }
  const std::lock_guard lock(mutex_);
  if (!groups.empty()) drop_idle_members();
}

/// One that stays all the same is for remove_unknown().
void NextHopObjects::remove(NextHopId id) {
  const auto refused = bulk_.remove_object(id);
  left_behind_ |= !refused || (*refused != 0 && *refused != ENOENT);
}

bool NextHopObjects::take_left_behind() {
  const std::lock_guard lock(mutex_);
  return std::exchange(left_behind_, false);
}

/// Groups first: a member that goes takes what is left without one, and its routes, with it.
Status NextHopObjects::remove_unknown(bool all) {
  const std::lock_guard lock(mutex_);
  if (!usable_ || (!all && !urgent_ && taken_.empty())) return ok();
  for (auto at = groups_.begin(); at != groups_.end();) {
    const auto one = at++;
    if (all || !one->second.claimed) drop_group(one);
  }
  std::erase_if(members_,
                [&](const auto& entry) { return all || (entry.second.groups == 0 && entry.second.lost == 0); });
  for (auto& [hop, member] : members_) member.adopted = false;
  std::set<NextHopId> known;
  for (const auto& [id, group] : groups_) known.insert(id);
  for (const auto& [hop, member] : members_)
    if (member.stands) known.insert(member.id);
  const auto objects = TRY(dump());
  for (const bool groups : {true, false})
    for (const auto& [id, object] : objects) {
      if (known.contains(id) || object.members.empty() == groups) continue;
      const int refused = TRY(bulk_.remove_object(id));
      left_behind_ |= refused != 0 && refused != ENOENT;
    }
  taken_ = std::move(known);
  std::erase_if(found_, [&](const auto& entry) { return !groups_.contains(entry.first); });
  return ok();
}

// ---------------------------------------------------------------- death and return

Status NextHopObjects::lose(const FibNextHop& hop, std::uint64_t loss) {
  const std::lock_guard lock(mutex_);
  if (!usable_ || !urgent_) return ok();
  Member& member = members_[hop];  // also of one without a group: who wants one with it may be waiting to be written
  member.lost = loss;
  if (!std::exchange(member.stands, false)) return ok();
  const auto refused = urgent_->remove_object(member.id);
  if (!refused || (*refused != 0 && *refused != ENOENT)) {
    for (auto& [id, group] : groups_) group.doubtful |= group.standing.contains(hop);  // restore() writes them without
    left_behind_ = true;
    if (!refused) return std::unexpected(refused.error());
    return sys_fail("take a lost next hop out of its groups", *refused);
  }
  taken_.erase(member.id);
  for (auto group = groups_.begin(); group != groups_.end();) {
    const auto one = group++;
    if (one->second.standing.erase(hop) == 0 || !one->second.standing.empty()) continue;
    vanished_.push_back(one->first);
    drop_group(one);
  }
  return ok();
}

void NextHopObjects::revive(std::uint64_t last_loss) {
  const std::lock_guard lock(mutex_);
  for (auto& [hop, member] : members_)
    if (member.lost <= last_loss) member.lost = 0;
  drop_idle_members();
}

Status NextHopObjects::look() {
  const std::lock_guard lock(mutex_);
  return look_locked();
}

Status NextHopObjects::look_locked() {
  if (!usable_) return ok();
  const auto objects = TRY(dump());
  std::map<NextHopId, FibNextHop> hops;
  for (auto& [hop, member] : members_) {
    if (!member.stands) continue;
    const auto at = objects.find(member.id);
    member.stands = at != objects.end() && at->second.gateway == hop.gateway && at->second.link == hop.oif;
    if (member.stands)
      hops.emplace(member.id, hop);
    else if (at == objects.end())
      taken_.erase(member.id);
  }
  for (auto group = groups_.begin(); group != groups_.end();) {
    const auto one = group++;
    const auto at = objects.find(one->first);
    if (at == objects.end()) {
      vanished_.push_back(one->first);
      drop_group(one);
      continue;
    }
    auto& standing = one->second.standing;
    standing.clear();
    for (const GroupMember& member : at->second.members)
      if (const auto hop = hops.find(member.id); hop != hops.end()) standing.insert(hop->second);
    const auto expected = as_object(one->first, one->second.shape, standing);
    one->second.doubtful = !std::ranges::is_permutation(at->second.members, expected.members);
  }
  return ok();
}

/// A refused one keeps no other from coming back. lose() waits for one replacement at most.
Status NextHopObjects::restore() {
  std::vector<NextHopId> all;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [hop, member] : members_)
      if (member.groups > 0) (void)make_member(hop, member);  // who cannot be there yet is asked again with its link
    for (const auto& [id, group] : groups_) all.push_back(id);
  }
  Status first = ok();
  for (const NextHopId id : all) {
    const std::lock_guard lock(mutex_);
    const auto group = groups_.find(id);
    if (group == groups_.end()) continue;
    const int refused = TRY(write_again(id, group->second));
    if (refused == ENOENT) {
      vanished_.push_back(id);
      drop_group(group);
    } else if (refused != 0 && first) {
      first = sys_fail("put a next hop back into its group", refused);
    }
  }
  return first;
}

/// 0, or the errno value of a refusal; ENOENT: the kernel has no such group any more.
Result<int> NextHopObjects::write_again(NextHopId id, Group& group) {
  auto wanted = possible(group.shape);
  if (wanted.empty() || (wanted == group.standing && !group.doubtful)) return 0;
  const int refused = TRY(bulk_.write_object(ObjectVerb::Replace, as_object(id, group.shape, wanted)));
  if (refused != 0) return refused;
  group.standing = std::move(wanted);
  group.doubtful = false;
  return 0;
}

std::vector<NextHopId> NextHopObjects::take_vanished() {
  const std::lock_guard lock(mutex_);
  return std::exchange(vanished_, {});
}

bool NextHopObjects::uses(std::span<const IfIndex> links) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(
      members_, [&](const auto& entry) { return std::ranges::find(links, entry.first.oif) != links.end(); });
}

bool NextHopObjects::stands(NextHopId id) const {
  const std::lock_guard lock(mutex_);
  return groups_.contains(id) ||
         std::ranges::any_of(members_, [&](const auto& e) { return e.second.stands && e.second.id == id; });
}

std::size_t NextHopObjects::groups() const {
  const std::lock_guard lock(mutex_);
  return groups_.size();
}

}  // namespace slash32::bgp
