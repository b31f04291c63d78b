// common/ip.h: addresses and prefixes as values.
#include "common/ip.h"

#include <gtest/gtest.h>

namespace slash32 {
namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }
Prefix net(std::string_view text) { return Prefix::parse(text).value(); }

TEST(IpAddress, ParsesAndFormatsBothFamilies) {
  for (const char* text : {"0.0.0.0", "10.244.1.7", "255.255.255.255", "::", "fe80::1", "fd00:10:244:1::7"})
    EXPECT_EQ(ip(text).to_string(), text);
}

TEST(IpAddress, RefusesWhatIsNotAnAddress) {
  for (const char* text : {"", "10.0.0", "10.0.0.256", "10.0.0.1 ", "::g", "fe80::1%eth0", "010.0.0.1"})
    EXPECT_FALSE(IpAddress::parse(text)) << text;
}

TEST(IpAddress, OrdersByFamilyThenNumerically) {
  EXPECT_LT(ip("10.0.0.2"), ip("10.0.0.10"));
  EXPECT_LT(ip("255.0.0.0"), ip("::"));
}

TEST(Prefix, RefusesHostBitsAndNamesThePrefixMeant) {
  const auto got = Prefix::parse("10.244.1.7/24");
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().message.find("10.244.1.0/24"), std::string::npos) << got.error().message;
  EXPECT_EQ(Prefix::parse("10.244.1.7/24", true)->to_string(), "10.244.1.0/24");
}

TEST(Prefix, RefusesBadLengths) {
  for (const char* text :
       {"10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/08", "::/00"})
    EXPECT_FALSE(Prefix::parse(text)) << text;
}

TEST(Prefix, ContainsItselfAndMoreSpecificsOfItsFamilyOnly) {
  EXPECT_TRUE(net("10.0.0.0/8").contains(net("10.0.0.0/8")));
  EXPECT_TRUE(net("10.0.0.0/8").contains(net("10.1.0.0/16")));
  EXPECT_FALSE(net("10.1.0.0/16").contains(net("10.0.0.0/8")));
  EXPECT_TRUE(net("0.0.0.0/0").contains(ip("8.8.8.8")));
  EXPECT_FALSE(net("0.0.0.0/0").contains(ip("::1")));
  EXPECT_TRUE(net("fd00::/127").contains(ip("fd00::1")));
  EXPECT_FALSE(net("fd00::/127").contains(ip("fd00::2")));
}

// Bit by bit, as slow as it is plain.
bool bit_of(const IpAddress& address, unsigned i) { return (address.bytes()[i / 8] >> (7 - i % 8) & 1) != 0; }

bool agree(const IpAddress& a, const IpAddress& b, unsigned length) {
  for (unsigned i = 0; i < length; ++i)
    if (bit_of(a, i) != bit_of(b, i)) return false;
  return true;
}

TEST(Prefix, MasksAndContainsLikeABitByBitComparisonAtEveryLength) {
  const char* addresses[] = {"0.0.0.0",
                             "255.255.255.255",
                             "10.1.2.3",
                             "128.0.0.1",
                             "10.1.130.3",
                             "::",
                             "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                             "2001:db8::1",
                             "2001:db8:8000::1",
                             "8000::",
                             "2001:db8:0:1:8:0:0:1"};
  for (const char* one : addresses)
    for (const char* other : addresses) {
      const IpAddress a = ip(one);
      const IpAddress b = ip(other);
      for (unsigned length = 0; length <= a.bits(); ++length) {
        const Prefix prefix{a, static_cast<std::uint8_t>(length)};
        EXPECT_EQ(prefix.length(), length);
        EXPECT_TRUE(agree(prefix.address(), a, length)) << prefix.to_string();
        for (unsigned i = length; i < a.bits(); ++i) EXPECT_FALSE(bit_of(prefix.address(), i)) << prefix.to_string();
        EXPECT_EQ(prefix.contains(b), a.family() == b.family() && agree(a, b, length))
            << prefix.to_string() << " and " << other;
      }
    }
}

TEST(Prefix, KnowsItsLastAddress) {
  EXPECT_EQ(net("10.244.1.0/26").last_address(), ip("10.244.1.63"));
  EXPECT_EQ(net("10.244.1.7/32").last_address(), ip("10.244.1.7"));
  EXPECT_EQ(net("fd00::/64").last_address(), ip("fd00::ffff:ffff:ffff:ffff"));
}

TEST(Advance, CarriesAndStopsAtTheEndOfTheSpace) {
  EXPECT_EQ(advance(ip("10.0.0.255"), 1), ip("10.0.1.0"));
  EXPECT_EQ(advance(ip("fd00::ffff:ffff:ffff:ffff"), 1), ip("fd00:0:0:1::"));
  EXPECT_EQ(advance(ip("255.255.255.255"), 1), std::nullopt);
  EXPECT_EQ(advance(ip("0.0.0.0"), 1ULL << 32), std::nullopt);
}

}  // namespace
}  // namespace slash32
