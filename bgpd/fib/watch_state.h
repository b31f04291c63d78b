// What KernelWatch knows of the kernel: links, addresses, pod routes; fed by events or by dumps, asked for what changed
// and how next hops resolve. Pure: no socket. It keeps nothing of interfaces and routes that are gone.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "bgpd/fib/foreign_routes.h"
#include "bgpd/fib/kernel_watch.h"
#include "common/ip.h"
#include "common/netlink/types.h"

namespace slash32::bgp {

/// All of it, as three dumps show it.
struct KernelDump {
  std::vector<netlink::Link> links;
  std::vector<netlink::Address> addresses;
  std::vector<netlink::Route> pod_routes;  // of protocol 132 in the table
};

class WatchState {
 public:
  explicit WatchState(TableId table) : table_(table), foreign_(table) {}

  // ------------------------------------------------------------ events
  void on_link(const netlink::Link& link, bool gone);
  void on_address(const netlink::Address& address, bool gone);
  /// `replaces`: the route took the place of the one with the same key, whosever that was.
  void on_route(const netlink::Route& route, bool gone, bool replaces);
  /// The truth: what differs from what was known becomes events.
  void load(const KernelDump& dump);
  /// The pod routes alone, when events do not tell which of them vanished.
  void load_pod_routes(const std::vector<netlink::Route>& routes);
  /// An IPv4 address went, and with it, silently, routes that named it as their source or lost their link's last one.
  /// Asked once: load_pod_routes() is due.
  bool take_pod_routes_doubtful() { return std::exchange(pod_routes_doubtful_, false); }
  /// The same of others' routes: load_foreign() is due, with all of them.
  bool take_foreign_doubtful() { return foreign_.take_doubtful(); }
  void load_foreign(std::span<const netlink::Route> routes) { foreign_.load(routes); }
  ForeignRoutes& foreign() { return foreign_; }
  /// The differences since the last call; a pod that came and went meanwhile is none.
  KernelEvents take();

  // ------------------------------------------------------------ questions
  Resolution resolve(const IpAddress& next_hop, IfIndex link = {},
                     NextHopResolution how = NextHopResolution::OnLink) const;
  bool is_connected(const IpAddress& address, IfIndex link) const;
  std::optional<IpAddress> address_beside(const IpAddress& local, AddressFamily family, IfIndex link = {}) const;
  std::optional<IpAddress> link_local_beside(const IpAddress& local, IfIndex link = {}) const;
  std::optional<IpAddress> own_v4(std::span<const IpAddress> neighbors) const;
  std::vector<Prefix> connected_subnets() const;
  bool is_usable_link(IfIndex index) const;
  bool is_local(const IpAddress& address) const { return local_.contains(address); }
  std::size_t known_links() const { return links_.size(); }
  std::size_t known_pods() const { return pods_.size(); }

 private:
  struct LinkState {
    bool up = false;
    bool carrier = false;
    bool loopback = false;
    bool made_up = false;  // a bridge, a tunnel, …: its addresses may be the same on every node
    std::map<IpAddress, netlink::Address> addresses;
    bool operator==(const LinkState& o) const { return up == o.up && carrier == o.carrier && loopback == o.loopback; }
  };
  struct Pod {
    std::map<std::uint32_t, IfIndex> routes;  // by metric
    bool told = false;                        // as live
  };

  LinkState& link(IfIndex index);
  void put_address(const netlink::Address& address);
  void remove_address(LinkState& state, IpAddress address);
  void remove_link(IfIndex index);
  void put_route(const Prefix& pod, std::uint32_t metric, IfIndex link);
  void remove_route(const Prefix& pod, std::uint32_t metric);
  void touch_pods_of(IfIndex index);
  void lose_routes_through(IfIndex index);
  void link_changed(IfIndex index, const LinkState& state);
  bool is_live(const Pod& pod) const;
  bool is_pod_route(const netlink::Route& route) const;
  Resolution resolve_on_link(const IpAddress& next_hop, IfIndex link) const;
  std::optional<Resolution> route_to(const Prefix& subnet) const;
  std::optional<IfIndex> link_to(const Prefix& subnet, bool loopback_too) const;
  template <class Accept>
  std::optional<IpAddress> lowest_beside(const IpAddress& local, IfIndex link, Accept accept) const;

  TableId table_;
  std::unordered_map<IfIndex, LinkState> links_;
  std::map<IpAddress, unsigned> local_;                 // fe80::1 stands on every pod's link: counted
  std::map<Prefix, std::multiset<IfIndex>> connected_;  // subnets, and the links whose addresses make them
  ForeignRoutes foreign_;
  std::unordered_map<Prefix, Pod> pods_;
  std::unordered_map<IfIndex, std::set<Prefix>> pods_by_link_;
  std::set<Prefix> touched_;
  std::set<IfIndex> links_changed_;
  bool next_hops_changed_ = false;
  bool pod_routes_doubtful_ = false;
};

}  // namespace slash32::bgp
