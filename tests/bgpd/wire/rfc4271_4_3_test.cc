// RFC 4271 section 4.3, RFC 4760: UPDATEs as we write them.
#include <gtest/gtest.h>

#include "bgpd/wire/header.h"
#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::address;
using testing::Bytes;
using testing::ebgp;
using testing::hex;
using testing::ibgp;
using testing::prefix;

PathAttributes full() {
  PathAttributes a;
  a.origin = Origin::Incomplete;
  a.as_path = {{{SegmentType::AsSequence, {Asn{65001}, Asn{4200000000}}}, {SegmentType::AsSet, {Asn{1}, Asn{2}}}}};
  a.next_hop = address("10.0.0.1");
  a.med = 7;
  a.local_pref = 200;
  a.atomic_aggregate = true;
  a.aggregator = Aggregator{Asn{65001}, RouterId{1}};
  a.communities = {0xfde90001, 0xffff0000};
  a.extended_communities = {{0, 2, 0xfd, 0xe9, 0, 0, 0, 1}};
  a.large_communities = {{65001, 1, 2}};
  a.originator_id = RouterId{9};
  a.cluster_list = {RouterId{8}, RouterId{7}};
  a.unknown = {{0xe0, 20, {1}}, {0xe0, 99, Bytes(300, 5)}};
  return a;
}

/// Every message in `stream`, decoded.
std::vector<Update> decode_all(const Bytes& stream, const DecodeContext& context) {
  std::vector<Update> out;
  std::span<const std::uint8_t> left{stream};
  while (!left.empty()) {
    const auto header = decode_header(left.first<kHeaderSize>());
    EXPECT_TRUE(header && header->type == MessageType::Update && header->size <= left.size());
    if (!header) break;
    const auto u = decode_update(left.subspan(kHeaderSize, header->size - kHeaderSize), context);
    EXPECT_TRUE(u);
    if (u) out.push_back(*u);
    left = left.subspan(header->size);
  }
  return out;
}

std::vector<Prefix> many(AddressFamily family, std::size_t count) {
  std::vector<Prefix> out;
  IpAddress a = family == AddressFamily::IPv4 ? address("10.0.0.0") : address("fd00::");
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back(Prefix::host(a));
    a = *advance(a, 1);
  }
  return out;
}

TEST(Rfc4271_4_3, EveryAttributeComesBackFromAnInternalPeer) {
  const auto block = encode_attribute_block(full(), AddressFamily::IPv4, {.four_octet_as = true, .external = false});
  ASSERT_TRUE(block);
  Bytes out;
  const Prefix p = prefix("10.1.0.0/16");
  ASSERT_EQ(encode_announcements(*block, {&p, 1}, kMaxMessageSize, out), 1U);
  const auto updates = decode_all(out, ibgp());
  ASSERT_EQ(updates.size(), 1U);
  EXPECT_EQ(updates[0].verdict, Verdict::Accept) << updates[0].complaint;
  EXPECT_EQ(*updates[0].announced[0].attributes, full());
}

TEST(Rfc4271_5_1_5, LocalPrefIsForInternalPeersOnlyAndAlwaysThere) {
  PathAttributes a = full();
  a.local_pref.reset();
  a.originator_id.reset();
  const auto decode = [&](bool external) {
    const auto block = encode_attribute_block(a, AddressFamily::IPv4, {.four_octet_as = true, .external = external});
    return *decode_update(testing::update(block->bytes, testing::kNlri), ibgp())->announced[0].attributes;
  };
  EXPECT_EQ(decode(false).local_pref, 100U);
  EXPECT_FALSE(decode(true).local_pref);
  EXPECT_TRUE(decode(true).cluster_list.empty()) << "RFC 4456: not beyond the AS";
}

TEST(Rfc4271_5, UnknownAttributesGoOnByteForByteWithPartial) {
  PathAttributes a;
  a.next_hop = address("10.0.0.1");
  a.unknown = {{0xc0, 99, Bytes(300, 5)}, {0xc0, 35, {0, 0, 0xfd, 0xe9}}};
  std::swap(a.unknown[0], a.unknown[1]);
  const auto block = encode_attribute_block(a, AddressFamily::IPv4, {});
  EXPECT_EQ(block->bytes, testing::operator+(hex("40 01 01 00 40 02 00 40 03 04 0a000001 e0 23 04 0000fde9 f0 63 012c"),
                                             Bytes(300, 5)));
}

