// FibWriter where the kernel is, or may be, not as believed: dumps, healing, conflicts, events, retries.
#include <algorithm>
#include <array>
#include <iterator>

#include "bgpd/fib/fib_writer.h"

namespace slash32::bgp {
namespace {

using netlink::RouteType;
using std::chrono::seconds;

constexpr std::size_t kRetryBatch = 256;  // routes tried again at a time
constexpr std::size_t kEventsAtOnce = 256;
constexpr Duration kSlowestRetry = seconds(30);
constexpr Duration kAuditPause = seconds(1);  // between two audits
constexpr std::array kFamilies{AddressFamily::IPv4, AddressFamily::IPv6};

Instant now() { return std::chrono::steady_clock::now(); }

}  // namespace

// ---------------------------------------------------------------- healing

void FibWriter::heal(const std::vector<IfIndex>& links) {
  retry_after_ = kFirstRetry;
  if (!occupied_.empty()) look_at_places();  // a route through a link that went down goes silently
  if (objects_->uses(links)) look_at_objects();
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
  // What refers to a group that stands cannot have gone, and was not looked for.
  learned_.table.reconcile(seen, [&](SetId set) {
    return sets_.group(set) == netlink::NextHopId{} &&
           std::ranges::any_of(ours, [&](IfIndex link) { return sets_.uses(set, link); });
  });
}

void FibWriter::audit() {
  audit_at_.reset();
  last_audit_ = now();
  look_at_objects();
  remove_unknown_when_idle_ |= swept_;
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
  tell_ready_aggregates();
  if (!aggregates_wanted_.empty()) look_at_places();
}

// ---------------------------------------------------------------- dumps

std::uint32_t FibWriter::metric_of(const Kind& kind, SetId set) const {
  if (&kind != &learned_) return netlink::kAggregateMetric;
  return sets_.metric(set) != 0 ? sets_.metric(set) : settings_.metric;
}

RouteType FibWriter::type_of(const Kind& kind, std::span<const netlink::NextHop> next_hops) {
  return next_hops.empty() ? RouteType::Blackhole : kind.type;
}

const std::optional<IpAddress>& FibWriter::pref_src(AddressFamily family) const {
  return family == AddressFamily::IPv4 ? settings_.pref_src4 : settings_.pref_src6;
}

bool FibWriter::has_our_shape(const Kind& kind, const netlink::Route& route) const {
  if (route.tos != 0 || route.type != type_of(kind, route.next_hops)) return false;
  if (kind.type == RouteType::Blackhole) return route.metric == metric_of(kind, kNoRoute) && route.next_hops.empty();
  return std::ranges::all_of(route.next_hops, [](const netlink::NextHop& hop) {
    return hop.gateway.has_value();
  });  // of any metric: policy may give one
}

FibSeen FibWriter::seen_as(const Kind& kind, const netlink::Route& route, Claims& claims) {
  if (kind.type == RouteType::Blackhole) return {route.destination, kBlackhole, true};
  std::vector<FibNextHop> hops;
  bool plain = route.next_hops.empty() || route.preferred_source == pref_src(route.destination.family());
  for (const netlink::NextHop& hop : route.next_hops) {
    hops.push_back({*hop.gateway, hop.link});
    plain = plain && hop.weight == 1 && !hop.on_link;
  }
  // A metric that policy gave may be the usual one as well: then what is desired says which it is.
  const bool given =
      route.metric != settings_.metric || sets_.metric(kind.table.desired(route.destination)) == route.metric;
  const auto found =
      route.next_hop_object != netlink::NextHopId{} ? objects_->find(route.next_hop_object) : std::nullopt;
  const auto backup = found && sets_.use_of_groups() ? found->shape.backup : std::vector<FibNextHop>{};
  SetId set = sets_.take(std::move(hops), given ? route.metric : 0, backup);
  if (const SetId wanted = kind.table.desired(route.destination);
      sets_.plain(wanted) && backup.empty() && sets_.metric(wanted) == sets_.metric(set) &&
      std::ranges::equal(sets_.hops(wanted), sets_.hops(set))) {
    sets_.hold(wanted);  // a backup that no group stands for
    sets_.drop(std::exchange(set, wanted));
  }
  return {route.destination, set, plain && is_exact(set, route, claims)};
}

/// Learned routes with another metric than the usual one: policy's, of this life or an earlier one, or left behind by
/// a move that was cut short. A prefix has one place in the table, so where there are several routes, the one with the
/// desired metric has it, else the one with the usual metric, and the others are strays.
void FibWriter::place_unusual(const Kind& kind, std::vector<netlink::Route>& unusual, std::size_t begin, Dumped& out) {
  std::map<Prefix, netlink::Route> best;
  for (netlink::Route& route : unusual) {
    const auto wanted = metric_of(kind, kind.table.desired(route.destination));
    const auto [at, is_new] = best.try_emplace(route.destination, route);
    if (is_new) continue;
    if (route.metric == wanted) std::swap(at->second, route);
    out.strays.push_back(std::move(route));
  }
  if (best.empty()) return;
  std::vector<FibSeen> usual(out.seen.begin() + static_cast<std::ptrdiff_t>(begin), out.seen.end());
  out.seen.resize(begin);
  for (const FibSeen& seen : usual) {
    const auto rival = best.find(seen.prefix);
    const bool yields = rival != best.end() && rival->second.metric == metric_of(kind, kind.table.desired(seen.prefix));
    if (!yields) out.seen.push_back(seen);
    if (rival == best.end()) continue;
    out.strays.push_back(yields ? as_route(kind, seen.prefix, seen.set) : std::move(rival->second));
    if (yields)
      sets_.drop(seen.set);
    else
      best.erase(rival);
  }
  for (const auto& [prefix, route] : best) out.seen.push_back(seen_as(kind, route, out.claims));
}

Result<FibWriter::Dumped> FibWriter::dump(const Kind& kind, std::optional<IfIndex> link) {
  Dumped out;
  for (const AddressFamily family : kFamilies) {
    const auto begin = out.seen.size();
    const auto begin_strays = out.strays.size();
    const Claims claims = out.claims;
    std::vector<netlink::Route> unusual;
    const auto restart = [&] {
      unusual.clear();
      drop_claims(out.claims, claims);
      std::vector<FibSeen> again(out.seen.begin() + static_cast<std::ptrdiff_t>(begin), out.seen.end());
      drop(again);
      out.seen.resize(begin);
      out.strays.resize(begin_strays);
    };
    const auto each = [&](const netlink::Route& dumped) {
      if (dumped.protocol != kind.protocol || dumped.table != settings_.table) return;
      if (link && objects_->is_claimed(dumped.next_hop_object)) return;  // heal() asks their groups
      std::optional<netlink::Route> full;
      if (dumped.next_hop_object != netlink::NextHopId{}) full = with_next_hops(dumped);
      const netlink::Route& route = full ? *full : dumped;
      if (!has_our_shape(kind, route)) return out.strays.push_back(route);
      if (route.metric != metric_of(kind, kNoRoute)) return unusual.push_back(route);
      out.seen.push_back(seen_as(kind, route, out.claims));
    };
    const auto done = bulk_.dump_routes(
        {.family = family, .table = settings_.table, .protocol = kind.protocol, .link = link}, restart, each);
    if (done) {
      place_unusual(kind, unusual, begin, out);
      continue;
    }
    drop_claims(out.claims, {});
    drop(out.seen);
    return std::unexpected(done.error());
  }
  take_claims(out.claims);
  return out;
}

void FibWriter::drop(std::vector<FibSeen>& seen) {
  for (const FibSeen& one : seen) sets_.drop(one.set);
  seen.clear();
}

// ---------------------------------------------------------------- conflicts

/// Of others' routes that go only who is in conflict wants to hear: on a node each pod that ends is one. What went
/// before this is found by the next retry, or look at the places.
void FibWriter::hear_removals() {
  const bool wanted = learned_.table.counts().conflicts + aggregates_.table.counts().conflicts + occupied_.size() > 0;
  if (wanted == hears_removals_) return;
  auto rules = rules_;
  if (wanted) rules.push_back({.gone = true});
  if (const auto done = monitor_.set_route_rules(rules, false); !done) return problem(done.error().message);
  hears_removals_ = wanted;
  if (wanted && !occupied_.empty()) look_at_places();
}

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
        if (route.tos == 0 && prefixes.contains(route.destination) &&
            route.metric == metric_of(kind, kind.table.desired(route.destination)))
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
    if (const auto known = with_next_hops(route); has_our_shape(kind, known)) {
      adopt(kind, known);
    } else {
      strays_.push_back(route);
      remove_strays_when_idle_ = true;
      kind.table.ask_again(route.destination);
    }
  }
}

