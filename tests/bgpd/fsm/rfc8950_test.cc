// RFC 8950 section 4: when IPv4 routes may have an IPv6 next hop.
#include <gtest/gtest.h>

#include "bgpd/fsm/negotiate.h"
#include "bgpd/wire/capabilities.h"

namespace slash32::bgp {
namespace {

PeerSettings settings(std::uint32_t as, std::uint32_t id, std::uint32_t remote, bool extended) {
  PeerSettings s;
  s.local_as = Asn{as};
  s.local_id = RouterId{id};
  s.remote_as = Asn{remote};
  s.families = {AddressFamily::IPv4, AddressFamily::IPv6};
  s.extended_next_hop = extended;
  return s;
}

TEST(Rfc8950_4, ItTakesBothSidesAndIpv4) {
  for (const bool us : {true, false})
    for (const bool them : {true, false})
      for (const bool ipv4 : {true, false}) {
        PeerSettings a = settings(65001, 1, 65002, us);
        const PeerSettings b = settings(65002, 2, 65001, them);
        if (!ipv4) a.families = {AddressFamily::IPv6};
        const auto s = negotiate(a, make_open(a, {}, true), make_open(b, {}, true));
        ASSERT_TRUE(s);
        EXPECT_EQ(s->extended_next_hop, us && them && ipv4);
      }
}

TEST(Rfc8950_4, OnlyTheTripleOfIpv4UnicastOverIpv6Counts) {
  const auto says = [](std::vector<std::uint8_t> value) {
    std::vector<std::uint8_t> bytes{5, static_cast<std::uint8_t>(value.size())};
    bytes.insert(bytes.end(), value.begin(), value.end());
    Capabilities c;
    const auto good = decode_capabilities(ByteReader{bytes}, c);
    return good ? std::optional{c.ipv4_over_ipv6} : std::nullopt;
  };
  EXPECT_EQ(says({0, 1, 0, 1, 0, 2}), true);
  EXPECT_EQ(says({0, 1, 0, 128, 0, 2, 0, 1, 0, 1, 0, 2}), true);
  EXPECT_EQ(says({0, 1, 0, 128, 0, 2}), false);
  EXPECT_EQ(says({0, 1, 0, 1, 0, 1}), false);
  EXPECT_EQ(says({}), false);
  EXPECT_EQ(says({0, 1, 0, 1, 0}), std::nullopt) << "a length that is no multiple of six";
}

}  // namespace
}  // namespace slash32::bgp
