// RFC 4724 section 2: End-of-RIB, in both forms, and what only looks like it.
#include <gtest/gtest.h>

#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::ebgp;
using testing::hex;
using testing::update;
using testing::operator+;

TEST(Rfc4724_2, AnEmptyUpdateIsIpv4s) {
  const auto u = decode_update(hex("0000 0000"), ebgp());
  ASSERT_TRUE(u);
  EXPECT_EQ(u->end_of_rib, AddressFamily::IPv4);
}

TEST(Rfc4724_2, ALoneEmptyMpUnreachIsItsFamilys) {
  EXPECT_EQ(decode_update(update(hex("80 0f 03 0002 01")), ebgp())->end_of_rib, AddressFamily::IPv6);
  EXPECT_EQ(decode_update(update(hex("90 0f 0003 0002 01")), ebgp())->end_of_rib, AddressFamily::IPv6);
  EXPECT_EQ(decode_update(update(hex("80 0f 03 0001 01")), ebgp())->end_of_rib, AddressFamily::IPv4);
}

TEST(Rfc4724_2, NothingElseIs) {
  EXPECT_FALSE(decode_update(update(hex("80 0f 03 0019 46")), ebgp())->end_of_rib);
  EXPECT_FALSE(decode_update(update(hex("c0 63 01 00 80 0f 03 0002 01")), ebgp())->end_of_rib);
  EXPECT_FALSE(decode_update(update(testing::kUnreach6), ebgp())->end_of_rib);
  EXPECT_FALSE(decode_update(update({}, {}, testing::kNlri), ebgp())->end_of_rib);
  EXPECT_FALSE(decode_update(update(testing::kSound, testing::kNlri), ebgp())->end_of_rib);
}

TEST(Rfc4724_2, OfAFamilyNotNegotiatedItSaysNothing) {
  DecodeContext v6 = ebgp();
  v6.families = {AddressFamily::IPv6};
  EXPECT_FALSE(decode_update(hex("0000 0000"), v6)->end_of_rib);
}

TEST(Rfc4724_2, WhatWeWriteIsWhatWeRead) {
  for (const AddressFamily family : {AddressFamily::IPv4, AddressFamily::IPv6}) {
    const Bytes bytes = encode_end_of_rib(family);
    const auto u = decode_update(std::span{bytes}.subspan(kHeaderSize), ebgp());
    ASSERT_TRUE(u);
    EXPECT_EQ(u->end_of_rib, family);
    EXPECT_EQ(u->verdict, Verdict::Accept);
  }
}

}  // namespace
}  // namespace slash32::bgp
