#include "common/node/masquerade.h"

#include <gtest/gtest.h>

#include <set>

namespace slash32::node {
namespace {

TEST(MasqueradeGroup, IsTheNetworksAndOursAndPositiveAsASignedNumber) {
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto group = masquerade_group("network-" + std::to_string(i));
    EXPECT_EQ(group >> 24, 0x73U);
    EXPECT_TRUE(seen.insert(group).second);
  }
  EXPECT_EQ(masquerade_group("k8s"), masquerade_group("k8s"));
}

TEST(MasqueradeTable, LetsPassWhatIsHereAndWhatIsExemptBeforeItMasquerades) {
  const auto exempt = Prefix::parse("10.0.0.0/8").value();
  const auto table = masquerade_table("k8s", {exempt}, NodeFile::Absent);
  EXPECT_EQ(table.name, "slash32-masq-k8s");
  ASSERT_EQ(table.rules.size(), 3U);
  using Kind = netlink::Statement::Kind;
  EXPECT_EQ(table.rules[0].statements.front().kind, Kind::OutIfnameStarts);
  EXPECT_EQ(table.rules[1].statements[1].prefix, exempt);
  EXPECT_EQ(table.rules[2].statements.front().number, masquerade_group("k8s"));
  EXPECT_EQ(table.rules[2].statements.back().kind, Kind::Masquerade);
}

TEST(MasqueradeTable, HasAHashForANameThatIsTooLong) {
  const auto one = masquerade_table(std::string(400, 'a'), {}, NodeFile::Absent).name;
  EXPECT_LT(one.size(), 64U);
  EXPECT_NE(one, masquerade_table(std::string(401, 'a'), {}, NodeFile::Absent).name);
}

}  // namespace
}  // namespace slash32::node
