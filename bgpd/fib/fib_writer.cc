#include "bgpd/fib/fib_writer.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace slash32::bgp {
namespace {

using netlink::RouteProtocol;
using netlink::RouteType;
using std::chrono::seconds;

constexpr std::size_t kBatch = 256;             // routes between two looks at what is newly desired
constexpr std::size_t kProblemsAtOnce = 16;     // beyond it problems are only counted
constexpr Duration kInspectPause = seconds(1);  // between two looks at conflicts

Instant now() { return std::chrono::steady_clock::now(); }

std::uint64_t some_seed() {
  std::uint64_t seed = 0;
  (void)::getentropy(&seed, sizeof seed);  // does not fail for 8 bytes; 0 works too
  return seed;
}

std::vector<netlink::RouteRule> what_concerns_us(const std::vector<std::uint32_t>& own_ports) {
  const auto ours = {RouteProtocol::Slash32Bgp, RouteProtocol::Slash32Aggregate};
  std::vector<netlink::RouteRule> rules;
  for (const auto port : own_ports) rules.push_back({.pass = false, .requested_by = port});
  for (const auto protocol : ours) {
    // The kernel's own removals, a million at a time when a link goes down: heal() is told of the link.
    rules.push_back({.pass = false, .protocol = protocol, .requested_by = 0});
    rules.push_back({.protocol = protocol});
  }
  rules.push_back({.displaces = true});  // a conflict may have begun
  return rules;
}

netlink::RouteWrite removal_of(const netlink::Route& route) {
  return {.verb = netlink::RouteVerb::Delete,
          .destination = route.destination,
          .table = route.table,
          .protocol = route.protocol,
          .type = route.type,
          .metric = route.metric,
          .tos = route.tos,
          .preferred_source = {},
          .next_hops = route.next_hops};
}

}  // namespace

FibWriter::FibWriter(FibSettings settings, Kernel kernel)
    : settings_(settings),
      bulk_(std::move(kernel.bulk)),
      rules_(std::move(kernel.rules)),
      monitor_(std::move(kernel.monitor)),
      learned_{FibTable(sets_, some_seed()), RouteProtocol::Slash32Bgp, RouteType::Unicast},
      aggregates_{FibTable(sets_), RouteProtocol::Slash32Aggregate, RouteType::Blackhole},
      objects_(std::make_unique<NextHopObjects>(settings.table, bulk_, std::move(kernel.urgent))) {
  learned_.table.set_enabled(settings_.install);
  learned_.table.set_limit(settings_.max_routes);
}

Result<std::unique_ptr<FibWriter>> FibWriter::open(FibSettings settings) {
  auto bulk = TRY(netlink::Bulk::open());
  std::optional<netlink::Bulk> urgent;
  std::vector<std::uint32_t> ports{bulk.port()};  // the kernel tells of every route under a group that is replaced
  if (settings.next_hop_objects) ports.push_back(urgent.emplace(TRY(netlink::Bulk::open())).port());
  auto rules = what_concerns_us(ports);
  auto monitor = TRY(netlink::Monitor::open({.addresses = true,
                                             .routes = true,
                                             .objects = settings.next_hop_objects,
                                             .route_rules = rules,
                                             .other_routes = false}));
  std::unique_ptr<FibWriter> writer(
      new FibWriter(settings, {std::move(bulk), std::move(urgent), std::move(rules), std::move(monitor)}));
  TRY(writer->load());
  return writer;
}

Status FibWriter::load() {
  objects_->load();
  if (settings_.next_hop_objects && objects_->usable()) sets_.use_groups();
  for (Kind* kind : {&learned_, &aggregates_}) {
    auto dumped = dump(*kind, std::nullopt);
    if (!dumped) return std::unexpected(in("read the routes of an earlier life", dumped.error()));
    for (const FibSeen& seen : dumped->seen) kind->table.found(seen);
    std::ranges::move(dumped->strays, std::back_inserter(strays_));
    if (kind != &learned_) continue;
    const auto count = [&](AddressFamily family) { ++(family == AddressFamily::IPv4 ? found4_ : found6_); };
    for (const FibSeen& seen : dumped->seen) count(seen.prefix.family());
    // Of another metric, say: they forward too, and sweep() takes them.
    for (const netlink::Route& stray : dumped->strays) count(stray.destination.family());
  }
  return ok();
}

