// What the kernel tells bgpd: pods (routes of protocol 132 together with their links, since IPv4 routes vanish silently
// when a link goes), the node's addresses, and how next hops resolve. Reads only; writes are fib_sync.h's.
// One netlink event socket, filtered so that our own protocol's echoes never arrive; after an overrun everything is
// dumped again and the difference reported. Never blocks.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "bgpd/fib/delta.h"
#include "bgpd/fib/foreign_routes.h"
#include "common/clock.h"
#include "common/ip.h"
#include "common/netlink/monitor.h"
#include "common/next_hop_resolution.h"
#include "common/result.h"
#include "common/strong.h"

namespace slash32::bgp {

struct PodEvent {
  Prefix pod;  // a /32 or /128
  bool live = false;
  bool operator==(const PodEvent&) const = default;
};

struct KernelEvents {
  std::vector<PodEvent> pods;               // in order; the last of a prefix is its state
  bool next_hops_may_have_changed = false;  // links or addresses moved: ask resolve() again
  std::vector<IfIndex> links_changed;  // up, down, gone: learned routes through them must be put back (FibSync::heal)
  bool routes_changed = false;         // of others, through which next hops are resolved: the same
  std::vector<netlink::NeighborEvent> neighbors;  // as hear_neighbors() has it; of a dump those that answer alone
  bool overrun = false;                           // a full dump was taken
};

struct Resolution {
  bool resolved = false;  // through an interface that is up
  IfIndex oif;
  std::optional<IpAddress> gateway{};  // on link, that leads there; nothing: it is on link itself
  std::uint32_t metric = 0;            // of the route by that gateway
  bool operator==(const Resolution&) const = default;
};

class KernelWatch {
 public:
  /// Opens the sockets in the calling thread's network namespace and dumps links, addresses and routes. The first
  /// read() reports every live pod. `receive_buffer`: of the event socket, in bytes; 0: large.
  static Result<KernelWatch> open(TableId table, int receive_buffer = 0);
  ~KernelWatch();
  KernelWatch(KernelWatch&&) noexcept;
  KernelWatch& operator=(KernelWatch&&) noexcept;

  /// Readable when read() has something.
  int fd() const;
  /// Takes what is there, a bounded number of messages a call; call again while fd() is readable. Error: a dump that
  /// was due failed; nothing rings for it: call audit() a while later, until it succeeds.
  Result<KernelEvents> read();
  /// A slow audit: dumps everything again and reports the difference (there should be none).
  Result<KernelEvents> audit();

  /// Connected resolution: the gateway is in the subnet of an address on an interface that is up with carrier, or a
  /// route without gateway that somebody configured leads there. Never through a learned route nor a pod's, never
  /// through a default route. A link-local IPv6 address is looked for on `link` alone, which must have such an address
  /// itself; without a link it resolves nowhere.
  /// With `how`, what is on no link is looked for in the kernel's routes that are not ours, the longest prefix first,
  /// and of several next hops there the first that is usable counts; needs follow(Follow::All).
  Resolution resolve(const IpAddress& next_hop, IfIndex link = {},
                     NextHopResolution how = NextHopResolution::OnLink) const;
  /// Whose routes are heard of. Configured at first; what is there already comes with the next read().
  Status follow(Follow what);
  /// There were more than follow() can bear: next hops are found on link only, until follow() is called again.
  bool too_many_routes() const;
  /// Which events of neighbour entries (ARP, ND) are heard; none at first. With All, those that answer already come
  /// with the next read(), and again after an overrun.
  Status hear_neighbors(netlink::HeardNeighbors which);
  /// Whose entries have failed as things are.
  Result<std::vector<FibNextHop>> failed_neighbors() const;
  /// Has the kernel ask for a gateway that nobody sends to. Error: why it would not.
  Status provoke(const FibNextHop& gateway);
  /// Whether the link is up with carrier.
  bool is_usable_link(IfIndex link) const;
  /// Whether a packet with TTL 1 may come to `address` as things are: as resolve(), but also where it is a pod, one of
  /// our own (loopback's included), or the gateway of a configured route, which the kernel takes only on link.
  bool is_connected(const IpAddress& address, IfIndex link = {}) const;
  /// A global address of `family` on the interface that carries `local` (the address of a session's socket): the next
  /// hop self for the other family. Nothing where there is none. `link`: on that one alone; 0: on any.
  std::optional<IpAddress> address_beside(const IpAddress& local, AddressFamily family, IfIndex link = {}) const;
  std::optional<IpAddress> link_local_beside(const IpAddress& local, IfIndex link = {}) const;
  /// A global IPv4 address that is this node's alone, for the default router ID: the lowest in whose subnet one of the
  /// neighbours is, else the lowest on such a link, else the lowest on a link that is no bridge, tunnel or the like.
  /// Never a secondary or a host address (a VIP, which wanders), never docker0's 172.17.0.1 of every node.
  std::optional<IpAddress> own_v4(std::span<const IpAddress> neighbors) const;
  /// The subnets of the node's addresses, of links that are down too; no host's address, no loopback, no fe80::/10.
  std::vector<Prefix> connected_subnets() const;
  /// Whether `address` is one of the node's own.
  bool is_local(const IpAddress& address) const;

 private:
  struct Impl;
  explicit KernelWatch(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace slash32::bgp
