// UPDATEs that we sent, one record each.
#include "bgpd/peer/recorded.h"

#include <gtest/gtest.h>

#include "bgpd/wire/update.h"
#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::operator+;

/// As the RIB encodes them: a route of each family, a withdrawal, End-of-RIB.
Bytes messages(std::optional<PathId> path_id) {
  Bytes out;
  PathAttributes a;
  a.as_path.prepend(Asn{65001});
  for (const char* text : {"10.1.0.0/16", "fd00::/64"}) {
    const Prefix prefix = *Prefix::parse(text);
    a.next_hop = *IpAddress::parse(prefix.family() == AddressFamily::IPv4 ? "10.0.0.1" : "fd00::1");
    const auto block = encode_attribute_block(a, prefix.family(), {.four_octet_as = true, .external = true});
    const auto ids = prefix.family() == AddressFamily::IPv4 ? path_id : std::nullopt;
    EXPECT_TRUE(block && encode_announcements(*block, {&prefix, 1}, 4096, out, ids));
    EXPECT_EQ(encode_withdrawals({&prefix, 1}, prefix.family(), 4096, out, ids), 1U);
  }
  return out + encode_end_of_rib(AddressFamily::IPv4);
}

Session session() {
  Session out;
  out.families = {AddressFamily::IPv4, AddressFamily::IPv6};
  out.four_octet_as = true;
  out.external = true;
  return out;
}

TEST(RecordedAsSent, EveryMessageStandsForItselfAndIsWhole) {
  const Bytes all = messages(std::nullopt);
  const auto records = recorded_as_sent(session(), all);
  ASSERT_EQ(records.size(), 5U);
  Bytes again;
  for (const auto& one : records) {
    EXPECT_TRUE(one.sent);
    EXPECT_TRUE(one.four_octet_as);
    EXPECT_FALSE(one.add_path);
    again = again + one.message;
  }
  EXPECT_EQ(again, all);
}

TEST(RecordedAsSent, PathIdentifiersAreToldOfThoseMessagesThatHaveThem) {
  Session with_ids = session();
  with_ids.add_path_out = {AddressFamily::IPv4};
  const auto records = recorded_as_sent(with_ids, messages(7));
  ASSERT_EQ(records.size(), 5U);
  EXPECT_TRUE(records[0].add_path);
  EXPECT_TRUE(records[1].add_path) << "a withdrawal";
  EXPECT_FALSE(records[2].add_path) << "IPv6 has none in this session";
  EXPECT_FALSE(records[3].add_path);
  EXPECT_FALSE(records[4].add_path) << "End-of-RIB has no route";
}

TEST(RecordedAsSent, WhatIsNoWholeMessageIsNotRecorded) {
  Bytes all = messages(std::nullopt);
  all.pop_back();
  EXPECT_EQ(recorded_as_sent(session(), all).size(), 4U);
  EXPECT_TRUE(recorded_as_sent(session(), {}).empty());
}

}  // namespace
}  // namespace slash32::bgp
