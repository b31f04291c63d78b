// RFC 6793: AS_TRANS, AS4_PATH and AS4_AGGREGATOR, both ways.
#include <gtest/gtest.h>

#include "bgpd/wire/as_path.h"
#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::ebgp;
using testing::hex;
using testing::kNextHop;
using testing::kNlri;
using testing::kOrigin;
using testing::update;
using testing::operator+;

DecodeContext two_octet() {
  DecodeContext c = ebgp();
  c.four_octet_as = false;
  return c;
}
AsPath sequence(std::initializer_list<std::uint32_t> asns) {
  AsPath path{{{SegmentType::AsSequence, {}}}};
  for (const std::uint32_t asn : asns) path.segments[0].asns.push_back(Asn{asn});
  return path;
}
/// What a two-octet speaker's attributes come to.
PathAttributes read(const Bytes& attributes) {
  const auto u = decode_update(update(kOrigin + kNextHop + attributes, kNlri), two_octet());
  EXPECT_TRUE(u && u->announced.size() == 1);
  return u && !u->announced.empty() ? *u->announced[0].attributes : PathAttributes{};
}

const Bytes kTransPath = hex("40 02 08 02 03 fde9 5ba0 5ba0");   // 65001 AS_TRANS AS_TRANS
const Bytes kAs4Path = hex("c0 11 0a 02 02 00010001 00010002");  // 65537 65538
const Bytes kTransAggregator = hex("c0 07 06 5ba0 0a000001");
const Bytes kAs4Aggregator = hex("c0 12 08 00010002 0a000001");

TEST(Rfc6793_4_2_3, TheTailOfThePathIsReplacedInAnyOrderOfAttributes) {
  EXPECT_EQ(read(kTransPath + kAs4Path).as_path, sequence({65001, 65537, 65538}));
  EXPECT_EQ(read(kAs4Path + kTransPath).as_path, sequence({65001, 65537, 65538}));
}

TEST(Rfc6793_4_2_3, ALongerAs4PathIsIgnored) {
  EXPECT_EQ(read(hex("40 02 04 02 01 5ba0") + kAs4Path).as_path, sequence({23456}));
}

TEST(Rfc6793_4_2_3, AnAggregatorThatIsNotAsTransMakesBothBeIgnored) {
  const PathAttributes a = read(kTransPath + kAs4Path + hex("c0 07 06 fde9 0a000001") + kAs4Aggregator);
  EXPECT_EQ(a.as_path, sequence({65001, 23456, 23456}));
  EXPECT_EQ(a.aggregator, (Aggregator{Asn{65001}, RouterId{0x0a000001}}));
}

TEST(Rfc6793_4_2_3, AnAggregatorAloneDoesNotTouchAs4Path) {
  EXPECT_EQ(read(kTransPath + kAs4Path + hex("c0 07 06 fde9 0a000001")).as_path, sequence({65001, 65537, 65538}));
}

TEST(Rfc6793_4_2_3, AnAsTransAggregatorIsReplaced) {
  const PathAttributes a = read(kTransPath + kAs4Path + kTransAggregator + kAs4Aggregator);
  EXPECT_EQ(a.as_path, sequence({65001, 65537, 65538}));
  EXPECT_EQ(a.aggregator, (Aggregator{Asn{65538}, RouterId{0x0a000001}}));
}

TEST(Rfc6793_4_2_3, ASetCountsAsOneWhenLengthsAreCompared) {
  // AS_PATH: 65001 {1 2}; AS4_PATH: {65537 65538 65539}. The path keeps its first AS only.
  const PathAttributes a =
      read(hex("40 02 0a 02 01 fde9 01 02 0001 0002") + hex("c0 11 0e 01 03 00010001 00010002 00010003"));
  ASSERT_EQ(a.as_path.segments.size(), 2U);
  EXPECT_EQ(a.as_path.length(), 2U);
  EXPECT_EQ(a.as_path.segments[1].asns.size(), 3U);
}

TEST(Rfc6793_6, AMalformedAs4AttributeIsDiscarded) {
  for (const char* bad : {"c0 11 02 02 00", "c0 11 06 02 02 00010001", "c0 11 06 09 01 00010001", "c0 11 00",
                          "c0 11 06 02 01 00000000", "c0 12 07 000100020a0000", "c0 12 08 00000000 0a000001"}) {
    const auto u = decode_update(update(kOrigin + kNextHop + kTransPath + hex(bad), kNlri), two_octet());
    ASSERT_TRUE(u) << bad;
    EXPECT_EQ(u->verdict, Verdict::AttributeDiscard) << bad;
    EXPECT_EQ(u->announced[0].attributes->as_path, sequence({65001, 23456, 23456})) << bad;
  }
}

TEST(Rfc6793_6, ConfederationSegmentsInAs4PathAreLeftOut) {
  EXPECT_EQ(read(kTransPath + hex("c0 11 10 03 01 0000fc00 02 02 00010001 00010002")).as_path,
            sequence({65001, 65537, 65538}));
}

TEST(Rfc6793_4_2_2, WhatATwoOctetPeerGetsItsReaderPutsTogetherAgain) {
  PathAttributes a;
  a.as_path = sequence({65001, 4200000001, 65002});
  a.aggregator = Aggregator{Asn{70000}, RouterId{9}};
  a.next_hop = IpAddress::v4(0x0a000001);
  const auto block = encode_attribute_block(a, AddressFamily::IPv4, {.four_octet_as = false, .external = true});
  ASSERT_TRUE(block);
  const auto u = decode_update(update(block->bytes, kNlri), two_octet());
  ASSERT_TRUE(u);
  EXPECT_EQ(*u->announced[0].attributes, a);
}

TEST(Rfc6793_4_2_2, NoAs4PathIsSentWhereNothingWasLost) {
  PathAttributes a;
  a.as_path = sequence({65001});
  a.next_hop = IpAddress::v4(0x0a000001);
  const auto block = encode_attribute_block(a, AddressFamily::IPv4, {.four_octet_as = false, .external = true});
  EXPECT_EQ(block->bytes, hex("40 01 01 00  40 02 04 02 01 fde9  40 03 04 0a000001"));
}

TEST(AsPath, PrependOpensASegmentWhereTheFirstIsFullOrASet) {
  AsPath path{{{SegmentType::AsSet, {Asn{1}, Asn{2}}}}};
  path.prepend(Asn{7}, 256);
  ASSERT_EQ(path.segments.size(), 3U);
  EXPECT_EQ(path.segments[0].asns.size(), 1U);
  EXPECT_EQ(path.segments[1].asns.size(), 255U);
  EXPECT_EQ(path.length(), 257U);
  EXPECT_EQ(path.count(Asn{7}), 256U);
  EXPECT_EQ(path.first(), Asn{7});
}

TEST(AsPath, ASegmentOfMoreThan255IsSplitOnTheWire) {
  AsPath path = sequence({});
  path.segments[0].asns.assign(300, Asn{65001});
  ByteWriter out;
  encode_as_path(path, true, out);
  const auto back = decode_as_path(ByteReader{out.data()}, true);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->segments.size(), 2U);
  EXPECT_EQ(back->length(), 300U);
}

}  // namespace
}  // namespace slash32::bgp
