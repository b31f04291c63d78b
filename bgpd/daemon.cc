#include "bgpd/daemon.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "bgpd/kernel_lock.h"
#include "common/fd.h"
#include "common/log.h"

namespace slash32::bgp {
namespace {

constexpr Seconds kOwnRoutesLimit{2};         // a kernel that does not answer must not keep sessions down
constexpr std::size_t kPrefixesATurn = 1000;  // some milliseconds at most: a keepalive waits no longer than that

/// What stays the same on this node over restarts and reboots.
std::string node_identity() {
  std::string out = read_file("/etc/machine-id").value_or("");
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) == 0) out += name;
  return out;
}

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::open(std::string conf_path, StartConf start) {
  const auto& conf = start.conf;
  UniqueFd lock;
  if (conf.kernel.install) lock = TRY(lock_kernel_table(conf.kernel.table));
  KernelWatch watch = TRY(KernelWatch::open(conf.kernel.table));
  const auto control = conf.control;
  FibSync fib = TRY(FibSync::open(fib_settings(conf.kernel)));
  std::unique_ptr<Daemon> daemon(new Daemon(std::move(conf_path), std::move(start), std::move(watch), std::move(fib)));
  daemon->table_lock_ = std::move(lock);
  // FibSync only read so far. A second daemon on the same socket ends here and has changed nothing.
  daemon->control_ = TRY(daemon->open_control(control));
  if (auto read_only = daemon->open_read_only(control))  // no reason to be without BGP
    daemon->read_only_ = *std::move(read_only);
  else
    log::error("no read-only control socket; tried again",
               {{"why", daemon->control_trouble_ = read_only.error().message}});
  daemon->try_metrics();
  return daemon;
}

Daemon::Daemon(std::string conf_path, StartConf start, KernelWatch watch, FibSync fib)
    : conf_path_(std::move(conf_path)),
      conf_(std::move(start.conf)),
      objects_wanted_(conf_.kernel.next_hop_objects),
      source_(std::move(start.source)),
      watch_(std::move(watch)),
      fib_(std::move(fib)),
      boot_id_(read_boot_id()),
      listeners_(loop_, [this](UniqueFd fd, const Endpoint& remote,
                               const Endpoint& local) { neighbors_->accepted(std::move(fd), remote, local); }),
      meet_timer_(loop_),
      clock_timer_(loop_),
      audit_timer_(loop_),
      listen_timer_(loop_),
      restart_timer_(loop_),
      stop_timer_(loop_),
      files_timer_(loop_),
      conditions_timer_(loop_),
      gateways_timer_(loop_),
      started_(loop_.now()) {
  router_id_ = choose_router_id();
  if (!start.passed_over.empty()) log::warn("what was PUT is not taken", {{"why", start.passed_over}});
  if (start.refused) refused_conf_ = start.passed_over;
}

Daemon::~Daemon() = default;

RouterId Daemon::choose_router_id() {
  router_id_source_ = "configured";
  if (conf_.router_id) return *conf_.router_id;
  std::vector<IpAddress> neighbors;
  for (const auto& neighbor : conf_.neighbors) neighbors.push_back(neighbor.address);
  router_id_source_ = "an address of this node";
  if (const auto own = watch_.own_v4(neighbors)) return RouterId{own->v4_value()};
  router_id_source_ = "a hash of the node's identity";
  return router_id_from(node_identity());
}