/// A route of ours that we did not know stands where one is desired. What we had at another metric is in its way no
/// more, and goes (after the sweep, when this is a start).
void FibWriter::adopt(Kind& kind, const netlink::Route& route) {
  std::erase_if(strays_, [&](const netlink::Route& stray) {
    return stray.destination == route.destination && stray.metric == route.metric && stray.table == route.table &&
           stray.protocol == route.protocol && stray.tos == route.tos;
  });
  const SetId known = kind.table.in_kernel(route.destination);
  if (known != kNoRoute && metric_of(kind, known) != route.metric) {
    strays_.push_back(as_route(kind, route.destination, known));
    remove_strays_when_idle_ |= swept_;
  }
  Claims claims;
  const std::array seen{seen_as(kind, route, claims)};
  take_claims(claims);
  kind.table.reconcile(seen, [](SetId) { return false; });
  if (&kind == &aggregates_) tell_ready_aggregates();
}

// ---------------------------------------------------------------- events and time

void FibWriter::read_events() {
  const auto outcome = monitor_.read(kEventsAtOnce, [&](const netlink::Event& event) { on_event(event); });
  if (!outcome) problem(outcome.error().message);
  if (!outcome || *outcome == netlink::Monitor::Outcome::Overrun) ask_for_audit();
}

