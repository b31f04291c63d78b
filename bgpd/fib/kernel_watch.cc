#include "bgpd/fib/kernel_watch.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "bgpd/fib/watch_state.h"
#include "common/fd.h"
#include "common/netlink/bulk.h"
#include "common/netlink/monitor.h"

namespace slash32::bgp {
namespace {

using netlink::RouteProtocol;

constexpr std::size_t kDatagramsAtOnce = 256;

/// Pod routes, and what may take a pod route's place; never our own. Of others' what was configured by hand, and all of
/// them, a routing daemon's million included, only where next hops are to be resolved through them.
std::vector<netlink::RouteRule> routes_to_hear(Follow what) {
  std::vector<netlink::RouteRule> rules;
  rules.push_back({.protocol = RouteProtocol::Slash32Pod});
  rules.push_back({.pass = false, .protocol = RouteProtocol::Slash32Aggregate});
  rules.push_back({.pass = false, .protocol = RouteProtocol::Slash32Bgp});
  rules.push_back({.gone = false, .displaces = true});
  if (what == Follow::All)
    rules.push_back({.pass = false, .protocol = RouteProtocol::Kernel});
  else
    for (const auto protocol : kConfiguredRoutes) rules.push_back({.protocol = protocol});
  return rules;
}

netlink::MonitorOptions what_to_hear(int receive_buffer) {
  netlink::MonitorOptions options{.links = true, .addresses = true, .routes = true, .other_routes = false};
  options.route_rules = routes_to_hear(Follow::Configured);
  if (receive_buffer > 0) options.receive_buffer = receive_buffer;
  return options;
}

}  // namespace

struct KernelWatch::Impl {
  netlink::Monitor monitor;
  netlink::Bulk bulk;
  WatchState state;
  TableId table;
  UniqueFd ready;              // epoll over the monitor and the bell
  UniqueFd bell;               // rung while read() has something although no event waits
  bool foreign_known = false;  // others' routes are as state has them
  bool too_many_routes = false;
  netlink::HeardNeighbors heard = netlink::HeardNeighbors::None;
  bool neighbors_doubtful = false;  // an answer may have been missed
  std::vector<netlink::NeighborEvent> neighbors;
  bool dump_due = false;
  bool dump_failed = false;

  Impl(netlink::Monitor m, netlink::Bulk b, TableId t)
      : monitor(std::move(m)), bulk(std::move(b)), state(t), table(t) {}

  Status prepare();
  Status dump_pod_routes(std::vector<netlink::Route>& out);
  Status dump_foreign_routes(std::vector<netlink::Route>& out);
  Status load();
  Status load_doubtful();
  Status load_neighbors();
  Status hear_routes(Follow what);
  Status bear_routes();
  void set_bell(bool on) const;
  KernelEvents take(bool overrun);
  Result<KernelEvents> load_again();
};

Status KernelWatch::Impl::prepare() {
  ready = UniqueFd{::epoll_create1(EPOLL_CLOEXEC)};
  bell = UniqueFd{::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)};  // the first read() has every live pod
  if (!ready || !bell) return sys_fail("make an epoll and an eventfd");
  for (const int fd : {monitor.fd(), bell.get()}) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    if (::epoll_ctl(ready.get(), EPOLL_CTL_ADD, fd, &event) != 0) return sys_fail("watch the kernel's events");
  }
  return load();
}

Status KernelWatch::Impl::dump_pod_routes(std::vector<netlink::Route>& out) {
  std::vector<netlink::Route> family_routes;
  for (const auto family : {AddressFamily::IPv4, AddressFamily::IPv6}) {
    TRY(bulk.dump_routes(
        {.family = family, .table = table, .protocol = RouteProtocol::Slash32Pod, .link = {}},
        [&] { family_routes.clear(); }, [&](const netlink::Route& route) { family_routes.push_back(route); }));
    out.insert(out.end(), family_routes.begin(), family_routes.end());
  }
  return ok();
}