/// The order of a start: what is left of an earlier life, the RIB, the kernel's pods, aggregates, neighbours,
/// listeners.
void Daemon::start() {
  const auto found4 = fib_.found_at_start(AddressFamily::IPv4), found6 = fib_.found_at_start(AddressFamily::IPv6);
  const auto earlier = read_state_file(conf_.state_file, boot_id_);
  std::optional<std::vector<AddressFamily>> preserved;
  if (earlier) preserved = preserved_families(earlier, found4 > 0, found6 > 0);
  if (found4 > 0) life_.learned.push_back(AddressFamily::IPv4);
  if (found6 > 0) life_.learned.push_back(AddressFamily::IPv6);
  life_.draining = earlier && earlier->draining;
  if (earlier) life_.drained = earlier->drained;
  if (!source_.put) remove_put_conf(source_.copy);  // passed over, or of another boot
  note_state();

  Seconds restart_time{120};
  for (const auto& neighbor : conf_.neighbors)
    restart_time = std::max(restart_time, neighbor.graceful_restart.restart_time);
  const bool warm = found4 + found6 > 0;
  clocks_.emplace(warm, restart_time, loop_.now());
  log::info("starting", {{"version", SLASH32_VERSION},
                         {"as", std::to_string(conf_.local_as.value)},
                         {"routerId", IpAddress::v4(router_id_.value).to_string()},
                         {"routerIdFrom", router_id_source_},
                         {"configuration", source_.put ? "PUT, " + source_.copy : conf_path_},
                         {"restart", earlier ? "yes" : "no"},
                         {"routesFound", std::to_string(found4 + found6)}});

  rib_.emplace(rib_settings(conf_, router_id_, draining()), [this](const NextHop& hop) { return resolve(hop); });
  deferring_ = warm;
  if (warm) rib_->set_deferral(true);
  if (!warm) fib_.sweep();  // there is nothing to keep; what turns up later is not an earlier life's
  neighbors_.emplace(
      Neighbors::Deps{
          .loop = &loop_,
          .rib = &*rib_,
          .watch = &watch_,
          .clocks = &*clocks_,
          .work = [this] { work(); },
          .set_listen_keys = [this](const Prefix& peer,
                                    const TcpKeys& keys) { return listeners_.set_keys(peer, keys); },
          .order_bfd = [this](PeerId peer, const std::optional<BfdOrder>& wanted) { order_bfd(peer, wanted); },
          .discover = [this](const std::set<std::string>& interfaces) { discover(interfaces); },
          .next_hop_died = [this](const IpAddress& address, IfIndex link) { next_hop_died(address, link); },
          .noticed = [this](const Neighbor& neighbor, const SessionEvents::Noticed& before,
                            const SessionEvents::Noticed& now) { tell_noticed(neighbor, before, now); },
          .message_recorded = [this](const Neighbor& neighbor,
                                     const act::MessageRecorded& message) { record(neighbor, message); },
          .state_recorded = [this](const Neighbor& neighbor,
                                   const act::StateRecorded& change) { record(neighbor, change); }},
      std::move(preserved));
  neighbors_->set_drained(life_.drained);
  switch_mrt({});
  follow_routes();
  switch_neighbors();
  read_kernel();
  set_guarded();
  set_aggregates();
  watches_.emplace_back(loop_, watch_.fd(), [this] { read_kernel(); });
  watches_.emplace_back(loop_, fib_.fd(), [this] { read_fib(); });
  audit_later();
  look_after_files();
  restart_timer_.after(restart_time, [this] { neighbors_->restart_over(); });
  meet_timer_.after(kOwnRoutesLimit, [this] { meet_neighbors(); });
  if (own_routes_are_there()) meet_neighbors();
}

/// The FIB has answered for every aggregate.
bool Daemon::own_routes_are_there() const {
  return std::ranges::all_of(conf_.originate.prefixes, [&](const auto& one) {
    return !one.blackhole || aggregates_ready_.contains(one.prefix) || aggregates_failed_.contains(one.prefix);
  });
}

/// Sessions begin when our own routes are in the RIB, a matter of milliseconds. Earlier, an End-of-RIB could overtake
/// them, and a helper would drop the stale ones (RFC 4724 section 4.2) only to get them again.
void Daemon::meet_neighbors() {
  if (met_neighbors_ || stopping_) return;
  met_neighbors_ = true;
  meet_timer_.cancel();
  while (rib_->run(kPrefixesATurn)) {
  }  // nobody's keepalive waits yet
  open_listeners();
  neighbors_->configure(conf_, router_id_);
  if (metrics_) metrics_->serve();
  control_->serve();
  if (read_only_) read_only_->serve();  // whoever gets an answer may count on the listeners
  work();
}

