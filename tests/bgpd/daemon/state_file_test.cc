// R and F bits are set only when they are true: the state file and what is found in the kernel must agree.
#include <gtest/gtest.h>

#include <filesystem>

#include "bgpd/settings.h"
#include "bgpd/state_file.h"
#include "common/fd.h"

namespace slash32::bgp {
namespace {

constexpr auto v4 = AddressFamily::IPv4;
constexpr auto v6 = AddressFamily::IPv6;

class StateFile : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/slash32-state-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    path_ = folder_ + "/sub/bgpd.state";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_, path_;
};

TEST_F(StateFile, IsReadBackInTheSameBootOnly) {
  EXPECT_EQ(read_state_file(path_, "boot-a"), std::nullopt);
  const EarlierLife life{.learned = {v4, v6},
                         .draining = true,
                         .drained = {{.address = IpAddress::v4(0x0A000001), .link = ""},
                                     {.address = *IpAddress::parse("fe80::1"), .link = "eth1"}}};
  ASSERT_TRUE(write_state_file(path_, "boot-a", life));
  EXPECT_EQ(read_state_file(path_, "boot-a"), life);
  EXPECT_EQ(read_state_file(path_, "boot-b"), std::nullopt);
  EXPECT_EQ(read_state_file(path_, ""), std::nullopt);
  remove_state_file(path_);
  EXPECT_EQ(read_state_file(path_, "boot-a"), std::nullopt);
}

TEST_F(StateFile, OneOfAVersionThatKnewNoDrainIsReadAsWithoutOne) {
  path_ = folder_ + "/state";
  ASSERT_TRUE(write_atomic(path_, R"({"bootId": "b", "learned": ["ipv4"]})"));
  EXPECT_EQ(read_state_file(path_, "b"), (EarlierLife{.learned = {v4}, .draining = false}));
}

TEST_F(StateFile, WithoutADrainItIsWhatTheVersionBeforeReads) {
  ASSERT_TRUE(write_state_file(path_, "b", {.learned = {v4}, .draining = false}));
  EXPECT_EQ(read_file(path_), "{\"bootId\":\"b\",\"learned\":[\"ipv4\"]}\n") << "it refuses keys it does not know";
}

TEST_F(StateFile, WhatALaterVersionAddsIsNoReasonForAColdStart) {
  path_ = folder_ + "/state";
  ASSERT_TRUE(write_atomic(path_, R"({"bootId": "b", "learned": ["ipv6"], "later": {"a": 1}})"));
  EXPECT_EQ(read_state_file(path_, "b"), (EarlierLife{.learned = {v6}, .draining = false}));
}

TEST_F(StateFile, ADamagedOneIsNoEarlierLife) {
  path_ = folder_ + "/state";
  for (const char* text : {"", "{", "[]", R"({"bootId": 1, "learned": []})", R"({"bootId": "b"})",
                           R"({"bootId": "b", "learned": [], "drained": ["x"]})"}) {
    ASSERT_TRUE(write_atomic(path_, text));
    EXPECT_EQ(read_state_file(path_, "b"), std::nullopt) << text;
  }
}

using Families = std::vector<AddressFamily>;

TEST(PreservedFamilies, NoneAfterAColdStart) { EXPECT_EQ(preserved_families(std::nullopt, true, true), Families{}); }

TEST(PreservedFamilies, AFamilyWhoseRoutesAreGoneIsNotPreserved) {
  EXPECT_EQ(preserved_families(EarlierLife{.learned = {v4, v6}}, true, false), Families{v4});
}

TEST(PreservedFamilies, AFamilyThatHadNothingToLoseHasLostNothing) {
  EXPECT_EQ(preserved_families(EarlierLife{.learned = {v4}}, true, false), (Families{v4, v6}));
}

TEST(RouterIdFromIdentity, IsStableAndNeverZero) {
  EXPECT_EQ(router_id_from("node-a"), router_id_from("node-a"));
  EXPECT_NE(router_id_from("node-a"), router_id_from("node-b"));
  EXPECT_NE(router_id_from("").value, 0U);
}

TEST(NeedsReset, APolicyChangeDoesNotAndATimerDoes) {
  config::BgpdConf conf;
  conf.local_as = Asn{1};
  config::NeighborConf before;
  before.address = IpAddress::v4(0x0A000001);
  before.remote_as = {config::RemoteAsKind::Number, Asn{2}};
  auto after = before;
  after.import_policies = {"p"};
  after.export_policies = {"p"};
  after.allow_own_as = 1;
  after.max_prefixes.in = 3;
  after.description = "new";
  EXPECT_FALSE(needs_reset(conf, before, conf, after, RouterId{1}));
  after.hold_time = Seconds{9};
  EXPECT_TRUE(needs_reset(conf, before, conf, after, RouterId{1}));
  after = before;
  after.multihop = 3;
  EXPECT_TRUE(needs_reset(conf, before, conf, after, RouterId{1}));
}

}  // namespace
}  // namespace slash32::bgp
