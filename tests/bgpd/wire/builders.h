// Bytes for tests: hex with spaces, and UPDATEs put together from attributes.
#pragma once

#include <cctype>
#include <cstdint>
#include <string_view>
#include <vector>

#include "bgpd/wire/iana.h"
#include "bgpd/wire/message.h"
#include "bgpd/wire/update.h"

namespace slash32::bgp::testing {

using Bytes = std::vector<std::uint8_t>;

/// "40 01 01 00"; everything that is no hex digit is skipped.
inline Bytes hex(std::string_view text) {
  Bytes out;
  int high = -1;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (std::isxdigit(u) == 0) continue;
    const int digit = std::isdigit(u) != 0 ? c - '0' : std::tolower(u) - 'a' + 10;
    if (high < 0) {
      high = digit;
    } else {
      out.push_back(static_cast<std::uint8_t>(high * 16 + digit));
      high = -1;
    }
  }
  return out;
}

inline Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline Bytes u16(std::size_t v) { return {static_cast<std::uint8_t>(v >> 8), static_cast<std::uint8_t>(v)}; }

/// Header and body.
inline Bytes message(MessageType type, const Bytes& body) {
  return Bytes(16, 0xff) + u16(19 + body.size()) + Bytes{static_cast<std::uint8_t>(type)} + body;
}

/// The body of an UPDATE.
inline Bytes update(const Bytes& attributes, const Bytes& nlri = {}, const Bytes& withdrawn = {}) {
  return u16(withdrawn.size()) + withdrawn + u16(attributes.size()) + attributes + nlri;
}

// The attributes of a sound route from AS 65001, four-octet ASes.
inline const Bytes kOrigin = hex("40 01 01 00");
inline const Bytes kPath = hex("40 02 06 02 01 00 00 fd e9");
inline const Bytes kNextHop = hex("40 03 04 0a 00 00 01");
inline const Bytes kLocalPref = hex("40 05 04 00 00 00 64");
inline const Bytes kSound = kOrigin + kPath + kNextHop;
inline const Bytes kNlri = hex("18 0a f4 01");  // 10.244.1.0/24
inline const Bytes kReach6 =
    hex("80 0e 1e 00 02 01 10 fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00"
        "40 fd 00 00 10 02 44 00 01");  // fd00:10:244:1::/64 via fd00::1
inline const Bytes kUnreach6 = hex("80 0f 0c 00 02 01 40 fd 00 00 10 02 44 00 01");

inline DecodeContext ebgp() {
  return {.four_octet_as = true,
          .external = true,
          .families = {AddressFamily::IPv4, AddressFamily::IPv6},
          .extended_next_hop = false,
          .first_as = {},
          .add_path = {}};
}
inline DecodeContext ibgp() {
  DecodeContext c = ebgp();
  c.external = false;
  return c;
}

inline Prefix prefix(std::string_view text) { return *Prefix::parse(text); }
inline IpAddress address(std::string_view text) { return *IpAddress::parse(text); }

inline Notification update_error_of(std::uint8_t subcode, const Bytes& data = {}) { return {3, subcode, data}; }

}  // namespace slash32::bgp::testing
