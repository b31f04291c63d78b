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

constexpr std::size_t kBatch = 256;          // routes between two looks at what is newly desired
constexpr std::size_t kRetryBatch = 256;     // routes tried again at a time
constexpr std::size_t kProblemsAtOnce = 16;  // beyond it problems are only counted
constexpr std::size_t kEventsAtOnce = 256;
constexpr Duration kFirstRetry = seconds(1);
constexpr Duration kSlowestRetry = seconds(30);
constexpr Duration kAuditPause = seconds(1);  // between two audits or looks at conflicts
constexpr std::array kFamilies{AddressFamily::IPv4, AddressFamily::IPv6};

Instant now() { return std::chrono::steady_clock::now(); }

std::uint64_t some_seed() {
  std::uint64_t seed = 0;
  (void)::getentropy(&seed, sizeof seed);  // does not fail for 8 bytes; 0 works too
  return seed;
}

netlink::MonitorOptions what_concerns_us(std::uint32_t own_port) {
  using netlink::RouteRule;
  const auto ours = {RouteProtocol::Slash32Bgp, RouteProtocol::Slash32Aggregate};
  netlink::MonitorOptions options{.addresses = true, .routes = true, .other_routes = false};
  options.route_rules.push_back({.pass = false, .requested_by = own_port});
  for (const auto protocol : ours) {
    // The kernel's own removals, a million at a time when a link goes down: heal() is told of the link.
    options.route_rules.push_back({.pass = false, .protocol = protocol, .requested_by = 0});
    options.route_rules.push_back({.protocol = protocol});
  }
  options.route_rules.push_back({.gone = true});       // a conflict may have ended
  options.route_rules.push_back({.displaces = true});  // a conflict may have begun
  return options;
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

FibWriter::FibWriter(FibSettings settings, netlink::Bulk bulk, netlink::Monitor monitor)
    : settings_(std::move(settings)),
      bulk_(std::move(bulk)),
      monitor_(std::move(monitor)),
      learned_{FibTable(sets_, some_seed()), RouteProtocol::Slash32Bgp, RouteType::Unicast},
      aggregates_{FibTable(sets_), RouteProtocol::Slash32Aggregate, RouteType::Blackhole} {
  learned_.table.set_enabled(settings_.install);
  learned_.table.set_limit(settings_.max_routes);
}

Result<std::unique_ptr<FibWriter>> FibWriter::open(FibSettings settings) {
  auto bulk = TRY(netlink::Bulk::open());
  auto monitor = TRY(netlink::Monitor::open(what_concerns_us(bulk.port())));
  std::unique_ptr<FibWriter> writer(new FibWriter(std::move(settings), std::move(bulk), std::move(monitor)));
  TRY(writer->load());
  return writer;
}

Status FibWriter::load() {
  for (Kind* kind : {&learned_, &aggregates_}) {
    auto dumped = dump(*kind, std::nullopt);
    if (!dumped) return std::unexpected(in("read the routes of an earlier life", dumped.error()));
    for (const FibSeen& seen : dumped->seen) kind->table.found(seen);
    std::ranges::move(dumped->strays, std::back_inserter(strays_));
    if (kind != &learned_) continue;
    for (const FibSeen& seen : dumped->seen) ++(seen.prefix.family() == AddressFamily::IPv4 ? found4_ : found6_);
  }
  return ok();
}

// ---------------------------------------------------------------- what is ordered

void FibWriter::reconfigure(FibSettings settings) {
  const std::lock_guard lock(mutex_);
  const FibSettings old = std::exchange(settings_, std::move(settings));
  const bool moved = old.table != settings_.table;
  const std::array kinds{&learned_, &aggregates_};
  for (Kind* kind : kinds) {
    if (!moved && (kind == &aggregates_ || old.metric == settings_.metric)) continue;
    // Make before break: the new ones are written first, then those at the old place go.
    const FibSettings current = std::exchange(settings_, old);
    kind->table.each_in_kernel([&](const Prefix& p, SetId set) { strays_.push_back(as_route(*kind, p, set)); });
    settings_ = current;
    kind->table.forget_kernel();
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
    for (FibDelta& delta : some) learned_.table.want(delta.prefix, std::move(delta.next_hops));
    deltas = deltas.subspan(some.size());
  }
}

void FibWriter::want_aggregates(const std::vector<Prefix>& aggregates) {
  const std::lock_guard lock(mutex_);
  FibTable& table = aggregates_.table;
  const std::set<Prefix> wanted(aggregates.begin(), aggregates.end());
  std::vector<Prefix> unwanted;
  table.each_in_kernel([&](const Prefix& prefix, SetId) { unwanted.push_back(prefix); });
  std::ranges::copy(table.wanted(), std::back_inserter(unwanted));
  for (const Prefix& prefix : unwanted)
    if (!wanted.contains(prefix)) table.want(prefix, {});
  for (const Prefix& prefix : wanted) {
    table.want_blackhole(prefix);
    if (table.installed(prefix)) report_.aggregates_ready.push_back(prefix);
  }
}

void FibWriter::sweep() {
  {
    const std::lock_guard lock(mutex_);
    learned_.table.sweep();
    swept_ = true;
  }
  remove_strays_when_idle_ = true;
}

void FibWriter::heal(const std::vector<IfIndex>& links) {
  retry_after_ = kFirstRetry;
  std::vector<IfIndex> ours;
  std::ranges::copy_if(links, std::back_inserter(ours), [&](IfIndex link) { return sets_.any_uses(link); });
  if (ours.empty()) return;  // a pod's link, mostly: no learned route goes through it
  std::vector<FibSeen> seen;
  for (const IfIndex link : ours) {
    auto dumped = dump(learned_, link);
    if (!dumped) {
      drop(seen);
      problem(dumped.error().message);
      return ask_for_audit();
    }
    std::ranges::copy(dumped->seen, std::back_inserter(seen));
  }
  const std::lock_guard lock(mutex_);
  learned_.table.reconcile(
      seen, [&](SetId set) { return std::ranges::any_of(ours, [&](IfIndex link) { return sets_.uses(set, link); }); });
}

void FibWriter::audit() {
  audit_at_.reset();
  last_audit_ = now();
  for (Kind* kind : {&learned_, &aggregates_}) {
    auto dumped = dump(*kind, std::nullopt);
    if (!dumped) {
      problem(dumped.error().message);
      return ask_for_audit();
    }
    const std::lock_guard lock(mutex_);
    kind->table.reconcile(dumped->seen, [](SetId) { return true; });
    if (!swept_) continue;
    std::ranges::move(dumped->strays, std::back_inserter(strays_));
    remove_strays_when_idle_ = true;
  }
}

void FibWriter::remove_all() {
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

// ---------------------------------------------------------------- dumps

std::uint32_t FibWriter::metric_of(const Kind& kind) const {
  return &kind == &learned_ ? settings_.metric : netlink::kAggregateMetric;
}

const std::optional<IpAddress>& FibWriter::pref_src(AddressFamily family) const {
  return family == AddressFamily::IPv4 ? settings_.pref_src4 : settings_.pref_src6;
}

bool FibWriter::has_our_shape(const Kind& kind, const netlink::Route& route) const {
  return route.metric == metric_of(kind) && route.tos == 0 && route.type == kind.type &&
         route.next_hops.empty() == (kind.type == RouteType::Blackhole) &&
         std::ranges::all_of(route.next_hops, [](const netlink::NextHop& hop) { return hop.gateway.has_value(); });
}

FibSeen FibWriter::seen_as(const Kind& kind, const netlink::Route& route) {
  if (kind.type == RouteType::Blackhole) return {route.destination, kBlackhole, true};
  std::vector<FibNextHop> hops;
  bool plain = route.preferred_source == pref_src(route.destination.family());
  for (const netlink::NextHop& hop : route.next_hops) {
    hops.push_back({*hop.gateway, hop.link});
    plain = plain && hop.weight == 1 && !hop.on_link;
  }
  return {route.destination, sets_.take(std::move(hops)), plain};
}

Result<FibWriter::Dumped> FibWriter::dump(const Kind& kind, std::optional<IfIndex> link) {
  Dumped out;
  for (const AddressFamily family : kFamilies) {
    const auto begin = out.seen.size();
    const auto begin_strays = out.strays.size();
    const auto restart = [&] {
      std::vector<FibSeen> again(out.seen.begin() + static_cast<std::ptrdiff_t>(begin), out.seen.end());
      drop(again);
      out.seen.resize(begin);
      out.strays.resize(begin_strays);
    };
    const auto each = [&](const netlink::Route& route) {
      if (route.protocol != kind.protocol || route.table != settings_.table) return;
      if (has_our_shape(kind, route)) return out.seen.push_back(seen_as(kind, route));
      out.strays.push_back(route);
    };
    const auto done = bulk_.dump_routes(
        {.family = family, .table = settings_.table, .protocol = kind.protocol, .link = link}, restart, each);
    if (done) continue;
    drop(out.seen);
    return std::unexpected(done.error());
  }
  return out;
}

void FibWriter::drop(std::vector<FibSeen>& seen) {
  for (const FibSeen& one : seen) sets_.drop(one.set);
  seen.clear();
}

// ---------------------------------------------------------------- writing

netlink::RouteWrite FibWriter::encode(const Kind& kind, const FibOp& op) const {
  using netlink::RouteVerb;
  const bool create = op.verb == FibVerb::Create;
  return {.verb = op.verb == FibVerb::Delete ? RouteVerb::Delete
                  : create                   ? RouteVerb::Create
                                             : RouteVerb::Replace,
          .destination = op.prefix,
          .table = settings_.table,
          .protocol = kind.protocol,
          .type = kind.type,
          .metric = metric_of(kind),
          .tos = 0,
          .preferred_source = kind.type == RouteType::Unicast ? pref_src(op.prefix.family()) : std::nullopt,
          .next_hops = sets_.hops(op.set)};
}

netlink::Route FibWriter::as_route(const Kind& kind, const Prefix& prefix, SetId set) const {
  netlink::Route route;
  route.destination = prefix;
  route.table = settings_.table;
  route.protocol = kind.protocol;
  route.type = kind.type;
  route.metric = metric_of(kind);
  const auto hops = sets_.hops(set);
  route.next_hops.assign(hops.begin(), hops.end());
  return route;
}

bool FibWriter::write_some() {
  // Aggregates first: their announcement waits for them.
  const bool more_aggregates = write_kind(aggregates_);
  const bool more = write_kind(learned_) || more_aggregates;
  const Instant at = now();
  if (inspect_at_ && *inspect_at_ <= at) inspect_conflicts();
  if (more) return true;
  if (remove_strays_when_idle_) remove_strays();
  if (learned_.table.has_failed() || aggregates_.table.has_failed()) {
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
  if (!ops.empty()) {
    std::vector<netlink::RouteWrite> writes;
    writes.reserve(ops.size());
    for (const FibOp& op : ops) writes.push_back(encode(kind, op));
    auto refusals = bulk_.write(writes);
    if (!refusals) {  // answers got lost: nobody knows what stands now, but a dump does
      problem(refusals.error().message);
      ask_for_audit();
      refusals = std::vector<netlink::RouteRefusal>{};
      for (std::size_t i = 0; i < ops.size(); ++i) refusals->push_back({i, EIO, {}});
    }
    settle_batch(kind, ops, *refusals);
  }
  tell_failures(kind);
  return kind.table.has_work();
}

void FibWriter::settle_batch(Kind& kind, std::span<const FibOp> ops,
                             const std::vector<netlink::RouteRefusal>& refusals) {
  const std::lock_guard lock(mutex_);
  auto refusal = refusals.begin();
  for (std::size_t i = 0; i < ops.size(); ++i) {
    const bool refused = refusal != refusals.end() && refusal->index == i;
    kind.table.done(ops[i], refused ? refusal->error : 0);
    if (refused) ++refusal;
    if (!refused && &kind == &aggregates_ && ops[i].verb != FibVerb::Delete)
      report_.aggregates_ready.push_back(ops[i].prefix);
  }
}

void FibWriter::tell_failures(Kind& kind) {
  const bool aggregate = &kind == &aggregates_;
  for (const FibFailure& failure : kind.table.take_failures()) {
    if (aggregate && failure.verb != FibVerb::Delete) report_.aggregates_failed.push_back(failure.prefix);
    if (failure.verb == FibVerb::Create && failure.error == EEXIST) {
      (aggregate ? conflicts_aggregate_ : conflicts_learned_).insert(failure.prefix);
      if (!inspect_at_) inspect_at_ = std::max(now(), last_inspect_ + kAuditPause);
      continue;
    }
    const std::string what = failure.verb == FibVerb::Delete ? "remove" : "install";
    problem(what + " " + failure.prefix.to_string() + " (table " + std::to_string(settings_.table.value) + ", metric " +
            std::to_string(metric_of(kind)) + "): " + std::strerror(failure.error));
  }
}

void FibWriter::remove_strays() {
  remove_strays_when_idle_ = false;
  std::vector<netlink::RouteWrite> writes;
  for (const netlink::Route& route : strays_) writes.push_back(removal_of(route));
  const auto refusals = bulk_.write(writes);
  if (!refusals) problem("remove routes of an earlier life: " + refusals.error().message);
  if (refusals) {
    for (const auto& refusal : *refusals) {
      if (refusal.error == ESRCH || refusal.error == ENOENT || refusal.error == ENODEV) continue;
      problem("remove " + writes[refusal.index].destination.to_string() + ": " + std::strerror(refusal.error));
    }
  }
  strays_.clear();
}

// ---------------------------------------------------------------- conflicts

void FibWriter::inspect_conflicts() {
  inspect_at_.reset();
  last_inspect_ = now();
  for (const AddressFamily family : kFamilies) {
    inspect(learned_, family, conflicts_learned_);
    inspect(aggregates_, family, conflicts_aggregate_);
  }
  conflicts_learned_.clear();
  conflicts_aggregate_.clear();
}

/// Whose routes stand where these should be? A stranger's is told of; one of ours that we did not know is adopted, or
/// removed when it is none we would write.
void FibWriter::inspect(Kind& kind, AddressFamily family, std::set<Prefix> prefixes) {
  std::erase_if(prefixes, [&](const Prefix& p) { return p.family() != family || !kind.table.conflicting(p); });
  if (prefixes.empty()) return;
  std::vector<netlink::Route> there;
  const auto done = bulk_.dump_routes(
      {.family = family, .table = settings_.table, .protocol = {}, .link = {}}, [&] { there.clear(); },
      [&](const netlink::Route& route) {
        if (route.metric == metric_of(kind) && route.tos == 0 && prefixes.contains(route.destination))
          there.push_back(route);
      });
  if (!done) problem("look for routes in conflict: " + done.error().message);
  const std::lock_guard lock(mutex_);
  for (const netlink::Route& route : there) {
    if (route.protocol != kind.protocol) {
      problem(route.destination.to_string() + ": another program's route (protocol " +
              std::to_string(static_cast<int>(route.protocol)) + ") stands in its place (table " +
              std::to_string(settings_.table.value) + ", metric " + std::to_string(route.metric) +
              "): not installed, and tried again when that one goes");
      continue;
    }
    if (has_our_shape(kind, route)) {
      const std::array seen{seen_as(kind, route)};
      kind.table.reconcile(seen, [](SetId) { return false; });
    } else {
      strays_.push_back(route);
      remove_strays_when_idle_ = true;
      kind.table.ask_again(route.destination);
    }
  }
}

// ---------------------------------------------------------------- events and time

void FibWriter::read_events() {
  const auto outcome = monitor_.read(kEventsAtOnce, [&](const netlink::Event& event) { on_event(event); });
  if (!outcome) problem(outcome.error().message);
  if (!outcome || *outcome == netlink::Monitor::Outcome::Overrun) ask_for_audit();
}

void FibWriter::on_event(const netlink::Event& event) {
  if (const auto* route = std::get_if<netlink::RouteEvent>(&event)) return on_route(*route);
  const auto* address = std::get_if<netlink::AddressEvent>(&event);
  if (address == nullptr) return;
  if (address->address.address != settings_.pref_src4 && address->address.address != settings_.pref_src6) return;
  // With a preferred source the kernel silently removes every route that names it, on whatever link.
  ask_for_audit();
}

void FibWriter::on_route(const netlink::RouteEvent& event) {
  const netlink::Route& route = event.route;
  if (route.table != settings_.table || route.tos != 0) return;
  // Somebody else changed a route of ours: what is desired stands, put back at most once a second.
  if (route.protocol == learned_.protocol || route.protocol == aggregates_.protocol) return ask_for_audit();
  const std::lock_guard lock(mutex_);
  for (Kind* kind : {&learned_, &aggregates_}) {
    if (route.metric != metric_of(*kind)) continue;
    if (event.gone && kind->table.conflicting(route.destination)) kind->table.ask_again(route.destination);
    if (event.replaces) kind->table.displaced(route.destination);
  }
}

void FibWriter::ask_for_audit() {
  if (!audit_at_) audit_at_ = std::max(now(), last_audit_ + kAuditPause);
}

std::optional<Instant> FibWriter::deadline() const {
  std::optional<Instant> first;
  for (const auto& at : {audit_at_, inspect_at_, retry_at_})
    if (at && (!first || *at < *first)) first = at;
  return first;
}

void FibWriter::on_time(Instant at) {
  if (audit_at_ && *audit_at_ <= at) audit();
  if (!retry_at_ || *retry_at_ > at) return;
  const std::lock_guard lock(mutex_);
  // As long as trying helps, go on at once; when it does not, ask less and less often.
  const std::uint64_t installed = learned_.table.counts().installed + aggregates_.table.counts().installed;
  const bool helped = installed > std::exchange(installed_at_retry_, installed);
  retry_after_ = helped ? Duration(std::chrono::milliseconds(10)) : std::min(retry_after_ * 2, kSlowestRetry);
  retry_at_.reset();
  learned_.table.retry(kRetryBatch);
  aggregates_.table.retry(kRetryBatch);
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
          .conflicts = c.conflicts + a.conflicts,
          .over_limit = c.held > 0,
          .stale_marked = c.stale > 0,
          .stale = c.stale};
}

bool FibWriter::installed(const Prefix& prefix) const {
  const std::lock_guard lock(mutex_);
  return learned_.table.installed(prefix);
}

}  // namespace slash32::bgp
