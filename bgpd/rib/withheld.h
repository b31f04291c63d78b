// Why a neighbour is not told of a route, as one list: export decides by it, and whoever asks is shown the same.
#pragma once

#include <cstdint>
#include <string_view>

namespace slash32::bgp {

enum class Withheld : std::uint8_t {
  No,
  NoSession,
  NoPath,               // there is no usable path, or selection waits
  SplitHorizon,         // RFC 4271 section 9.2: it is where the path came from
  FamilyNotNegotiated,  // RFC 4760
  NoOwnAddress,         // there is nothing to name as next hop
  NotReflected,         // RFC 4271 section 9.2: from an internal peer to an internal peer
  NoAdvertise,          // RFC 1997
  NoExport,
  OnlyToCustomer,  // RFC 9234
  LongLivedStale,  // RFC 9494
  AsSet,           // RFC 9774
  NoPolicy,        // RFC 8212
  Policy,
  Limit,        // maxPrefixes.out
  TooLong,      // the attributes leave no room for a prefix
  Ipv6NextHop,  // of an IPv4 route, and RFC 8950 was not negotiated
  OwnNextHop,   // RFC 4271 section 5.1.3: the neighbour's own address is the next hop
  NotYet,       // it waits in the neighbour's queue
};

/// For people.
std::string_view to_string(Withheld withheld);
/// For programs: "noExport". These are an interface: they stay.
std::string_view key_of(Withheld withheld);

}  // namespace slash32::bgp
