// A RIB with neighbours that listen: whatever it sends is decoded as a neighbour would decode it and applied to what
// that neighbour knows.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bgpd/rib/rib.h"
#include "bgpd/wire/header.h"
#include "bgpd/wire/update.h"
#include "common/bytes.h"

namespace slash32::bgp::test {

inline constexpr Asn kOwnAs{64512};
inline constexpr RouterId kOwnId{0x0a000001};

inline IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }
inline Prefix net(std::string_view text) { return Prefix::parse(text).value(); }

inline AsPath as_path(std::initializer_list<std::uint32_t> asns) {
  AsPath path;
  if (asns.size() == 0) return path;
  path.segments.emplace_back();
  for (const std::uint32_t asn : asns) path.segments.back().asns.emplace_back(asn);
  return path;
}

/// Attributes of a route with this path and next hop.
inline PathAttributes route(std::initializer_list<std::uint32_t> path, std::string_view next_hop = "192.0.2.1") {
  PathAttributes attributes;
  attributes.as_path = as_path(path);
  attributes.next_hop = ip(next_hop);
  return attributes;
}

template <class Change>
PathAttributes but(PathAttributes attributes, Change change) {
  change(attributes);
  return attributes;
}

inline Update announce(const std::vector<std::string>& prefixes, PathAttributes attributes) {
  Update update;
  update.announced.push_back({std::make_shared<const PathAttributes>(std::move(attributes)), {}, {}});
  for (const std::string& prefix : prefixes) update.announced.back().prefixes.push_back(net(prefix));
  return update;
}

inline Update withdraw(const std::vector<std::string>& prefixes) {
  Update update;
  for (const std::string& prefix : prefixes) update.withdrawn.push_back(net(prefix));
  return update;
}

inline Update end_of_rib(AddressFamily family) {
  Update update;
  update.end_of_rib = family;
  return update;
}

inline const std::vector<AddressFamily> kBoth{AddressFamily::IPv4, AddressFamily::IPv6};

inline RibPeer neighbor(unsigned n, bool external) {
  RibPeer peer;
  peer.name = (external ? "e" : "i") + std::to_string(n);
  peer.external = external;
  peer.local_as = kOwnAs;
  peer.remote_as = external ? Asn{65000 + n} : kOwnAs;
  peer.remote_id = RouterId{n};
  peer.address = IpAddress::v4(0xc0000200 + n);
  peer.families = kBoth;
  peer.local_v4 = ip("192.0.2.254");
  peer.local_v6 = ip("2001:db8::fe");
  if (external) peer.import_policies = peer.export_policies = std::vector<std::string>{"all"};
  return peer;
}
/// 192.0.2.n in AS 65000 + n, policies that accept everything.
inline RibPeer ebgp(unsigned n) { return neighbor(n, true); }
inline RibPeer ibgp(unsigned n) { return neighbor(n, false); }
inline RibPeer client(unsigned n) {
  RibPeer peer = ibgp(n);
  peer.route_reflector_client = true;
  return peer;
}

/// What a neighbour has heard.
struct Listener {
  DecodeContext context;
  std::size_t max_size = 4096;
  std::map<Prefix, PathAttributes> table;
  std::map<Prefix, std::map<PathId, PathAttributes>> paths;  // of families with path ids (RFC 7911)
  std::vector<Update> updates;                               // in order
  std::size_t messages = 0;
  std::size_t repeated = 0;   // announcements equal to what it had
  std::size_t pointless = 0;  // withdrawals of what it did not have
  std::set<AddressFamily> end_of_rib;

  void hear(const std::vector<std::uint8_t>& bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      const std::span<const std::uint8_t> rest = std::span{bytes}.subspan(at);
      ASSERT_GE(rest.size(), kHeaderSize);
      ByteReader header{
          rest.subspan(kMarkerSize)};  // not decode_header(): sessions may have larger messages (RFC 8654)
      const std::size_t size = header.u16();
      ASSERT_EQ(header.u8(), static_cast<std::uint8_t>(MessageType::Update));
      ASSERT_LE(size, max_size);
      ASSERT_LE(size, rest.size());
      const auto update = decode_update(rest.subspan(kHeaderSize, size - kHeaderSize), context);
      ASSERT_TRUE(update) << describe(update.error());
      ASSERT_EQ(update->verdict, Verdict::Accept) << update->complaint;
      apply(*update);
      at += size;
      ++messages;
    }
  }
  void apply(const Update& update) {
    if (!context.add_path.empty()) return apply_paths(update);
    for (const Prefix& prefix : update.withdrawn)
      if (table.erase(prefix) == 0) ++pointless;
    for (const auto& reach : update.announced)
      for (const Prefix& prefix : reach.prefixes) {
        const auto [at, added] = table.try_emplace(prefix, *reach.attributes);
        if (!added && at->second == *reach.attributes) ++repeated;
        at->second = *reach.attributes;
      }
    if (update.end_of_rib) end_of_rib.insert(*update.end_of_rib);
    updates.push_back(update);
  }
  void apply_paths(const Update& update) {
    for (std::size_t i = 0; i < update.withdrawn.size(); ++i)
      if (paths[update.withdrawn[i]].erase(update.withdrawn_path_ids.at(i)) == 0) ++pointless;
    for (const auto& reach : update.announced)
      for (std::size_t i = 0; i < reach.prefixes.size(); ++i) {
        const auto [at, added] = paths[reach.prefixes[i]].try_emplace(reach.path_ids.at(i), *reach.attributes);
        if (!added && at->second == *reach.attributes) ++repeated;
        at->second = *reach.attributes;
      }
    if (update.end_of_rib) end_of_rib.insert(*update.end_of_rib);
    updates.push_back(update);
  }
  bool knows(std::string_view prefix) const { return table.contains(net(prefix)); }
  const PathAttributes& operator[](std::string_view prefix) const { return table.at(net(prefix)); }
};