// ---------------------------------------------------------------- what is ordered

void FibWriter::reconfigure(FibSettings settings) {
  const std::lock_guard lock(mutex_);
  const FibSettings old = std::exchange(settings_, settings);
  const bool moved = old.table != settings_.table;
  const std::array kinds{&learned_, &aggregates_};
  for (Kind* kind : kinds) {
    if (!moved && (kind == &aggregates_ || old.metric == settings_.metric)) continue;
    // Make before break: the new ones are written first, then those at the old place go.
    const FibSettings current = std::exchange(settings_, old);
    const auto goes = [&](SetId set) { return moved || sets_.metric(set) == 0; };  // policy's metrics stay
    kind->table.each_in_kernel([&](const Prefix& p, SetId set) {
      if (goes(set)) strays_.push_back(as_route(*kind, p, set));
    });
    settings_ = current;
    kind->table.forget_kernel(goes);
    remove_strays_when_idle_ = true;
  }
  if (old.pref_src4 != settings_.pref_src4) learned_.table.rewrite_all(AddressFamily::IPv4);
  if (old.pref_src6 != settings_.pref_src6) learned_.table.rewrite_all(AddressFamily::IPv6);
  learned_.table.set_limit(settings_.max_routes);
  learned_.table.set_enabled(settings_.install);
}

void FibWriter::want(std::span<FibDelta> deltas) {
  constexpr std::size_t kAtOnce = 4096;  // so that installed() never waits for a whole table
  while (!deltas.empty()) {
    const std::lock_guard lock(mutex_);
    const auto some = deltas.first(std::min(deltas.size(), kAtOnce));
    for (FibDelta& delta : some) {
      if (!sets_.use_of_groups()) delta.backup.clear();  // else its change would be a write for nothing
      learned_.table.want(std::move(delta));
    }
    deltas = deltas.subspan(some.size());
  }
}

void FibWriter::sweep() {
  {
    const std::lock_guard lock(mutex_);
    learned_.table.sweep();
    swept_ = true;
  }
  remove_strays_when_idle_ = remove_unknown_when_idle_ = true;
}

void FibWriter::remove_all() {
  aggregates_wanted_.clear();
  occupied_.clear();
  for (Kind* kind : {&learned_, &aggregates_}) {
    {
      const std::lock_guard lock(mutex_);
      kind->table.want_nothing();
    }
    while (write_kind(*kind)) {
    }
  }
  remove_strays();
  remove_leftovers();
  if (const auto done = objects_->remove_unknown(/*all=*/true); !done) problem(done.error().message);
}

/// What the tables did not know of: nothing of ours may stay, whatever happened before.
void FibWriter::remove_leftovers() {
  for (Kind* kind : {&learned_, &aggregates_}) {
    auto dumped = dump(*kind, std::nullopt);
    if (!dumped) return problem("look for routes that are left: " + dumped.error().message);
    for (const FibSeen& seen : dumped->seen) strays_.push_back(as_route(*kind, seen.prefix, seen.set));
    std::ranges::move(dumped->strays, std::back_inserter(strays_));
    drop(dumped->seen);
  }
  remove_strays();
}

// ---------------------------------------------------------------- writing

/// The new route stands at another key than the old one, because its metric is another.
bool FibWriter::moves(const Kind& kind, const FibOp& op) const {
  return op.verb == FibVerb::Replace && metric_of(kind, op.set) != metric_of(kind, kind.table.in_kernel(op.prefix));
}

