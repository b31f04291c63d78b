// The kernel's routing events as values: links, addresses, routes, neighbour entries. A socket filter (classic BPF),
// built from rules over the message's header, drops in the kernel what nobody wants, above all the echoes of our own
// writes.
// Threading: one thread. Never blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <variant>
#include <vector>

#include "common/fd.h"
#include "common/netlink/types.h"
#include "common/result.h"

namespace slash32::netlink {

struct LinkEvent {
  Link link;
  bool gone = false;
};
struct AddressEvent {
  Address address;
  bool gone = false;
};
struct RouteEvent {
  Route route;
  bool gone = false;
  bool replaces = false;  // it took the place of the route with the same table, prefix, tos and metric
};
struct ObjectEvent {  // a next-hop object was removed, not by its link's fate: the kernel does not tell of that
  NextHopId id;
};
struct NeighborEvent {
  NeighborEntry entry;
  bool gone = false;
  bool operator==(const NeighborEvent&) const = default;
};
using Event = std::variant<LinkEvent, AddressEvent, RouteEvent, ObjectEvent, NeighborEvent>;

/// What becomes of a route event for which every given condition holds; rules are asked in order.
struct RouteRule {
  bool pass = true;
  std::optional<RouteProtocol> protocol{};
  std::optional<bool> gone{};                   // RTM_DELROUTE or RTM_NEWROUTE
  std::optional<bool> displaces{};              // NLM_F_REPLACE or NLM_F_APPEND: it touches a place already taken
  std::optional<std::uint32_t> requested_by{};  // netlink port of who asked; 0: the kernel's own doing
};

/// Which events of the neighbour tables are heard. A node may have thousands of entries whose state changes all the
/// time, and few that fail.
enum class HeardNeighbors : std::uint8_t { None, Failed, All };

struct MonitorOptions {
  bool links = false;
  bool addresses = false;
  bool routes = false;
  bool objects = false;  // where the kernel has them
  HeardNeighbors neighbors = HeardNeighbors::None;
  std::vector<RouteRule> route_rules{};  // at most 20
  bool other_routes = true;              // what no rule decided
  int receive_buffer = 8 * 1024 * 1024;  // bytes; beyond net.core.rmem_max with CAP_NET_ADMIN
};

class Monitor {
 public:
  /// In the calling thread's network namespace; events count from here on.
  static Result<Monitor> open(const MonitorOptions& options);

  /// Other rules for route events from here on; those that wait are as the old ones had them.
  Status set_route_rules(const std::vector<RouteRule>& rules, bool other_routes);
  /// The same of neighbour entries. What was kept out until now has to be dumped by who wants to know it.
  Status hear_neighbors(HeardNeighbors which);

  /// Readable when events wait.
  int fd() const { return fd_.get(); }

  enum class Outcome : std::uint8_t {
    Empty,    // nothing waits
    More,     // `datagrams` were read, more may wait
    Overrun,  // the kernel dropped events: only a dump tells the state now. What still waited was thrown away
  };
  /// Hands over the events of at most `datagrams` messages of the kernel.
  Result<Outcome> read(std::size_t datagrams, const std::function<void(const Event&)>& each);

 private:
  Monitor(UniqueFd fd, MonitorOptions options) : fd_(std::move(fd)), options_(std::move(options)), in_(64UL * 1024) {}
  Status drain();

  UniqueFd fd_;
  MonitorOptions options_;
  std::vector<std::uint8_t> in_;
  Event event_;
};

}  // namespace slash32::netlink