struct World {
  World() : rib(settings(), [this](const NextHop& hop) { return resolve(hop); }) {}

  static RibSettings settings() {
    RibSettings settings;
    settings.local_as = kOwnAs;
    settings.router_id = settings.cluster_id = kOwnId;
    config::PolicyTerm accept;
    accept.then = config::PolicyOutcome::Accept;
    settings.policies["all"] = {accept};
    return settings;
  }
  NextHopState resolve(const NextHop& hop) const {
    const auto found = hops.find(hop.address);
    return found != hops.end() ? found->second : NextHopState{true, hop.link == IfIndex{} ? IfIndex{2} : hop.link, 0};
  }

  void up(PeerId id, RibPeer peer, const std::vector<AddressFamily>& preserved = {}) {
    Listener listener;
    listener.context = {.four_octet_as = peer.four_octet_as,
                        .external = peer.external,
                        .families = peer.families,
                        .extended_next_hop = peer.extended_next_hop,
                        .first_as = std::nullopt,
                        .add_path = {}};
    for (std::size_t family = 0; family < kBoth.size(); ++family)
      if (peer.add_path.at(family) > 0) listener.context.add_path.push_back(kBoth[family]);
    listener.max_size = peer.max_message_size;
    heard[id] = std::move(listener);
    rib.peer_up(id, std::move(peer), preserved);
  }
  void down(PeerId id, const std::vector<AddressFamily>& retain = {}, StaleBefore before = StaleBefore::Deleted) {
    rib.peer_down(id, retain, before);
    heard.erase(id);
  }
  void say(PeerId id, const Update& update) { EXPECT_FALSE(rib.update(id, update)); }

  /// Until nothing is left to be done: everybody has heard everything, the kernel has everything.
  void settle(std::size_t max_bytes = 65536) {
    while (rib.run(100)) {
    }
    for (auto& [id, listener] : heard)
      while (rib.has_output(id)) listen(id, listener, max_bytes);
    kernel_takes();
  }
  void listen(PeerId id, Listener& listener, std::size_t max_bytes) {
    const std::size_t before = listener.messages;
    const Rib::Output output = rib.take_output(id, max_bytes);
    listener.hear(output.bytes);
    EXPECT_EQ(listener.messages - before, output.messages);
  }
  void kernel_takes() {
    for (const FibDelta& delta : rib.take_fib_deltas()) {
      ++deltas;
      if (delta.is_removal())
        EXPECT_EQ(kernel.erase(delta.prefix), 1U) << delta.prefix.to_string() << " was not there";
      else
        kernel[delta.prefix] = delta.next_hops;
      if (!delta.is_removal()) kernel_routes[delta.prefix] = delta;
    }
  }

  std::vector<PathView> paths(std::string_view prefix) const {
    std::vector<PathView> views;
    rib.visit_paths(net(prefix), [&](const PathView& view) { views.push_back(view); });
    return views;
  }
  /// Why the path of this neighbour is not the best; "(none)" when there is no such path.
  std::string why_not(std::string_view prefix, PeerId id) const {
    for (const PathView& view : paths(prefix))
      if (view.peer == id) return view.why_not;
    return "(none)";
  }
  std::optional<PeerId> best(std::string_view prefix) const {
    for (const PathView& view : paths(prefix))
      if (view.best) return view.peer;
    return std::nullopt;
  }
  std::vector<IpAddress> gateways(std::string_view prefix) const {
    std::vector<IpAddress> list;
    const auto found = kernel.find(net(prefix));
    if (found != kernel.end())
      for (const FibNextHop& hop : found->second) list.push_back(hop.gateway);
    return list;
  }

  std::map<IpAddress, NextHopState> hops;  // others resolve at cost 0
  Rib rib;
  std::map<PeerId, Listener> heard;
  std::map<Prefix, std::vector<FibNextHop>> kernel;
  std::map<Prefix, FibDelta> kernel_routes;  // the same with metric and kind; what went stays here
  std::size_t deltas = 0;
};

}  // namespace slash32::bgp::test