netlink::RouteWrite FibWriter::encode(const Kind& kind, const FibOp& op) const {
  using netlink::RouteVerb;
  const bool create = op.verb == FibVerb::Create || moves(kind, op);  // exclusive: whoever stands there stays
  const auto next_hops = sets_.hops(op.set);
  const auto type = type_of(kind, next_hops);
  return {.verb = op.verb == FibVerb::Delete ? RouteVerb::Delete
                  : create                   ? RouteVerb::Create
                                             : RouteVerb::Replace,
          .destination = op.prefix,
          .table = settings_.table,
          .protocol = kind.protocol,
          .type = type,
          .metric = metric_of(kind, op.set),
          .tos = 0,
          .preferred_source = type == RouteType::Unicast ? pref_src(op.prefix.family()) : std::nullopt,
          .next_hops = next_hops,
          // A removal names next hops: the kernel takes that for a route by a group as well.
          .next_hop_object = op.verb == FibVerb::Delete ? netlink::NextHopId{} : sets_.group(op.set)};
}

netlink::Route FibWriter::as_route(const Kind& kind, const Prefix& prefix, SetId set) const {
  netlink::Route route;
  route.destination = prefix;
  route.table = settings_.table;
  route.protocol = kind.protocol;
  const auto hops = sets_.hops(set);
  route.type = type_of(kind, hops);
  route.metric = metric_of(kind, set);
  route.next_hops.assign(hops.begin(), hops.end());
  return route;
}

bool FibWriter::write_some() {
  const bool more = write_batch();
  hear_removals();
  return more;
}

bool FibWriter::write_batch() {
  forget_vanished();
  if (look_at_objects_) look_at_objects();
  // Aggregates first: their announcement waits for them.
  const bool more_aggregates = write_kind(aggregates_);
  const bool more = write_kind(learned_) || more_aggregates;
  const Instant at = now();
  if (place_at_ && *place_at_ <= at) place_aggregates();
  if (inspect_at_ && *inspect_at_ <= at) inspect_conflicts();
  if (more) return true;
  if (remove_strays_when_idle_) remove_strays();
  tend_objects();
  if (learned_.table.has_failed() || aggregates_.table.has_failed() || objects_refused_) {
    if (!retry_at_) retry_at_ = at + retry_after_;
  } else {
    retry_at_.reset();
    retry_after_ = kFirstRetry;
  }
  return learned_.table.has_work() || aggregates_.table.has_work();
}

bool FibWriter::write_kind(Kind& kind) {
  std::vector<FibOp> ops;
  {
    const std::lock_guard lock(mutex_);
    ops = kind.table.next(kBatch);
  }
  give_groups(kind, ops);
  if (!ops.empty()) {
    std::vector<netlink::RouteWrite> writes;
    writes.reserve(ops.size());
    std::vector<std::pair<std::size_t, netlink::Route>> left;  // behind a write that moves a route
    for (std::size_t i = 0; i < ops.size(); ++i) {
      writes.push_back(encode(kind, ops[i]));
      if (moves(kind, ops[i])) left.emplace_back(i, as_route(kind, ops[i].prefix, kind.table.in_kernel(ops[i].prefix)));
    }
    auto refusals = bulk_.write(writes);
    if (!refusals) {  // answers got lost: nobody knows what stands now, but a dump does
      problem(refusals.error().message);
      ask_for_audit();
      refusals = std::vector<netlink::RouteRefusal>{};
      for (std::size_t i = 0; i < ops.size(); ++i) refusals->push_back({i, EIO, {}});
    }
    settle_batch(kind, ops, *refusals);
    std::erase_if(left, [&](const auto& one) {  // make before break: the old one goes where the new one stands
      return std::ranges::find(*refusals, one.first, &netlink::RouteRefusal::index) != refusals->end();
    });
    std::vector<netlink::Route> gone;
    for (auto& [index, route] : left) gone.push_back(std::move(route));
    remove(gone);
  }
  tell_failures(kind);
  return kind.table.has_work();
}

