// The kernel's routes that are not ours, as far as neighbours and next hops are looked for through them. Pure: fed by
// events or by a dump. Never a route of protocols 132 to 134, nor the kernel's own (addresses say the same).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/ip.h"
#include "common/netlink/types.h"

namespace slash32::bgp {

/// Whose routes count. What an administrator, a DHCP client or a router advertisement put there never floods us; what
/// another routing daemon did may be a million, and is followed only where somebody asks for it.
enum class Follow : std::uint8_t { Configured, All };

/// The protocols of Follow::Configured.
inline constexpr netlink::RouteProtocol kConfiguredRoutes[] = {
    netlink::RouteProtocol::Boot, netlink::RouteProtocol::Static, netlink::RouteProtocol::RouterAdvertisement,
    netlink::RouteProtocol::Dhcp};

class ForeignRoutes {
 public:
  static constexpr std::size_t kMost = 200'000;  // some 50 MB
  /// Of the main table and of `table`. More routes than `most`: none is known then, and too_many() says so.
  explicit ForeignRoutes(TableId table, std::size_t most = kMost) : table_(table), most_(most) {}

  struct Entry {
    TableId table;
    std::uint32_t metric = 0;
    netlink::RouteType type = netlink::RouteType::Unicast;  // or one of those that discard
    std::optional<IpAddress> source;
    std::vector<netlink::NextHop> next_hops;
    bool operator==(const Entry&) const = default;
  };

  void follow(Follow what) { follow_ = what; }
  Follow followed() const { return follow_; }
  void on_route(const netlink::Route& route, bool gone, bool replaces);
  /// All that there is; what is not to be followed is passed over.
  void load(std::span<const netlink::Route> routes);
  /// A link went down or is gone, or lost an IPv4 address: the kernel drops IPv4 routes without a word.
  void link_lost(IfIndex link);
  void address_lost(const IpAddress& address, IfIndex link);
  /// Events do not tell what is there now: load() is due. Asked once.
  bool take_doubtful() { return std::exchange(doubtful_, false); }
  /// Something is otherwise than at the last call.
  bool take_changed() { return std::exchange(changed_, false); }
  bool too_many() const { return too_many_; }
  /// Whether load() would want this one.
  bool wants(const netlink::Route& route) const;

  /// The routes to exactly this prefix, the lowest metric first.
  std::span<const Entry> at(const Prefix& prefix) const;
  /// Whether some route goes through this link.
  bool leads_through(IfIndex link) const { return through_.contains(link); }
  /// The links on which this address is some route's gateway: the kernel takes only those that are on link.
  std::vector<IfIndex> links_of_gateway(const IpAddress& address) const;

 private:
  std::vector<Entry>::iterator find(std::vector<Entry>& entries, const netlink::Route& route) const;
  void put(const netlink::Route& route);
  void erase(const Prefix& prefix, std::vector<Entry>::iterator at);
  void count(const Prefix& prefix, const Entry& entry, int by);
  void give_up();

  TableId table_;
  std::size_t most_;
  std::size_t size_ = 0;
  Follow follow_ = Follow::Configured;
  std::unordered_map<Prefix, std::vector<Entry>> routes_;
  std::map<std::pair<IpAddress, IfIndex>, std::size_t> gateways_;
  std::map<IfIndex, std::size_t> through_, v4_through_;  // routes by link
  std::unordered_map<IpAddress, std::size_t> sources_;   // routes by preferred source
  bool doubtful_ = false;
  bool changed_ = false;
  bool too_many_ = false;
};

}  // namespace slash32::bgp