Status KernelWatch::Impl::dump_foreign_routes(std::vector<netlink::Route>& out) {
  std::vector<std::optional<RouteProtocol>> protocols(std::begin(kConfiguredRoutes), std::end(kConfiguredRoutes));
  if (state.foreign().followed() == Follow::All) protocols = {std::nullopt};
  std::vector<netlink::Route> some;
  for (const auto family : {AddressFamily::IPv4, AddressFamily::IPv6})
    for (const auto protocol : protocols) {
      const netlink::RouteQuery query{.family = family, .table = {}, .protocol = protocol, .link = {}};
      TRY(bulk.dump_routes(
          query, [&] { some.clear(); },
          [&](const netlink::Route& route) {
            if (state.foreign().wants(route) && some.size() <= ForeignRoutes::kMost) some.push_back(route);
          }));
      out.insert(out.end(), some.begin(), some.end());
    }
  return ok();
}

/// Routes of others that are too many to keep must not keep us busy either.
Status KernelWatch::Impl::hear_routes(Follow what) {
  TRY(monitor.set_route_rules(routes_to_hear(what), what == Follow::All));
  state.foreign().follow(what);
  foreign_known = false;
  return ok();
}

/// The monitor is open already: what changes during the dumps arrives as events behind them.
Status KernelWatch::Impl::load() {
  KernelDump dump;
  TRY(bulk.dump_links([&] { dump.links.clear(); }, [&](const netlink::Link& l) { dump.links.push_back(l); }));
  TRY(bulk.dump_addresses([&] { dump.addresses.clear(); },
                          [&](const netlink::Address& a) { dump.addresses.push_back(a); }));
  TRY(dump_pod_routes(dump.pod_routes));
  state.load(dump);
  foreign_known = foreign_known && !dump_due;  // an audit is for pods: of others' routes events do not fall silent
  return load_doubtful();
}

/// What failed fails again, with who sends there; an answer that was missed comes no second time.
Status KernelWatch::Impl::load_neighbors() {
  if (!std::exchange(neighbors_doubtful, false) || heard != netlink::HeardNeighbors::All) return ok();
  const auto before = neighbors.size();
  return bulk.dump_neighbors([&] { neighbors.resize(before); },
                             [&](const netlink::NeighborEntry& entry) {
                               if (entry.answered) neighbors.push_back({.entry = entry});
                             });
}

/// What events do not tell is dumped.
Status KernelWatch::Impl::load_doubtful() {
  TRY(load_neighbors());
  if (state.take_pod_routes_doubtful()) {
    std::vector<netlink::Route> routes;
    TRY(dump_pod_routes(routes));
    state.load_pod_routes(routes);
  }
  foreign_known = !state.take_foreign_doubtful() && foreign_known;
  if (foreign_known) return bear_routes();
  std::vector<netlink::Route> routes;
  TRY(dump_foreign_routes(routes));
  state.load_foreign(routes);
  foreign_known = true;
  return bear_routes();
}

Status KernelWatch::Impl::bear_routes() {
  if (!state.foreign().too_many()) return ok();
  too_many_routes = true;
  if (state.foreign().followed() == Follow::Configured) return ok();
  TRY(hear_routes(Follow::Configured));
  return load_doubtful();
}

void KernelWatch::Impl::set_bell(bool on) const {
  std::uint64_t count = 1;
  const auto done = on ? ::write(bell.get(), &count, sizeof count) : ::read(bell.get(), &count, sizeof count);
  (void)done;  // EAGAIN: it was so already
}

KernelEvents KernelWatch::Impl::take(bool overrun) {
  KernelEvents events = state.take();
  events.neighbors = std::exchange(neighbors, {});
  events.overrun = overrun;
  return events;
}

Result<KernelEvents> KernelWatch::Impl::load_again() {
  if (auto loaded = load(); !loaded) {
    dump_failed = dump_due;
    return std::unexpected(loaded.error());
  }
  const bool overrun = std::exchange(dump_due, false);
  dump_failed = false;
  return take(overrun);
}

