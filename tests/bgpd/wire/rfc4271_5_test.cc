// RFC 4271 section 5: the Partial bit of optional transitive attributes that we know. Once set it is not set back.
#include <gtest/gtest.h>

#include <span>
#include <string>
#include <utility>

#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::ebgp;
using testing::hex;
using testing::kNlri;
using testing::kSound;
using testing::update;
using testing::operator+;

/// What decoding `attributes` beside a sound route gives.
PathAttributes read(const Bytes& attributes, bool four_octet_as = true) {
  DecodeContext context = ebgp();
  context.four_octet_as = four_octet_as;
  const Bytes sound = four_octet_as ? kSound : hex("40 01 01 00 40 02 06 02 02 fde9 5ba0 40 03 04 0a000001");
  const auto u = decode_update(update(sound + attributes, kNlri), context);
  EXPECT_TRUE(u && u->announced.size() == 1) << (u ? u->complaint : describe(u.error()));
  return u && !u->announced.empty() ? *u->announced[0].attributes : PathAttributes{};
}

Bytes written(const PathAttributes& a, bool four_octet_as = true) {
  const auto block = encode_attribute_block(a, AddressFamily::IPv4, {.four_octet_as = four_octet_as, .external = true});
  EXPECT_TRUE(block);
  return block ? block->bytes : Bytes{};
}

/// The flags of the attribute of this type; 0: it is not there.
int flags_of(const Bytes& attributes, std::uint8_t type) {
  for (std::size_t at = 0; at < attributes.size();) {
    const bool extended = (attributes[at] & attribute_flag::kExtendedLength) != 0;
    if (attributes[at + 1] == type) return attributes[at] & ~attribute_flag::kExtendedLength;
    at += extended ? 4U + attributes[at + 2] * 256U + attributes[at + 3] : 3U + attributes[at + 2];
  }
  return 0;
}

struct Known {
  const char* name;
  std::uint8_t type;
  std::uint8_t bit;
  const char* length_and_value;
};
const Known kKnown[] = {
    {"AGGREGATOR", attribute::kAggregator, partial::kAggregator, "08 0000fde9 0a000001"},
    {"COMMUNITIES", attribute::kCommunities, partial::kCommunities, "04 fde90001"},
    {"EXTENDED COMMUNITIES", attribute::kExtendedCommunities, partial::kExtendedCommunities, "08 0002fde900000001"},
    {"LARGE_COMMUNITY", attribute::kLargeCommunities, partial::kLargeCommunities, "0c 0000fde9 00000001 00000002"},
    {"OTC", attribute::kOnlyToCustomer, partial::kOnlyToCustomer, "04 0000fde9"},
};

TEST(Rfc4271_5, PartialOfAKnownAttributeIsKeptAndOneThatCameWithoutGetsNone) {
  for (const Known& one : kKnown)
    for (const bool partial : {false, true}) {
      SCOPED_TRACE(std::string{one.name} + (partial ? " with Partial" : " without"));
      const std::uint8_t flags = partial ? 0xe0 : 0xc0;
      const PathAttributes a = read(Bytes{flags, one.type} + hex(one.length_and_value));
      EXPECT_EQ(a.partial, partial ? one.bit : 0);
      EXPECT_EQ(flags_of(written(a), one.type), flags);
      EXPECT_EQ(read(Bytes(written(a))), a) << "there and back again";
    }
}

TEST(Rfc4271_5, SetsThatDifferInPartialAloneAreNotOneSet) {
  const PathAttributes without = read(hex("c0 08 04 fde90001"));
  const PathAttributes with = read(hex("e0 08 04 fde90001"));
  EXPECT_NE(without, with);
  EXPECT_NE(hash_value(without), hash_value(with)) << "or a table of them has long chains";
}

TEST(Rfc4271_5, PartialIsOfItsAttributeAlone) {
  const Bytes out = written(read(hex("e0 08 04 fde90001 c0 20 0c 0000fde9 00000001 00000002")));
  EXPECT_EQ(flags_of(out, attribute::kCommunities), 0xe0);
  EXPECT_EQ(flags_of(out, attribute::kLargeCommunities), 0xc0);
}

TEST(Rfc4271_5, PartialOfADiscardedAttributeIsGoneWithIt) {
  const PathAttributes a = read(hex("e0 07 03 000001"));  // RFC 7606 section 7.7: discarded
  EXPECT_FALSE(a.aggregator);
  EXPECT_EQ(a.partial, 0);
}

TEST(Rfc4271_5, OfARepeatedAttributeTheFirstOnesPartialCounts) {
  EXPECT_EQ(read(hex("c0 08 04 fde90001 e0 08 04 fde90002")).partial, 0);
  EXPECT_EQ(read(hex("e0 08 04 fde90001 c0 08 04 fde90002")).partial, partial::kCommunities);
}

TEST(Rfc4271_5, PartialOfAs4AttributesGoesOn) {
  // From a two-octet speaker: AS 65537 behind AS_TRANS, in both.
  const PathAttributes a =
      read(hex("c0 07 06 5ba0 0a000001 e0 11 0a 02 02 0000fde9 00010001 e0 12 08 00010001 0a000001"), false);
  EXPECT_EQ(a.partial, partial::kAs4Path | partial::kAggregator);
  const Bytes to_two_octets = written(a, false);
  EXPECT_EQ(flags_of(to_two_octets, attribute::kAs4Path), 0xe0);
  EXPECT_EQ(flags_of(to_two_octets, attribute::kAs4Aggregator), 0xe0);
  EXPECT_EQ(flags_of(to_two_octets, attribute::kAsPath), 0x40) << "well-known: never Partial (section 4.3)";
  const Bytes to_four_octets = written(a, true);
  EXPECT_EQ(flags_of(to_four_octets, attribute::kAggregator), 0xe0) << "it says what AS4_AGGREGATOR said";
  EXPECT_EQ(flags_of(to_four_octets, attribute::kAs4Path), 0);
}

TEST(Rfc4271_5, PartialOfAs4AttributesThatDoNotCountIsNotKept) {
  // AGGREGATOR names a true AS: RFC 6793 section 4.2.3 has both AS4 attributes ignored.
  const PathAttributes ignored =
      read(hex("c0 07 06 fde9 0a000001 e0 11 0a 02 02 0000fde9 00010001 e0 12 08 00010001 0a000001"), false);
  EXPECT_EQ(ignored.partial, 0);
  EXPECT_EQ(flags_of(written(ignored), attribute::kAggregator), 0xc0);
  EXPECT_EQ(read(hex("e0 12 08 00010001 0a000001"), false).partial, 0) << "AS4_AGGREGATOR without AGGREGATOR";
  EXPECT_EQ(read(hex("e0 11 0e 02 03 00010001 00010002 00010003"), false).partial, 0) << "AS4_PATH longer than AS_PATH";
  EXPECT_EQ(read(hex("e0 11 0a 02 02 0000fde9 0000fdea"), false).partial, 0) << "AS4_PATH that nobody needs";
}

TEST(Rfc5701_2, Ipv6ExtendedCommunitiesAreKnownAndGoOnWithThePartialTheyCameWith) {
  const Bytes value = hex("14 0002fde900000001000000000000000000000001");
  EXPECT_EQ(flags_of(written(read(Bytes{0xc0, 25} + value)), 25), 0xc0);
  EXPECT_EQ(flags_of(written(read(Bytes{0xe0, 25} + value)), 25), 0xe0);
}

}  // namespace
}  // namespace slash32::bgp
