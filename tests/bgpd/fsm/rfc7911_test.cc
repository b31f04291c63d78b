// RFC 7911 section 4: who sends several paths to whom, family by family.
#include <gtest/gtest.h>

#include "bgpd/fsm/negotiate.h"

namespace slash32::bgp {
namespace {

constexpr AddressFamily k4 = AddressFamily::IPv4;
constexpr AddressFamily k6 = AddressFamily::IPv6;

PeerSettings settings(std::uint32_t as, std::uint32_t remote, bool receive, bool send) {
  PeerSettings s;
  s.local_as = Asn{as};
  s.local_id = RouterId{as};
  s.remote_as = Asn{remote};
  s.families = {k4, k6};
  s.add_path_receive = receive;
  s.add_path_send = send;
  return s;
}

TEST(Rfc7911_4, ADirectionIsThereWhenOneSendsAndTheOtherReceives) {
  for (const bool receive : {false, true})
    for (const bool send : {false, true})
      for (const bool they_receive : {false, true})
        for (const bool they_send : {false, true}) {
          const auto us = settings(65001, 65002, receive, send);
          const auto them = settings(65002, 65001, they_receive, they_send);
          const auto session = negotiate(us, make_open(us, {}, true), make_open(them, {}, true));
          ASSERT_TRUE(session);
          EXPECT_EQ(session->add_path_in.size(), receive && they_send ? 2U : 0U);
          EXPECT_EQ(session->add_path_out.size(), send && they_receive ? 2U : 0U);
        }
}

TEST(Rfc7911_4, OnlyFamiliesThatBothHaveAndBothNameCount) {
  const auto us = settings(65001, 65002, true, true);
  auto them = make_open(settings(65002, 65001, true, true), {}, true);
  them.capabilities.add_path = {{k6, true, false}};
  const auto session = negotiate(us, make_open(us, {}, true), them);
  ASSERT_TRUE(session);
  EXPECT_TRUE(session->add_path_in.empty());
  EXPECT_EQ(session->add_path_out, std::vector{k6});
  them.capabilities.families = {k4};
  EXPECT_TRUE(negotiate(us, make_open(us, {}, true), them)->add_path_out.empty());
}

TEST(Rfc7911_4, WithoutTheConfigurationNothingIsSaid) {
  EXPECT_TRUE(make_open(settings(65001, 65002, false, false), {}, true).capabilities.add_path.empty());
}

}  // namespace
}  // namespace slash32::bgp
