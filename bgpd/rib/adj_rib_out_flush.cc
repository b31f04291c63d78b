// From queues to messages: what changed is collected, grouped by audience and attribute set, encoded once.
#include <algorithm>
#include <utility>

#include "bgpd/rib/adj_rib_out.h"

namespace slash32::bgp {
namespace {

// Beyond this a member that does not take its output falls out of step and is served from its own queue.
constexpr std::size_t kMaxBacklog = std::size_t{256} * 1024;

// What a message costs beside its routes: header, lengths, MP attribute. For "about max_bytes".
constexpr std::size_t kMessageOverhead = 32;

std::size_t nlri_size(std::uint8_t length) { return 1U + (length + 7U) / 8U; }

constexpr std::size_t kFewPrefixes = 16;  // room for so many is kept, in each of what may be a thousand tables
constexpr std::size_t kAhead = 8;         // prefixes that memory is asked for before they are let go

}  // namespace

bool AdjRibOut::has_output(const OutMember& member) const {
  if (!member.backlog.empty()) return true;
  if (member.attached) return !queue_.empty();
  if (!member.queue.empty()) return true;
  for (std::size_t family = 0; family < kFamilies; ++family) {
    const OutMember::Walk& walk = member.walk[family];
    const PrefixId built = complete_[family] ? (*tables_.prefixes)[family].end() : built_[family];
    if (walk.active && (walk.next < built || complete_[family])) return true;
    const auto phase = member.end_of_rib[family].phase;
    if (!walk.active && (phase == EndOfRib::Phase::TableReady || phase == EndOfRib::Phase::Marked)) return true;
  }
  return false;
}

std::size_t AdjRibOut::waiting(const OutMember& member) const {
  if (member.attached) return queue_.size();
  std::size_t out = member.queue.size();
  for (std::size_t family = 0; family < kFamilies; ++family) {
    const OutMember::Walk& walk = member.walk[family];
    const PrefixId end = (*tables_.prefixes)[family].end();
    if (walk.active && walk.next < end) out += end - walk.next;
  }
  return out;
}

void AdjRibOut::take(OutMember& member, std::size_t max_bytes, Rib::Output& out) {
  take_backlog(member, max_bytes, out);
  while (out.bytes.size() < max_bytes && member.backlog.empty()) {
    const bool idle = member.attached && queue_.empty();  // as a rule, after a single change
    const bool worked = !idle && flush(member, max_bytes - out.bytes.size(), out);
    for (std::size_t family = 0; family < kFamilies; ++family) take_end_of_rib(member, family, out);
    if (!worked) break;
  }
}

void AdjRibOut::take_backlog(OutMember& member, std::size_t max_bytes, Rib::Output& out) {
  while (!member.backlog.empty() && (out.bytes.empty() || out.bytes.size() < max_bytes)) {
    const OutSegment& segment = *member.backlog.front();
    out.bytes.insert(out.bytes.end(), segment.bytes.begin(), segment.bytes.end());
    out.messages += segment.messages;
    member.backlog_bytes -= segment.bytes.size();
    member.backlog.pop_front();
  }
}

// Behind the initial table: everything that was queued when the walk ended must be out.
void AdjRibOut::take_end_of_rib(OutMember& member, std::size_t family, Rib::Output& out) {
  EndOfRib& end = member.end_of_rib[family];
  if (end.phase == EndOfRib::Phase::TableReady && !member.walk[family].active) {
    end.mark = member.queue.mark(family);
    end.phase = EndOfRib::Phase::Marked;
  }
  if (end.phase != EndOfRib::Phase::Marked || !member.queue.passed(family, end.mark)) return;
  const std::vector<std::uint8_t> message = encode_end_of_rib(family_of(family));
  out.bytes.insert(out.bytes.end(), message.begin(), message.end());
  ++out.messages;
  end.phase = EndOfRib::Phase::Sent;
}

// False when there was nothing to do.
bool AdjRibOut::flush(OutMember& member, std::size_t max_bytes, Rib::Output& out) {
  if (member.attached)
    for (OutMember* other : members_)
      if (other != &member && other->attached && other->backlog_bytes > kMaxBacklog) detach(*other);
  OutBatch& batch = batch_;
  collect(member, max_bytes, batch);
  const bool worked = !batch.ops.empty() || !batch.held.empty();
  deliver(member, encode(batch), out);
  for (std::size_t i = 0; i < batch.held.size(); ++i) {
    const auto& [family, id] = batch.held[i];
    if (i + kAhead < batch.held.size()) {
      const auto& [next_family, next] = batch.held[i + kAhead];
      (*tables_.prefixes)[next_family].expect_erase(next);
    }
    --(*tables_.prefixes)[family].node(id).held;
    (*tables_.prefixes)[family].forget_if_unused(id);
  }
  batch.clear();
  return worked;
}

void AdjRibOut::collect(OutMember& member, std::size_t max_bytes, OutBatch& batch) {
  for (const bool urgent : {true, false})
    for (std::size_t family = 0; family < kFamilies; ++family) collect_line(member, family, urgent, max_bytes, batch);
  if (member.attached) return;
  for (std::size_t family = 0; family < kFamilies; ++family) collect_walk(member, family, max_bytes, batch);
}

void AdjRibOut::collect_line(OutMember& member, std::size_t family, bool urgent, std::size_t max_bytes,
                             OutBatch& batch) {
  OutQueue& queue = member.attached ? queue_ : member.queue;
  while (!queue.line_empty(family, urgent) && batch.bytes < max_bytes) {
    const OutQueue::Taken taken = queue.take(family, urgent);
    if (!taken.valid) continue;
    batch.held.emplace_back(family, taken.id);
    if (member.attached)
      add_for_all(family, taken, batch);
    else
      add_for_one(member, family, taken, batch);
    tables_.sets->release(taken.entry.told.set);
    const OutOp* op = batch.ops.empty() ? nullptr : &batch.ops.back();
    if (op == nullptr) continue;
    if (op->set != 0 && batch.is_new(op->set)) batch.bytes += kMessageOverhead + tables_.sets->size_of(op->set);
    batch.bytes += nlri_size((*tables_.prefixes)[family].length(taken.id));
  }
}

void AdjRibOut::collect_walk(OutMember& member, std::size_t family, std::size_t max_bytes, OutBatch& batch) {
  OutMember::Walk& walk = member.walk[family];
  if (!walk.active) return;
  const PrefixTable& prefixes = (*tables_.prefixes)[family];
  const PrefixId built = complete_[family] ? prefixes.end() : built_[family];
  for (; walk.next < built && batch.bytes < max_bytes; ++walk.next) {
    const SetId set = visible(state(family, walk.next), member);
    if (set == 0) continue;
    batch.ops.push_back({set, 0, walk.next, static_cast<std::uint8_t>(family)});
    ++member.told[family];
    if (batch.is_new(set)) batch.bytes += kMessageOverhead + tables_.sets->size_of(set);
    batch.bytes += nlri_size(prefixes.length(walk.next));
  }
  if (complete_[family] && walk.next >= prefixes.end()) walk.active = false;
}

void AdjRibOut::add_for_one(OutMember& member, std::size_t family, const OutQueue::Taken& taken, OutBatch& batch) {
  const SetId before = visible(taken.entry.told, member);
  const SetId now = visible(state(family, taken.id), member);
  if (before == now && (!taken.entry.again || now == 0)) return;  // it was told exactly this
  batch.ops.push_back({now, 0, taken.id, static_cast<std::uint8_t>(family)});
  member.told[family] += (now != 0 ? 1 : 0) - (before != 0 ? 1 : 0);
}

// The members for whom the change looks different from what the others see get an operation of their own.
void AdjRibOut::add_for_all(std::size_t family, const OutQueue::Taken& taken, OutBatch& batch) {
  const OutState& old = taken.entry.told;
  const OutState now = state(family, taken.id);
  const bool silent = old.set == now.set;
  const int difference = (now.set != 0 ? 1 : 0) - (old.set != 0 ? 1 : 0);
  Audience others;
  std::size_t excepted = 0;
  const std::array<OutMember*, 4> special{attached_at(old.from), attached_at(now.from), attached_at_next_hop(old.set),
                                          attached_at_next_hop(now.set)};
  for (std::size_t i = 0; i < special.size(); ++i) {
    OutMember* member = special[i];
    if (member == nullptr || std::find(special.begin(), special.begin() + i, member) != special.begin() + i) continue;
    const SetId before = visible(old, *member);
    const SetId after = visible(now, *member);
    member->told[family] += (after != 0 ? 1 : 0) - (before != 0 ? 1 : 0) - difference;
    const bool member_silent = before == after;
    if (member_silent == silent && (silent || after == now.set)) continue;  // as the others
    if (!silent) others.except[excepted++] = member->slot;
    if (member_silent) continue;
    const std::uint32_t audience = batch.number_of({.only = member->slot});
    batch.ops.push_back({after, audience, taken.id, static_cast<std::uint8_t>(family)});
  }
  told_[family] += difference;
  if (silent) return;
  if (excepted > 1) std::ranges::sort(others.except);  // kNoSlot is the greatest
  batch.ops.push_back({now.set, batch.number_of(others), taken.id, static_cast<std::uint8_t>(family)});
}

std::vector<OutSegment> AdjRibOut::encode(OutBatch& batch) {
  encoding_.reserve(batch.ops.size());
  batch.sort();
  std::vector<OutSegment> segments;
  for (std::size_t first = 0, last = 0; first < batch.ops.size(); first = last) {
    const OutOp& head = batch.ops[first];
    while (last < batch.ops.size() && batch.ops[last].set == head.set && batch.ops[last].family == head.family &&
           batch.ops[last].audience == head.audience)
      ++last;
    const Audience& audience = batch.audience(head.audience);
    if (segments.empty() || segments.back().audience != audience) segments.push_back({audience, {}, 0});
    encode_run({&batch.ops[first], last - first}, segments.back());
  }
  if (encoding_.capacity() > kFewPrefixes) encoding_ = {};
  return segments;
}

std::optional<PathId> AdjRibOut::path_id(std::size_t family) const {
  if (settings_.add_path.at(family) == 0) return std::nullopt;
  return static_cast<PathId>(lane_ + 1);
}

void AdjRibOut::encode_run(std::span<const OutOp> run, OutSegment& segment) {
  const std::size_t family = run.front().family;
  std::vector<Prefix>& prefixes = encoding_;
  prefixes.clear();
  for (const OutOp& op : run) prefixes.push_back((*tables_.prefixes)[family].prefix(op.id));
  if (run.front().set != 0) {
    const auto count = encode_announcements(tables_.sets->view(run.front().set), prefixes, settings_.max_message_size,
                                            segment.bytes, path_id(family));
    if (count) {
      segment.messages += *count;
      return;
    }
    // Cannot be: sets that leave no room are not let into the table. What cannot be said is withdrawn.
  }
  segment.messages +=
      encode_withdrawals(prefixes, family_of(family), settings_.max_message_size, segment.bytes, path_id(family));
}

void AdjRibOut::deliver(OutMember& member, std::vector<OutSegment> segments, Rib::Output& out) {
  const bool shared = member.attached && attached_ > 1;
  for (OutSegment& segment : segments) {
    if (segment.audience.includes(member.slot)) {
      out.messages += segment.messages;
      if (out.bytes.empty() && !shared)
        out.bytes = std::move(segment.bytes);
      else
        out.bytes.insert(out.bytes.end(), segment.bytes.begin(), segment.bytes.end());
    }
    if (!shared) continue;
    const auto common = std::make_shared<const OutSegment>(std::move(segment));
    for (OutMember* other : members_) {
      if (other == &member || !other->attached || !common->audience.includes(other->slot)) continue;
      other->backlog.push_back(common);
      other->backlog_bytes += common->bytes.size();
    }
  }
}

}  // namespace slash32::bgp
