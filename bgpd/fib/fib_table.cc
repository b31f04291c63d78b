#include "bgpd/fib/fib_table.h"

#include <algorithm>
#include <cerrno>

namespace slash32::bgp {
namespace {

/// Says something about the next hops, not about the prefix: every route of the same set would be refused alike.
bool is_about_next_hops(int error) {
  return error == ENETDOWN || error == ENODEV || error == ENETUNREACH || error == EHOSTUNREACH;
}

/// Nothing of ours was there to delete or to replace.
bool is_absent(int error) { return error == ESRCH || error == ENOENT; }

}  // namespace

// ---------------------------------------------------------------- what is desired

void FibTable::want(FibDelta delta) {
  want_set(delta.prefix, delta.is_removal()
                             ? kNoRoute
                             : sets_.take(std::move(delta.next_hops), delta.metric, std::move(delta.backup)));
}

void FibTable::want_set(const Prefix& prefix, SetId set) {
  if (set == kNoRoute && !entries_.contains(prefix)) return;
  Entry& e = entries_[prefix];
  change(e, [&] {
    sets_.drop(e.desired);
    e.desired = set;
    e.stale = false;  // confirmed, or withdrawn by those who should know
    e.failed = e.failed && set == kNoRoute && e.kernel != kNoRoute;
  });
  if (!settle(prefix, e)) entries_.erase(prefix);
}

void FibTable::want_nothing() {
  entries_.for_each([&](const Prefix&, Entry& e) {
    change(e, [&] {
      sets_.drop(e.desired);
      e.desired = kNoRoute;
      e.stale = e.foreign = false;
    });
  });
  swept_ = true;
  settle_all();
}

void FibTable::set_enabled(bool enabled) {
  if (enabled == enabled_) return;
  entries_.for_each([&](const Prefix&, const Entry& e) { tally(e, -1); });
  enabled_ = enabled;
  entries_.for_each([&](const Prefix&, const Entry& e) { tally(e, +1); });
  settle_all();
}

void FibTable::set_limit(std::uint64_t limit) {
  limit_ = limit;
  release_held();
}

void FibTable::rewrite_all(AddressFamily family) {
  entries_.for_each([&](const Prefix& prefix, Entry& e) {
    if (prefix.family() == family && e.kernel != kNoRoute) change(e, [&] { e.rewrite = true; });
  });
  settle_all();
}

// ---------------------------------------------------------------- what the kernel has

void FibTable::found(const FibSeen& seen) {
  Entry& e = entries_[seen.prefix];
  change(e, [&] {
    put_kernel(e, seen.set);
    e.rewrite = !seen.exact;
    e.stale = e.desired == kNoRoute;
  });
}

std::uint64_t FibTable::sweep() {
  swept_ = true;
  const std::uint64_t count = counts_.stale;
  if (count == 0) return 0;
  entries_.for_each([&](const Prefix&, Entry& e) {
    if (e.stale) change(e, [&] { e.stale = false; });
  });
  settle_all();
  return count;
}

void FibTable::reconcile(std::span<const FibSeen> seen, const std::function<bool(SetId)>& in_scope) {
  for (const FibSeen& one : seen) {
    Entry& e = entries_[one.prefix];
    change(e, [&] {
      put_kernel(e, one.set);
      e.rewrite = !one.exact;
      e.foreign = false;
      e.seen = true;
      if (e.kernel == e.desired && one.exact) e.failed = e.reported = false;
      if (e.desired == kNoRoute && !e.queued && !swept_) e.stale = true;
    });
  }
  entries_.for_each([&](const Prefix&, Entry& e) {
    const bool scoped = in_scope(e.kernel) || in_scope(e.desired);
    const bool gone = e.kernel != kNoRoute && !e.seen && in_scope(e.kernel);
    change(e, [&] {
      if (gone) put_kernel(e, kNoRoute);
      if (gone) e.stale = false;
      if (scoped) e.failed = false;
      e.seen = false;
    });
  });
  sets_.unblock_all();
  settle_all();
}

void FibTable::forget_kernel(const std::function<bool(SetId)>& which) {
  entries_.for_each([&](const Prefix&, Entry& e) {
    if (!which(e.kernel)) return;
    change(e, [&] {
      put_kernel(e, kNoRoute);
      e.stale = e.rewrite = e.foreign = e.failed = false;
    });
  });
  settle_all();
  release_held();
}

void FibTable::ask_again(const Prefix& prefix) {
  Entry* const e = entries_.find(prefix);
  if (e == nullptr) return;
  change(*e, [&] { e->foreign = e->failed = false; });
  if (!settle(prefix, *e)) entries_.erase(prefix);
}

void FibTable::displaced(const Prefix& prefix) {
  Entry* const e = entries_.find(prefix);
  if (e == nullptr || e->kernel == kNoRoute) return;
  change(*e, [&] { put_kernel(*e, kNoRoute); });
  if (target(*e) != kNoRoute) refuse(prefix, *e, FibVerb::Create, EEXIST);
  if (!settle(prefix, *e)) entries_.erase(prefix);
}

std::size_t FibTable::retry(std::size_t count) {
  std::size_t asked = 0;
  sets_.unblock_all();
  for (std::size_t left = std::min(count, retry_.size()); left > 0; --left) {
    const Prefix prefix = retry_.front();
    retry_.pop_front();
    Entry* const e = entries_.find(prefix);
    if (e == nullptr) continue;
    e->waiting = false;
    if (!e->failed && !e->foreign) continue;
    ask_again(prefix);
    ++asked;
  }
  return asked;
}

// ---------------------------------------------------------------- work

std::vector<FibOp> FibTable::next(std::size_t max) {
  std::vector<FibOp> out;
  std::uint64_t creations = 0;
  while (out.size() < max && has_work()) {
    auto& queue = changes_.empty() ? creations_ : changes_;
    const Prefix prefix = queue.front();
    queue.pop_front();
    Entry* const e = entries_.find(prefix);
    if (e == nullptr) continue;
    e->queued = false;
    if (!take(prefix, creations, out) && !settle(prefix, *e)) entries_.erase(prefix);
  }
  return out;
}

/// False: nothing is to be written for this prefix.
bool FibTable::take(const Prefix& prefix, std::uint64_t& creations, std::vector<FibOp>& out) {
  Entry& e = *entries_.find(prefix);
  const FibVerb verb = verb_for(e);
  if (verb == FibVerb::Nothing || verb == FibVerb::Conflict || e.failed) return false;
  if (verb == FibVerb::Delete) {
    out.push_back({verb, prefix, e.kernel});
    return true;
  }
  if (const int error = sets_.blocked(e.desired); error != 0) {
    refuse(prefix, e, verb, error);
    return false;
  }
  if (verb == FibVerb::Create && counts_.in_kernel + creations >= limit_) {
    if (!e.held) held_.push_back(prefix);
    change(e, [&] { e.held = true; });
    return false;
  }
  creations += verb == FibVerb::Create ? 1U : 0U;
  out.push_back({verb, prefix, e.desired});
  return true;
}

void FibTable::done(const FibOp& op, int error) {
  Entry* const found = entries_.find(op.prefix);
  if (found == nullptr) return;
  Entry& e = *found;
  const bool deleted = op.verb == FibVerb::Delete;
  const bool absent = op.verb != FibVerb::Create && (is_absent(error) || (deleted && error == ENODEV));
  if (error == 0 || absent) {
    const bool written = error == 0 && !deleted;
    change(e, [&] {
      if (written) sets_.hold(op.set);
      put_kernel(e, written ? op.set : kNoRoute);
      e.rewrite = false;
      if (written) e.failed = e.foreign = e.reported = e.stale = false;
    });
  } else {
    if (is_about_next_hops(error) && op.set != kBlackhole) sets_.block(op.set, error);
    refuse(op.prefix, e, op.verb, error);
  }
  if (!settle(op.prefix, e)) entries_.erase(op.prefix);
  if (deleted) release_held();
}

void FibTable::refuse(const Prefix& prefix, Entry& e, FibVerb verb, int error) {
  change(e, [&] {
    e.foreign = verb != FibVerb::Delete && error == EEXIST;  // also of a replacement that moves to another metric
    e.failed = !e.foreign;
  });
  if (!e.waiting) retry_.push_back(prefix);
  e.waiting = true;
  if (!e.reported) failures_.push_back({verb, prefix, error});
  e.reported = true;
}

void FibTable::release_held() {
  std::uint64_t room = limit_ > counts_.in_kernel ? limit_ - counts_.in_kernel : 0;
  while (room > 0 && !held_.empty()) {
    const Prefix prefix = held_.front();
    held_.pop_front();
    Entry* const e = entries_.find(prefix);
    if (e == nullptr || !e->held) continue;
    change(*e, [&] { e->held = false; });
    if (!settle(prefix, *e)) entries_.erase(prefix);
    --room;
  }
}

// ---------------------------------------------------------------- views

bool FibTable::installed(const Prefix& prefix) const {
  const Entry* const e = entries_.find(prefix);
  return e != nullptr && e->desired != kNoRoute && e->kernel == e->desired && !e->rewrite;
}

SetId FibTable::desired(const Prefix& prefix) const {
  const Entry* const e = entries_.find(prefix);
  return e == nullptr ? kNoRoute : e->desired;
}

SetId FibTable::in_kernel(const Prefix& prefix) const {
  const Entry* const e = entries_.find(prefix);
  return e == nullptr ? kNoRoute : e->kernel;
}

bool FibTable::conflicting(const Prefix& prefix) const {
  const Entry* const e = entries_.find(prefix);
  return e != nullptr && e->foreign;
}

void FibTable::each_in_kernel(const std::function<void(const Prefix&, SetId)>& each) const {
  entries_.for_each([&](const Prefix& prefix, const Entry& e) {
    if (e.kernel != kNoRoute) each(prefix, e.kernel);
  });
}

std::vector<Prefix> FibTable::wanted() const {
  std::vector<Prefix> out;
  entries_.for_each([&](const Prefix& prefix, const Entry& e) {
    if (e.desired != kNoRoute) out.push_back(prefix);
  });
  return out;
}

// ---------------------------------------------------------------- entries

FibVerb FibTable::verb_for(const Entry& e) const {
  if (e.stale) return FibVerb::Nothing;  // kept until somebody confirms it or sweeps
  return decide({.desired = target(e) != kNoRoute,
                 .ours = e.kernel != kNoRoute,
                 .identical = e.kernel == target(e) && !e.rewrite,
                 .foreign = e.foreign});
}

void FibTable::tally(const Entry& e, std::int64_t sign) {
  const auto count = [&](std::uint64_t& counter, bool yes) { counter += yes ? static_cast<std::uint64_t>(sign) : 0; };
  count(counts_.desired, e.desired != kNoRoute);
  count(counts_.installed, e.desired != kNoRoute && e.kernel == e.desired && !e.rewrite);
  count(counts_.in_kernel, e.kernel != kNoRoute);
  count(counts_.conflicts, e.foreign && target(e) != kNoRoute);
  count(counts_.failed, e.failed);
  count(counts_.held, e.held);
  count(counts_.stale, e.stale);
}

/// Takes over one user of `set`.
void FibTable::put_kernel(Entry& e, SetId set) {
  sets_.drop(e.kernel);
  e.kernel = set;
}

void FibTable::enqueue(const Prefix& prefix, Entry& e) {
  if (e.queued || e.held) return;
  (e.kernel != kNoRoute ? changes_ : creations_).push_back(prefix);
  e.queued = true;
}

bool FibTable::settle(const Prefix& prefix, Entry& e) {
  const FibVerb verb = verb_for(e);
  const bool write = verb != FibVerb::Nothing && verb != FibVerb::Conflict && !e.failed;
  if (write) enqueue(prefix, e);
  if (verb != FibVerb::Create && e.held) change(e, [&] { e.held = false; });
  if (e.desired == kNoRoute && e.kernel == kNoRoute && !e.queued) {
    tally(e, -1);
    return false;
  }
  return true;
}

void FibTable::settle_all() {
  entries_.erase_if([&](const Prefix& prefix, Entry& e) { return !settle(prefix, e); });
}

}  // namespace slash32::bgp