KernelWatch::KernelWatch(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KernelWatch::~KernelWatch() = default;
KernelWatch::KernelWatch(KernelWatch&&) noexcept = default;
KernelWatch& KernelWatch::operator=(KernelWatch&&) noexcept = default;

Result<KernelWatch> KernelWatch::open(TableId table, int receive_buffer) {
  auto monitor = TRY(netlink::Monitor::open(what_to_hear(receive_buffer)));
  auto bulk = TRY(netlink::Bulk::open());
  auto impl = std::make_unique<Impl>(std::move(monitor), std::move(bulk), table);
  if (auto prepared = impl->prepare(); !prepared) return std::unexpected(in("watch the kernel", prepared.error()));
  return KernelWatch(std::move(impl));
}

int KernelWatch::fd() const { return impl_->ready.get(); }

Result<KernelEvents> KernelWatch::read() {
  Impl& my = *impl_;
  my.set_bell(false);
  const auto outcome = my.monitor.read(kDatagramsAtOnce, [&](const netlink::Event& event) {
    if (const auto* link = std::get_if<netlink::LinkEvent>(&event)) my.state.on_link(link->link, link->gone);
    if (const auto* address = std::get_if<netlink::AddressEvent>(&event))
      my.state.on_address(address->address, address->gone);
    if (const auto* route = std::get_if<netlink::RouteEvent>(&event))
      my.state.on_route(route->route, route->gone, route->replaces);
    if (const auto* neighbor = std::get_if<netlink::NeighborEvent>(&event)) my.neighbors.push_back(*neighbor);
  });
  const bool overrun = !outcome || *outcome == netlink::Monitor::Outcome::Overrun;
  my.dump_due = my.dump_due || overrun;
  my.neighbors_doubtful = my.neighbors_doubtful || overrun;
  if (my.dump_failed) return my.take(false);  // audit() is the caller's to ask again
  if (my.dump_due) return my.load_again();
  if (auto loaded = my.load_doubtful(); !loaded) {
    my.dump_due = my.dump_failed = true;
    return std::unexpected(loaded.error());
  }
  return my.take(false);
}

Result<KernelEvents> KernelWatch::audit() { return impl_->load_again(); }

Resolution KernelWatch::resolve(const IpAddress& next_hop, IfIndex link, NextHopResolution how) const {
  return impl_->state.resolve(next_hop, link, how);
}

Status KernelWatch::follow(Follow what) {
  if (impl_->state.foreign().followed() == what && !impl_->too_many_routes) return ok();
  impl_->too_many_routes = false;
  impl_->set_bell(true);
  return impl_->hear_routes(what);
}

Status KernelWatch::hear_neighbors(netlink::HeardNeighbors which) {
  if (impl_->heard == which) return ok();
  TRY(impl_->monitor.hear_neighbors(which));
  impl_->heard = which;
  impl_->neighbors_doubtful = which == netlink::HeardNeighbors::All;
  if (impl_->neighbors_doubtful) impl_->set_bell(true);
  return ok();
}

Result<std::vector<FibNextHop>> KernelWatch::failed_neighbors() const {
  std::vector<FibNextHop> out;
  TRY(impl_->bulk.dump_neighbors([&] { out.clear(); },
                                 [&](const netlink::NeighborEntry& entry) {
                                   if (entry.failed) out.push_back({entry.address, entry.link});
                                 }));
  return out;
}

Status KernelWatch::provoke(const FibNextHop& gateway) {
  const int refused = TRY(impl_->bulk.provoke_neighbor(gateway.oif, gateway.gateway));
  if (refused != 0) return sys_fail("have the kernel ask for " + gateway.gateway.to_string(), refused);
  return ok();
}

bool KernelWatch::is_usable_link(IfIndex link) const { return impl_->state.is_usable_link(link); }

bool KernelWatch::too_many_routes() const { return impl_->too_many_routes; }

bool KernelWatch::is_connected(const IpAddress& address, IfIndex link) const {
  return impl_->state.is_connected(address, link);
}

std::optional<IpAddress> KernelWatch::address_beside(const IpAddress& local, AddressFamily family, IfIndex link) const {
  return impl_->state.address_beside(local, family, link);
}

std::optional<IpAddress> KernelWatch::link_local_beside(const IpAddress& local, IfIndex link) const {
  return impl_->state.link_local_beside(local, link);
}

std::optional<IpAddress> KernelWatch::own_v4(std::span<const IpAddress> neighbors) const {
  return impl_->state.own_v4(neighbors);
}

std::vector<Prefix> KernelWatch::connected_subnets() const { return impl_->state.connected_subnets(); }

bool KernelWatch::is_local(const IpAddress& address) const { return impl_->state.is_local(address); }

}  // namespace slash32::bgp
