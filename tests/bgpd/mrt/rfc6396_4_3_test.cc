// TABLE_DUMP_V2 (RFC 6396 section 4.3) and its ADDPATH subtypes (RFC 8050 section 4), octet by octet.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "bgpd/mrt/record.h"
#include "common/bytes.h"

namespace slash32::bgp::mrt {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

const WallTime kTime{std::chrono::seconds{0x5f000001}};

std::shared_ptr<PathAttributes> route(std::string_view next_hop) {
  auto out = std::make_shared<PathAttributes>();
  out->as_path.segments.push_back({SegmentType::AsSequence, {Asn{65000}, Asn{4200000000}}});
  out->next_hop = *IpAddress::parse(next_hop);
  return out;
}

const std::vector<std::uint8_t> kPath = {0x40, 2, 10, 2, 2, 0, 0, 0xfd, 0xe8, 0xfa, 0x56, 0xea, 0x00};

/// Header fields, and where the body begins.
struct Header {
  std::uint32_t time;
  std::uint16_t type, subtype;
  std::uint32_t length;
};
Header header_of(ByteReader& in) {
  Header out{};
  out.time = in.u32();
  out.type = in.u16();
  out.subtype = in.u16();
  out.length = in.u32();
  return out;
}

TEST(Rfc6396_4_3_1, ThePeerIndexTableNamesTheCollectorAndEveryPeerWithFourOctetAses) {
  const std::vector<PeerEntry> peers{
      {.id = RouterId{0x0a000001}, .address = IpAddress::v4(0), .asn = Asn{64512}},
      {.id = RouterId{0}, .address = *IpAddress::parse("2001:db8::1"), .asn = Asn{4200000000}}};
  EXPECT_THAT(encode_peer_index(kTime, RouterId{0x0a000001}, "v", peers),
              ElementsAreArray(std::vector<std::uint8_t>{
                  0x5f, 0,    0,    1, 0, 13,   0,   1,   0,    0, 0, 47,       // header
                  10,   0,    0,    1, 0, 1,    'v', 0,   2,                    // collector, view, count
                  2,    10,   0,    0, 1, 0,    0,   0,   0,    0, 0, 0xfc, 0,  // IPv4, AS4
                  3,    0,    0,    0, 0, 0x20, 1,   0xd, 0xb8, 0, 0, 0,    0, 0, 0, 0, 0, 0, 0, 0, 1,  // IPv6, AS4
                  0xfa, 0x56, 0xea, 0}));
}

TEST(Rfc6396_4_3_2, AnIpv4RecordHasPrefixEntriesAndTheirAttributes) {
  std::uint32_t sequence = 7;
  Bytes out;
  const std::vector<RibEntry> entries{{.peer = 3, .path_id = {}, .attributes = route("192.0.2.1")}};
  EXPECT_EQ(append_rib(kTime, sequence, *Prefix::parse("10.1.0.0/16"), entries, out), 0U);
  EXPECT_EQ(sequence, 8U);
  std::vector<std::uint8_t> expected{0x5f, 0, 0, 1, 0,  13, 0, 2,  0, 0, 0, 41,  // header
                                     0,    0, 0, 7, 16, 10, 1, 0,  1,            // sequence, prefix, count
                                     0,    3, 0, 0, 0,  0,  0, 24,               // peer, originated, length
                                     0x40, 1, 1, 0};                             // ORIGIN
  expected.insert(expected.end(), kPath.begin(), kPath.end());
  for (const int octet : {0x40, 3, 4, 192, 0, 2, 1})  // NEXT_HOP
    expected.push_back(static_cast<std::uint8_t>(octet));
  EXPECT_THAT(out, ElementsAreArray(expected));
}

TEST(Rfc6396_4_3_4, OfMpReachNlriOnlyTheNextHopAndItsLengthStand) {
  std::uint32_t sequence = 0;
  Bytes out;
  const std::vector<RibEntry> entries{{.peer = 1, .path_id = {}, .attributes = route("2001:db8::9")}};
  EXPECT_EQ(append_rib(kTime, sequence, *Prefix::parse("2001:db8:1::/48"), entries, out), 0U);
  ByteReader in{out};
  const auto header = header_of(in);
  EXPECT_EQ(header.subtype, 4);
  EXPECT_EQ(header.length, out.size() - 12);
  (void)in.bytes(4 + 1 + 6 + 2 + 2 + 4 + 2);  // to the attributes
  EXPECT_THAT(in.bytes(4), ElementsAre(0x80, 14, 17, 16));
}

TEST(Rfc6396_4_3_4, AnIpv4RouteWithAnIpv6NextHopHasItTheSameWay) {  // RFC 8950
  std::uint32_t sequence = 0;
  Bytes out;
  const std::vector<RibEntry> entries{{.peer = 1, .path_id = {}, .attributes = route("2001:db8::9")}};
  EXPECT_EQ(append_rib(kTime, sequence, *Prefix::parse("10.0.0.0/8"), entries, out), 0U);
  ByteReader in{out};
  EXPECT_EQ(header_of(in).subtype, 2);
  (void)in.bytes(4 + 1 + 1 + 2 + 2 + 4 + 2);
  EXPECT_THAT(in.bytes(4), ElementsAre(0x80, 14, 17, 16));
}

TEST(Rfc6396_4_3_4, LocalPrefIsWrittenWhereItIsThereAndNeverMadeUp) {
  const auto has = [](const Bytes& bytes, std::vector<std::uint8_t> what) {
    return std::search(bytes.begin(), bytes.end(), what.begin(), what.end()) != bytes.end();
  };
  std::uint32_t sequence = 0;
  Bytes without, with;
  const std::vector<RibEntry> plain{{.peer = 1, .path_id = {}, .attributes = route("192.0.2.1")}};
  EXPECT_EQ(append_rib(kTime, sequence, *Prefix::parse("10.0.0.0/8"), plain, without), 0U);
  EXPECT_FALSE(has(without, {0x40, 5, 4}));
  auto preferred = route("192.0.2.1");
  preferred->local_pref = 200;
  const std::vector<RibEntry> chosen{{.peer = 1, .path_id = {}, .attributes = preferred}};
  EXPECT_EQ(append_rib(kTime, sequence, *Prefix::parse("10.0.0.0/8"), chosen, with), 0U);
  EXPECT_TRUE(has(with, {0x40, 5, 4, 0, 0, 0, 200}));
}

TEST(Rfc6396_4_3_4, OurOwnIpv6RouteHasANextHopOfZeros) {
  std::uint32_t sequence = 0;
  Bytes out;
  const std::vector<RibEntry> entries{{.peer = 0, .path_id = {}, .attributes = std::make_shared<PathAttributes>()}};
  EXPECT_EQ(append_rib(kTime, sequence, *Prefix::parse("2001:db8::/64"), entries, out), 0U);
  EXPECT_FALSE(out.empty());
}

TEST(Rfc6396_4_3_4, APathWhoseAttributesFitNoRecordIsLeftOutAndCounted) {
  auto huge = route("192.0.2.1");
  huge->unknown.push_back({0xc0, 99, std::vector<std::uint8_t>(65530)});
  std::uint32_t sequence = 0;
  Bytes out;
  const std::vector<RibEntry> entries{{.peer = 1, .path_id = {}, .attributes = huge}};
  EXPECT_EQ(append_rib(kTime, sequence, *Prefix::parse("10.0.0.0/8"), entries, out), 1U);
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(sequence, 0U);
}

TEST(Rfc8050_4, PathsWithIdentifiersGoIntoARecordOfTheirOwn) {
  std::uint32_t sequence = 0;
  Bytes out;
  const std::vector<RibEntry> entries{{.peer = 1, .path_id = {}, .attributes = route("192.0.2.1")},
                                      {.peer = 2, .path_id = 0, .attributes = route("192.0.2.2")},
                                      {.peer = 2, .path_id = 9, .attributes = route("192.0.2.3")}};
  EXPECT_EQ(append_rib(kTime, sequence, *Prefix::parse("10.0.0.0/8"), entries, out), 0U);
  ByteReader in{out};
  const auto first = header_of(in);
  EXPECT_EQ(first.subtype, 2);
  (void)in.bytes(first.length);
  const auto second = header_of(in);
  EXPECT_EQ(second.subtype, 8);
  EXPECT_EQ(second.length, in.size());
  EXPECT_EQ(in.u32(), 1U) << "a number of its own";
  (void)in.bytes(2);
  EXPECT_EQ(in.u16(), 2) << "entries";
  EXPECT_EQ(in.u16(), 2) << "peer";
  EXPECT_EQ(in.u32(), 0U) << "originated";
  EXPECT_EQ(in.u32(), 0U) << "path identifier, ahead of the length";
  (void)in.bytes(in.u16());
  (void)in.bytes(2 + 4);
  EXPECT_EQ(in.u32(), 9U);
}

}  // namespace
}  // namespace slash32::bgp::mrt