/// The thread is there from the first neighbour with BFD on.
void Daemon::order_bfd(PeerId peer, const std::optional<BfdOrder>& wanted) {
  if (!bfd_)
    bfd_.emplace(loop_, [this](PeerId id, const BfdState& state, bool failed) {
      if (neighbors_) neighbors_->bfd_told(id, state, failed);
    });
  bfd_->order(peer, wanted);
}

void Daemon::discover(const std::set<std::string>& interfaces) {
  if (!discovery_ && interfaces.empty()) return;
  if (!discovery_)
    discovery_.emplace(
        loop_,
        Discovery::Events{.heard = [this](const std::string& interface,
                                          const IpAddress& router) { neighbors_->router_heard(interface, router); },
                          .trouble = [this](const std::string& interface,
                                            const std::string& why) { neighbors_->router_trouble(interface, why); }});
  discovery_->watch(interfaces);
}

void Daemon::run() {
  signals_.emplace(loop_, std::vector{SIGTERM, SIGINT, SIGHUP}, [this](int number) {
    if (number == SIGHUP)
      (void)reload();  // it has told the log and the status
    else
      stop(number == SIGTERM && conf_.on_stop == config::OnStop::Final);
  });
  sigset_t held;  // those that came while we were opening: now they are heard
  ::sigemptyset(&held);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&held, number);
  ::pthread_sigmask(SIG_UNBLOCK, &held, nullptr);
  start();
  loop_.run();  // returns when nothing is left that could happen: after end()
  log::info("ended", {{"routes", final_ ? "removed" : "kept"}});
}

// ---------------------------------------------------------------- turns

void Daemon::work() {
  if (work_posted_ || ended_) return;
  work_posted_ = true;
  loop_.post([this] {
    work_posted_ = false;
    if (!ended_) turn();
  });
}

/// One bounded piece of RIB work; what came of it goes to the kernel and to the sessions before the next one.
void Daemon::turn() {
  check_clocks(false);
  const bool more = rib_->run(kPrefixesATurn);
  feed_fib();
  tell_routes();
  neighbors_->pull();
  if (more) return work();
  revive_next_hops();
  check_clocks(true);
  if (stopping_) stop_when_flushed();
}

void Daemon::feed_fib() {
  auto deltas = rib_->take_fib_deltas();
  if (deltas.empty()) return;
  if (note_learned(deltas)) note_state();
  fib_.apply(std::move(deltas));
}

/// Families that have learned routes in the kernel from now on; whether there are new ones.
bool Daemon::note_learned(const std::vector<FibDelta>& deltas) {
  bool news = false;
  for (const auto& delta : deltas) {
    const auto family = delta.prefix.family();
    if (delta.is_removal() || std::ranges::find(life_.learned, family) != life_.learned.end()) continue;
    life_.learned.push_back(family);
    news = true;
  }
  return news;
}

void Daemon::check_clocks(bool rib_is_idle) {
  const auto now = loop_.now();
  if (deferring_ && !clocks_->deferring(now)) {
    deferring_ = false;
    recall_silence();
    rib_->set_deferral(false);
    log::info("selecting learned routes", {{"waited", "End-of-RIB or the limit"}});
    return work();
  }
  // Only when everything learned so far was selected and given to the FIB is the rest really unconfirmed.
  if (rib_is_idle && clocks_->take_sweep(now)) {
    log::info("sweeping what nobody confirmed", {{"stale", std::to_string(fib_.status().stale)}});
    fib_.sweep();
    neighbors_->restart_over();
  }
  if (const auto deadline = clocks_->next_deadline(); deadline && !ended_)
    clock_timer_.at(*deadline, [this] { work(); });
}

}  // namespace slash32::bgp
