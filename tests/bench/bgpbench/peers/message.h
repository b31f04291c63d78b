// The BGP that the tester speaks (RFC 4271, 4760, 6793), written and read by itself: a tester that shared its codec
// with what it tests would share its mistakes. One family a session, four-octet AS numbers always.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tests/bench/bgpbench/peers/workload.h"

namespace bench {

inline constexpr std::size_t kHeader = 19;
inline constexpr std::size_t kMaxMessage = 4096;

enum class Type : std::uint8_t { Open = 1, Update = 2, Notification = 3, Keepalive = 4, RouteRefresh = 5 };

/// Of a message whose first 19 octets are there.
inline std::size_t size_of(const std::uint8_t* message) { return std::size_t{message[16]} << 8 | message[17]; }
inline Type type_of(const std::uint8_t* message) { return static_cast<Type>(message[18]); }

/// `hold` in seconds. `add_path`: the peer wants to be told several paths, and sends one (RFC 7911).
Stream open_message(std::uint32_t asn, std::uint32_t router_id, bool ipv6, std::uint16_t hold, bool add_path);
Stream keepalive_message();
Stream refresh_message(bool ipv6);
void put_announcements(bool ipv6, const AttributeSet& set, std::uint32_t asn, const Address& next_hop,
                       std::span<const Key> prefixes, Stream& out);
void put_withdrawals(bool ipv6, std::span<const Key> prefixes, Stream& out);

/// What a sink expects of the attributes it is told.
struct Expectation {
  std::uint32_t speaker_asn = 0;  // the first AS of every path, left out of the hash; 0: none
  Address next_hop;               // empty: any
  bool add_path = false;          // each prefix has an identifier before it; an odd next hop makes it a kOddPath
};

/// An UPDATE as a sink reads it.
struct Routes {
  std::vector<Key> withdrawn;
  std::vector<Key> announced;
  std::uint32_t hash = 0;  // of the announced ones' attributes; another where the next hop or the first AS is wrong
  bool end_of_rib = false;
};

/// Reads the message at `message`, which is whole. False: it is not well-formed. `out` keeps its memory.
bool read_update(std::span<const std::uint8_t> message, bool ipv6, const Expectation& expected, Routes& out);

}  // namespace bench