TEST(Rfc4760_3, Ipv6RoutesGoIntoMpReachBeforeAllElse) {
  PathAttributes a;
  a.next_hop = address("fd00::1");
  a.link_local = address("fe80::1");
  const auto block = encode_attribute_block(a, AddressFamily::IPv6, {});
  ASSERT_TRUE(block);
  Bytes out;
  const Prefix p = prefix("fd00:10:244:1::/64");
  ASSERT_EQ(encode_announcements(*block, {&p, 1}, kMaxMessageSize, out), 1U);
  EXPECT_EQ(out[kHeaderSize + 5], attribute::kMpReachNlri);  // RFC 7606 section 5.1
  const auto updates = decode_all(out, ebgp());
  EXPECT_EQ(*updates[0].announced[0].attributes, a);
  EXPECT_EQ(updates[0].announced[0].prefixes, std::vector{p});
}

// RFC 4760 section 4: no other attribute is needed beside MP_UNREACH_NLRI. RFC 4271 section 4.3: IPv4's stand in a
// field.
TEST(Rfc4760_4, AWithdrawalIsNothingElse) {
  Bytes out;
  const Prefix v6 = prefix("fd00:10:244:1::/64");
  EXPECT_EQ(encode_withdrawals({&v6, 1}, AddressFamily::IPv6, kMaxMessageSize, out), 1U);
  EXPECT_EQ(out, testing::message(MessageType::Update, hex("0000 0010 90 0f 000c 0002 01 40 fd00001002440001")));
  out.clear();
  const Prefix v4 = prefix("10.244.1.0/24");
  EXPECT_EQ(encode_withdrawals({&v4, 1}, AddressFamily::IPv4, kMaxMessageSize, out), 1U);
  EXPECT_EQ(out, testing::message(MessageType::Update, hex("0004 18 0af401 0000")));
}

class Packing : public ::testing::TestWithParam<AddressFamily> {};
TEST_P(Packing, FillsMessagesAndLosesNothing) {
  const AddressFamily family = GetParam();
  const auto prefixes = many(family, 5000);
  PathAttributes a;
  a.next_hop = family == AddressFamily::IPv4 ? address("10.0.0.1") : address("fd00::1");
  const auto block = encode_attribute_block(a, family, {});
  Bytes announced;
  Bytes withdrawn;
  const auto messages = encode_announcements(*block, prefixes, kMaxMessageSize, announced);
  ASSERT_TRUE(messages);
  EXPECT_LE(encode_withdrawals(prefixes, family, kMaxMessageSize, withdrawn), *messages);
  const std::size_t each = family == AddressFamily::IPv4 ? 5 : 17;
  EXPECT_EQ(*messages, (5000 * each + 3999) / 4000);  // a message has room for about 4000 octets of prefixes
  std::vector<Prefix> seen;
  for (const Update& u : decode_all(announced, ebgp()))
    seen.insert(seen.end(), u.announced[0].prefixes.begin(), u.announced[0].prefixes.end());
  EXPECT_EQ(seen, prefixes);
  seen.clear();
  for (const Update& u : decode_all(withdrawn, ebgp())) seen.insert(seen.end(), u.withdrawn.begin(), u.withdrawn.end());
  EXPECT_EQ(seen, prefixes);
}
INSTANTIATE_TEST_SUITE_P(Families, Packing, ::testing::Values(AddressFamily::IPv4, AddressFamily::IPv6),
                         [](const auto& row) { return std::string{to_string(row.param)}; });

TEST(Packing, AttributesThatLeaveNoRoomAreAnErrorAndWriteNothing) {
  PathAttributes a;
  a.next_hop = address("10.0.0.1");
  a.communities.assign(1100, 1);
  const auto block = encode_attribute_block(a, AddressFamily::IPv4, {});
  ASSERT_TRUE(block);
  Bytes out{1, 2, 3};
  const auto prefixes = many(AddressFamily::IPv4, 2);
  EXPECT_FALSE(encode_announcements(*block, prefixes, kMaxMessageSize, out));
  EXPECT_EQ(out, (Bytes{1, 2, 3}));
}

TEST(Packing, AnAttributeBeyond65535OctetsIsAnError) {
  PathAttributes a;
  a.next_hop = address("10.0.0.1");
  a.communities.assign(20000, 1);
  EXPECT_FALSE(encode_attribute_block(a, AddressFamily::IPv4, {}));
}

TEST(Packing, Ipv6RoutesWithAnIpv4NextHopAreAnError) {
  PathAttributes a;
  a.next_hop = address("10.0.0.1");
  EXPECT_FALSE(encode_attribute_block(a, AddressFamily::IPv6, {}));
}

}  // namespace
}  // namespace slash32::bgp
