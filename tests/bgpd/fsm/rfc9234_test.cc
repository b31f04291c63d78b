// RFC 9234 section 4: which pairs of roles make a session.
#include <gtest/gtest.h>

#include "bgpd/fsm/negotiate.h"

namespace slash32::bgp {
namespace {

constexpr BgpRole kRoles[] = {BgpRole::Provider, BgpRole::Rs, BgpRole::RsClient, BgpRole::Customer, BgpRole::Peer};

PeerSettings settings(std::uint32_t as, std::uint32_t remote, std::optional<BgpRole> role) {
  PeerSettings s;
  s.local_as = Asn{as};
  s.local_id = RouterId{as};
  s.remote_as = Asn{remote};
  s.families = {AddressFamily::IPv4};
  s.role = role;
  return s;
}
PeerSettings us(std::optional<BgpRole> role) { return settings(65001, 65002, role); }
PeerSettings them(std::optional<BgpRole> role) { return settings(65002, 65001, role); }

Result<Session, Notification> between(const PeerSettings& a, const PeerSettings& b) {
  return negotiate(a, make_open(a, {}, true), make_open(b, {}, true));
}
const Notification kMismatch{2, 11, {}};

TEST(Rfc9234_4_2, OnlyTheFivePairsOfTheTableMakeASession) {
  for (const BgpRole ours : kRoles)
    for (const BgpRole theirs : kRoles) {
      const auto session = between(us(ours), them(theirs));
      EXPECT_EQ(session.has_value(), theirs == counterpart(ours)) << to_string(ours) << " and " << to_string(theirs);
      if (!session) {
        EXPECT_EQ(session.error(), kMismatch);
      }
    }
}

TEST(Rfc9234_4_2, AnUnknownRoleIsAMismatchWhereWeHaveOneAndIgnoredWhereWeHaveNone) {
  Open strange = make_open(them({}), {}, true);
  strange.capabilities.role = 99;
  EXPECT_EQ(negotiate(us(BgpRole::Peer), make_open(us(BgpRole::Peer), {}, true), strange).error(), kMismatch);
  EXPECT_TRUE(negotiate(us({}), make_open(us({}), {}, true), strange));
}

TEST(Rfc9234_4_2, SeveralDifferentRolesAreAMismatchEvenWhenOneOfThemFits) {
  Open two = make_open(them(BgpRole::Peer), {}, true);
  two.capabilities.roles_disagree = true;
  EXPECT_EQ(negotiate(us(BgpRole::Peer), make_open(us(BgpRole::Peer), {}, true), two).error(), kMismatch);
}

TEST(Rfc9234_4_2, APeerWithoutARoleIsRefusedInStrictModeOnly) {
  PeerSettings strict = us(BgpRole::Customer);
  EXPECT_TRUE(between(strict, them({})));
  strict.role_strict = true;
  EXPECT_EQ(between(strict, them({})).error(), kMismatch);
  EXPECT_TRUE(between(strict, them(BgpRole::Provider)));
}

TEST(Rfc9234_4_1, WithoutAConfiguredRoleNoneIsSaid) {
  EXPECT_FALSE(make_open(us({}), {}, true).capabilities.role);
  EXPECT_EQ(make_open(us(BgpRole::RsClient), {}, true).capabilities.role, 2);
}

TEST(Rfc9234_4_2, AWrongAsIsToldBeforeAWrongRole) {
  EXPECT_EQ(between(us(BgpRole::Peer), settings(65003, 65001, BgpRole::Customer)).error().subcode, 2);
}

}  // namespace
}  // namespace slash32::bgp