void FibWriter::settle_batch(Kind& kind, std::span<const FibOp> ops,
                             const std::vector<netlink::RouteRefusal>& refusals) {
  const bool unclear = std::ranges::any_of(refusals, [&](const netlink::RouteRefusal& refusal) {
    return refusal.error == EINVAL && refers_to_group(ops[refusal.index]);
  });
  const auto gone = [&, looked = unclear && objects_->look()](const FibOp& op) {
    return !looked || !objects_->is_claimed(sets_.group(op.set));
  };
  restore_when_idle_ |= unclear;
  const std::lock_guard lock(mutex_);
  auto refusal = refusals.begin();
  for (std::size_t i = 0; i < ops.size(); ++i) {
    const bool refused = refusal != refusals.end() && refusal->index == i;
    int error = refused ? refusal->error : 0;
    // Said of a group that went with the links just now, and of a wrong preferred source among others.
    if (error == EINVAL && refers_to_group(ops[i]) && gone(ops[i])) error = EHOSTUNREACH;
    kind.table.done(ops[i], error);
    if (refused) ++refusal;
    if (!refused && &kind == &aggregates_ && ops[i].verb != FibVerb::Delete)
      report_.aggregates_ready.push_back(ops[i].prefix);
  }
}

void FibWriter::tell_failures(Kind& kind) {
  const bool aggregate = &kind == &aggregates_;
  for (const FibFailure& failure : kind.table.take_failures()) {
    if (aggregate && failure.verb != FibVerb::Delete)
      report_.aggregates_failed.push_back({failure.prefix, failure.error == EEXIST
                                                               ? "another program's route stands in its place"
                                                               : std::strerror(failure.error)});
    if (failure.verb != FibVerb::Delete && failure.error == EEXIST) {
      (aggregate ? conflicts_aggregate_ : conflicts_learned_).insert(failure.prefix);
      if (!inspect_at_) inspect_at_ = std::max(now(), last_inspect_ + kInspectPause);
      continue;
    }
    const std::string what = failure.verb == FibVerb::Delete ? "remove" : "install";
    problem(what + " " + failure.prefix.to_string() + " (table " + std::to_string(settings_.table.value) + ", metric " +
            std::to_string(metric_of(kind, kind.table.desired(failure.prefix))) + "): " + std::strerror(failure.error));
  }
}

void FibWriter::remove_strays() {
  remove_strays_when_idle_ = false;
  remove(std::exchange(strays_, {}));
}

/// Routes of ours that the tables do not know. One that stays all the same is found by the next audit.
void FibWriter::remove(const std::vector<netlink::Route>& routes) {
  if (routes.empty()) return;
  std::vector<netlink::RouteWrite> writes;
  for (const netlink::Route& route : routes) writes.push_back(removal_of(route));
  const auto refusals = bulk_.write(writes);
  if (!refusals) return problem("remove routes of an earlier place or life: " + refusals.error().message);
  for (const auto& refusal : *refusals) {
    if (refusal.error == ESRCH || refusal.error == ENOENT || refusal.error == ENODEV) continue;
    problem("remove " + writes[refusal.index].destination.to_string() + ": " + std::strerror(refusal.error));
  }
}

void FibWriter::problem(std::string text) {
  if (report_.problems.size() < kProblemsAtOnce) return report_.problems.push_back(std::move(text));
  ++problems_untold_;
}

// ---------------------------------------------------------------- views

FibReport FibWriter::take_report() {
  if (problems_untold_ > 0) report_.problems.push_back("and " + std::to_string(problems_untold_) + " more problems");
  problems_untold_ = 0;
  return std::exchange(report_, {});
}

bool FibWriter::has_report() const {
  return !report_.aggregates_ready.empty() || !report_.aggregates_failed.empty() || !report_.problems.empty();
}

FibStatus FibWriter::status() const {
  const FibCounts& c = learned_.table.counts();
  const FibCounts& a = aggregates_.table.counts();
  return {.desired = c.desired,
          .installed = c.installed,
          .pending = settings_.install ? c.desired - c.installed - c.conflicts : 0,
          .conflicts = c.conflicts + a.conflicts + occupied_.size(),
          .over_limit = c.held > 0,
          .stale_marked = c.stale > 0,
          .stale = c.stale,
          .groups = sets_.use_of_groups() ? objects_->groups() : 0,
          .without_objects = settings_.next_hop_objects && !sets_.use_of_groups(),
          .forward_drop_trouble = {}};
}

bool FibWriter::installed(const Prefix& prefix) const {
  const std::lock_guard lock(mutex_);
  return learned_.table.installed(prefix);
}

}  // namespace slash32::bgp
