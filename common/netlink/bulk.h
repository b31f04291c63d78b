// Routes in bulk: many requests in one sendmsg, answers matched to them by sequence number, and dumps that are read
// without an allocation a message. A socket is bound to the network namespace it was opened in.
// Threading: one thread at a time. It blocks for as long as the kernel works on the requests.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/fd.h"
#include "common/netlink/types.h"
#include "common/result.h"

struct nlmsghdr;  // the kernel's

namespace slash32::netlink {

enum class RouteVerb : std::uint8_t {
  Create,   // exclusive: whatever stands at (table, prefix, tos, metric) makes it EEXIST
  Replace,  // of a route known to be the caller's: nothing there makes it ENOENT; whatever stands there is overwritten
  Delete,   // of exactly this table, prefix, metric, protocol and type; IPv6: of exactly these next hops
};

/// One request. `next_hops` must live until write() returns; none for a blackhole.
struct RouteWrite {
  RouteVerb verb = RouteVerb::Create;
  Prefix destination;
  TableId table = kMainTable;
  RouteProtocol protocol = RouteProtocol::Unspecified;
  RouteType type = RouteType::Unicast;
  std::uint32_t metric = 0;
  std::uint8_t tos = 0;
  std::optional<IpAddress> preferred_source;
  std::span<const NextHop> next_hops;
  NextHopId next_hop_object{};  // instead of `next_hops`; 0: none
};

/// The numbers of slash32's next-hop objects, whose protocol is Slash32Bgp; far from what people number by hand.
inline constexpr NextHopId kFirstObject{0x40000000};
inline constexpr NextHopId kLastObject{0x7fffffff};

enum class ObjectVerb : std::uint8_t {
  Create,   // exclusive: an object of that number makes it EEXIST, whosever it is
  Replace,  // of the caller's: all routes through it go there from then on. Nothing there makes it ENOENT
};

/// A request the kernel refused: its place in what write() was given, the errno value, and the kernel's own words
/// (often none).
struct RouteRefusal {
  std::size_t index = 0;
  int error = 0;
  std::string complaint;
};

/// Which routes to dump; what is not given is not filtered. The kernel filters.
struct RouteQuery {
  AddressFamily family = AddressFamily::IPv4;
  std::optional<TableId> table;
  std::optional<RouteProtocol> protocol;
  std::optional<IfIndex> link;  // routes with a next hop through it
};

class Bulk {
 public:
  /// In the calling thread's network namespace.
  static Result<Bulk> open();

  /// The socket's port: the kernel writes it into the events our requests cause.
  std::uint32_t port() const { return port_; }

  /// Writes all, in batches; the refusals, in order. Error: the socket failed or answers got lost; what was written is
  /// then unknown, and the caller must dump.
  Result<std::vector<RouteRefusal>> write(std::span<const RouteWrite> writes);

  /// Writes one next-hop object; the errno value of a refusal, 0 when it stands. Error: as write().
  Result<int> write_object(ObjectVerb verb, const NextHopObject& object);
  /// Removes one, whosever it is. Of a single next hop: from every group as well, whose routes leave it at once; what
  /// refers to nothing else goes with it.
  Result<int> remove_object(NextHopId id);
  /// Has the kernel ask for a neighbour's link-layer address, as a packet to it would; an event tells what comes of it.
  /// The errno value of a refusal (ENODEV: the link is gone), else 0.
  Result<int> provoke_neighbor(IfIndex link, const IpAddress& address);
  /// Dumps. A dump that the kernel says changed meanwhile (NLM_F_DUMP_INTR) is asked again after `restart()`, at most
  /// ten times. The value given to `each` lives until it returns.
  /// Objects: those of this protocol.
  Status dump_objects(RouteProtocol protocol, const std::function<void()>& restart,
                      const std::function<void(const NextHopObject&)>& each);
  Status dump_routes(const RouteQuery& query, const std::function<void()>& restart,
                     const std::function<void(const Route&)>& each);
  Status dump_links(const std::function<void()>& restart, const std::function<void(const Link&)>& each);
  Status dump_neighbors(const std::function<void()>& restart, const std::function<void(const NeighborEntry&)>& each);
  Status dump_addresses(const std::function<void()>& restart, const std::function<void(const Address&)>& each);

 private:
  Bulk(UniqueFd fd, std::uint32_t port);
  using EachMessage = std::function<void(const void* message)>;  // an nlmsghdr

  std::size_t encode(const RouteWrite& write, std::uint32_t sequence, bool acknowledge, std::span<std::uint8_t> out);
  std::size_t fill(std::span<const RouteWrite> writes, std::size_t& bytes);
  Status write_batch(std::span<const RouteWrite> writes, std::size_t bytes, std::size_t base,
                     std::vector<RouteRefusal>& refusals);
  Result<int> ask(std::span<std::uint8_t> request, const std::string& what);
  Status send_all(std::span<const std::uint8_t> bytes);
  Result<std::size_t> receive();
  Status dump(std::span<const std::uint8_t> request, const std::string& what, const std::function<void()>& restart,
              const EachMessage& each);
  /// Of a table without conditions: asked for by `get`, told in messages of `told`, which `read` takes.
  template <class Header, class Value>
  Status dump_all(std::uint16_t get, std::uint16_t told, bool (*read)(const nlmsghdr&, Value&), const std::string& what,
                  const std::function<void()>& restart, const std::function<void(const Value&)>& each);
  enum class DumpEnd : std::uint8_t { Complete, Interrupted };
  Result<DumpEnd> dump_once(std::span<const std::uint8_t> request, const std::string& what, const EachMessage& each);

  UniqueFd fd_;
  std::uint32_t port_ = 0;
  std::uint32_t sequence_ = 0;
  std::vector<std::uint8_t> out_;
  std::vector<std::uint8_t> in_;
};

}  // namespace slash32::netlink