void FibWriter::on_event(const netlink::Event& event) {
  if (const auto* route = std::get_if<netlink::RouteEvent>(&event)) return on_route(*route);
  if (const auto* object = std::get_if<netlink::ObjectEvent>(&event)) {
    look_at_objects_ |= objects_->stands(object->id);  // else it is our own doing
    return;
  }
  const auto* address = std::get_if<netlink::AddressEvent>(&event);
  if (address == nullptr) return;
  if (aggregates_wanted_.contains(Prefix(address->address.address, address->address.prefix_length))) look_at_places();
  if (address->address.address != settings_.pref_src4 && address->address.address != settings_.pref_src6) return;
  // With a preferred source the kernel silently removes every route that names it, on whatever link.
  ask_for_audit();
}

void FibWriter::on_route(const netlink::RouteEvent& event) {
  const netlink::Route& route = event.route;
  if (route.table != settings_.table || route.tos != 0) return;
  // Somebody else changed a route of ours: what is desired stands, put back at most once a second.
  if (route.protocol == learned_.protocol || route.protocol == aggregates_.protocol) return ask_for_audit();
  if (aggregates_wanted_.contains(route.destination)) look_at_places();
  const std::lock_guard lock(mutex_);
  for (Kind* kind : {&learned_, &aggregates_}) {
    if (route.metric != metric_of(*kind, kind->table.desired(route.destination))) continue;
    if (event.gone && kind->table.conflicting(route.destination)) kind->table.ask_again(route.destination);
    if (event.replaces) kind->table.displaced(route.destination);
  }
}

void FibWriter::ask_for_audit() {
  if (!audit_at_) audit_at_ = std::max(now(), last_audit_ + kAuditPause);
}

std::optional<Instant> FibWriter::deadline() const {
  std::optional<Instant> first;
  for (const auto& at : {audit_at_, inspect_at_, place_at_, retry_at_})
    if (at && (!first || *at < *first)) first = at;
  return first;
}

bool FibWriter::is_at_rest() const {
  const bool has_more = look_at_objects_ || restore_when_idle_ || revive_when_idle_ || remove_unknown_when_idle_ ||
                        remove_strays_when_idle_ || learned_.table.has_work() || aggregates_.table.has_work();
  return !has_more && !deadline();
}

void FibWriter::on_time(Instant at) {
  if (audit_at_ && *audit_at_ <= at) audit();
  if (!retry_at_ || *retry_at_ > at) return;
  if (std::exchange(objects_refused_, false)) {
    look_at_objects_ = true;
    remove_unknown_when_idle_ |= swept_;
  }
  const std::lock_guard lock(mutex_);
  // As long as trying helps, go on at once; when it does not, ask less and less often.
  const std::uint64_t installed = learned_.table.counts().installed + aggregates_.table.counts().installed;
  const bool helped = installed > std::exchange(installed_at_retry_, installed);
  retry_after_ = helped ? Duration(std::chrono::milliseconds(10)) : std::min(retry_after_ * 2, kSlowestRetry);
  retry_at_.reset();
  learned_.table.retry(kRetryBatch);
  aggregates_.table.retry(kRetryBatch);
}

}  // namespace slash32::bgp
