// Next-hop objects of the kernel by Bulk: what it does with them, which FibSync's are built on.
#include "common/netlink/bulk.h"
#include "tests/netns/fib_world.h"

namespace slash32::bgp {
namespace {

using netlink::Bulk;
using netlink::NextHopId;
using netlink::NextHopObject;
using netlink::ObjectVerb;
using netlink::RouteProtocol;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint16_t kBuckets = 64;

class NextHopObjects : public FibWorld {
 protected:
  void SetUp() override {
    FibWorld::SetUp();
    auto opened = Bulk::open();
    ASSERT_TRUE(opened) << opened.error().message;
    bulk_.emplace(std::move(*opened));
  }
  NextHopObject single(std::uint32_t id, const FibNextHop& hop) {
    return {.id = NextHopId{id}, .protocol = RouteProtocol::Slash32Bgp, .gateway = hop.gateway, .link = hop.oif};
  }
  NextHopObject group(std::uint32_t id, std::vector<netlink::GroupMember> members, std::uint16_t buckets = 0) {
    return {
        .id = NextHopId{id}, .protocol = RouteProtocol::Slash32Bgp, .members = std::move(members), .buckets = buckets};
  }
  int create(const NextHopObject& object) { return *bulk_->write_object(ObjectVerb::Create, object); }
  int replace(const NextHopObject& object) { return *bulk_->write_object(ObjectVerb::Replace, object); }
  std::vector<NextHopObject> dump() {
    std::vector<NextHopObject> out;
    const auto done = bulk_->dump_objects(
        RouteProtocol::Slash32Bgp, [&] { out.clear(); }, [&](const NextHopObject& one) { out.push_back(one); });
    EXPECT_TRUE(done) << done.error().message;
    return out;
  }
  int route(const std::string& to, NextHopId object) {
    const std::vector<netlink::RouteWrite> writes{{.verb = netlink::RouteVerb::Create,
                                                   .destination = prefix(to),
                                                   .protocol = RouteProtocol::Slash32Bgp,
                                                   .metric = 512,
                                                   .preferred_source = {},
                                                   .next_hops = {},
                                                   .next_hop_object = object}};
    const auto refusals = bulk_->write(writes);
    return refusals->empty() ? 0 : refusals->front().error;
  }
  std::optional<Bulk> bulk_;
};

TEST_F(NextHopObjects, AreReadAsTheyWereWritten) {
  sh("ip nexthop add id 7 via 192.0.1.7 dev up1 proto 99");  // another's: not ours to see
  const std::vector<NextHopObject> written{single(11, hop4(1)), single(12, hop6(2)),
                                           group(21, {{NextHopId{11}}, {NextHopId{12}}}),
                                           group(22, {{NextHopId{11}, 256}, {NextHopId{12}, 1}}, kBuckets)};
  for (const auto& one : written) EXPECT_EQ(create(one), 0) << one.id.value;
  EXPECT_EQ(dump(), written);
}

TEST_F(NextHopObjects, AreRefusedWithTheReason) {
  EXPECT_EQ(create(single(11, hop4(1))), 0);
  EXPECT_EQ(create(single(11, hop4(2))), EEXIST);
  EXPECT_EQ(replace(single(12, hop4(2))), ENOENT);
  EXPECT_EQ(create(single(13, {ip("203.0.113.1"), link_of(1)})), ENETUNREACH);
  EXPECT_EQ(create(group(21, {{NextHopId{99}}})), EINVAL);
  EXPECT_EQ(route("10.1.0.0/24", NextHopId{99}), EINVAL);
  EXPECT_EQ(*bulk_->remove_object(NextHopId{99}), ENOENT);
  sh("ip link set far1 down");
  EXPECT_TRUE(eventually([&] { return create(single(14, hop4(1))) == ENETDOWN; }));
}

TEST_F(NextHopObjects, AGroupsSecondMemberWithoutAPlaceTakesOverWhenTheFirstIsRemovedOrLosesItsCarrier) {
  for (const auto& [base, one, two, to] :
       {std::tuple{10U, hop4(1), hop4(2), "10.1.0.0/24"}, std::tuple{20U, hop6(1), hop6(2), "fd00:1::/64"}}) {
    ASSERT_EQ(create(single(base + 1, one)), 0);
    ASSERT_EQ(create(single(base + 2, two)), 0);
    const auto both = group(base + 5, {{NextHopId{base + 1}, 256}, {NextHopId{base + 2}, 1}}, kBuckets);
    ASSERT_EQ(create(both), 0);
    ASSERT_EQ(route(to, both.id), 0);
    const auto way = [host = Prefix::parse(to)->address().to_string()] { return sh("ip route get " + host); };
    EXPECT_THAT(way(), HasSubstr("dev up1"));
    ASSERT_EQ(*bulk_->remove_object(NextHopId{base + 1}), 0);
    EXPECT_THAT(way(), HasSubstr("dev up2"));
    ASSERT_EQ(create(single(base + 1, one)), 0);
    ASSERT_EQ(replace(both), 0);
    EXPECT_THAT(way(), HasSubstr("dev up1"));
    sh("ip link set far1 down");
    EXPECT_TRUE(eventually([&] { return way().find("dev up2") != std::string::npos; })) << way();
    sh("ip link set far1 up");
    EXPECT_TRUE(eventually([&] { return create(single(base + 1, one)) == 0; }));
  }
}

TEST_F(NextHopObjects, ARouteMovesBetweenAGroupAndClassicNextHopsInOneMessage) {
  ASSERT_EQ(create(single(11, hop4(1))), 0);
  ASSERT_EQ(create(group(21, {{NextHopId{11}}})), 0);
  ASSERT_EQ(route("10.1.0.0/24", NextHopId{21}), 0);
  const std::vector<netlink::NextHop> hops{{.gateway = hop4(2).gateway, .link = hop4(2).oif}};
  std::vector<netlink::RouteWrite> writes{{.verb = netlink::RouteVerb::Replace,
                                           .destination = prefix("10.1.0.0/24"),
                                           .protocol = RouteProtocol::Slash32Bgp,
                                           .metric = 512,
                                           .preferred_source = {},
                                           .next_hops = hops}};
  EXPECT_THAT(*bulk_->write(writes), IsEmpty());
  EXPECT_THAT(routes("proto 134"), HasSubstr("10.1.0.0/24 via 192.0.2.1 dev up2"));
  writes.front().next_hop_object = NextHopId{21};
  EXPECT_THAT(*bulk_->write(writes), IsEmpty());
  EXPECT_THAT(routes("proto 134"), HasSubstr("10.1.0.0/24 nhid 21 via 192.0.1.1"));
}

}  // namespace
}  // namespace slash32::bgp
