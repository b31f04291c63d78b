// RFC 9494: what two OPENs agree on.
#include <gtest/gtest.h>

#include "bgpd/fsm/negotiate.h"

namespace slash32::bgp {
namespace {

constexpr auto k4 = AddressFamily::IPv4;
constexpr auto k6 = AddressFamily::IPv6;

PeerSettings settings(std::uint32_t as, std::uint32_t id, std::uint32_t remote) {
  PeerSettings s;
  s.local_as = Asn{as};
  s.local_id = RouterId{id};
  s.remote_as = Asn{remote};
  s.families = {k4, k6};
  s.long_lived = {Seconds{100}, Seconds{200}};
  return s;
}
const PeerSettings kUs = settings(65001, 1, 65002);
const PeerSettings kThem = settings(65002, 2, 65001);

TEST(Rfc9494_3_1, EachFamilyIsAskedForWithItsTimeAndF) {
  const auto open = make_open(kUs, {true, {k6}}, true);
  ASSERT_TRUE(open.capabilities.long_lived);
  EXPECT_EQ(*open.capabilities.long_lived, (std::vector<LongLivedFamily>{{k4, false, 100}, {k6, true, 200}}));
}

TEST(Rfc9494_4_2, ThePeersTimesCountUpToOurOwnLimit) {
  PeerSettings us = kUs;
  us.long_lived_most = Seconds{150};
  const auto s = negotiate(us, make_open(us, {}, true), make_open(kThem, {true, {k4}}, true));
  ASSERT_TRUE(s);
  EXPECT_TRUE(s->long_lived_offered && s->long_lived_understood);
  EXPECT_EQ(s->long_lived, (std::array{Seconds{100}, Seconds{150}}));
  EXPECT_EQ(s->long_lived_preserved, std::vector{k4});
}

TEST(Rfc9494_4_1, WithoutGracefulRestartTheCapabilityDoesNotCount) {
  auto them = make_open(kThem, {}, true);
  them.capabilities.graceful_restart.reset();
  const auto s = negotiate(kUs, make_open(kUs, {}, true), them);
  ASSERT_TRUE(s);
  EXPECT_FALSE(s->long_lived_understood);
  EXPECT_EQ(s->long_lived, (std::array{Seconds{0}, Seconds{0}}));
  PeerSettings us = kUs;
  us.graceful_restart = false;
  EXPECT_FALSE(make_open(us, {}, true).capabilities.long_lived);
}

TEST(Rfc9494_4_3, WhoSendsItKnowsItEvenWhereWeDoNotAskForIt) {
  PeerSettings us = kUs;
  us.long_lived.reset();
  const auto s = negotiate(us, make_open(us, {}, true), make_open(kThem, {}, true));
  ASSERT_TRUE(s);
  EXPECT_FALSE(s->long_lived_offered);
  EXPECT_TRUE(s->long_lived_understood);
  EXPECT_EQ(s->long_lived, (std::array{Seconds{0}, Seconds{0}}));
}

TEST(Rfc9494_5, AFamilyThatWeHaveNoTimeForTakesNoPartWhateverThePeerAsks) {
  PeerSettings us = kUs;
  us.long_lived = {Seconds{100}, Seconds{0}};
  const auto s = negotiate(us, make_open(us, {}, true), make_open(kThem, {true, {k4, k6}}, true));
  ASSERT_TRUE(s);
  EXPECT_EQ(s->long_lived, (std::array{Seconds{100}, Seconds{0}}));
  EXPECT_EQ(s->long_lived_preserved, std::vector{k4});
  auto them = make_open(kThem, {true, {k4, k6}}, true);
  std::erase_if(*them.capabilities.long_lived, [](const auto& one) { return one.family == k4; });
  EXPECT_EQ(negotiate(us, make_open(us, {}, true), them)->long_lived, (std::array{Seconds{0}, Seconds{0}}));
}

}  // namespace
}  // namespace slash32::bgp
