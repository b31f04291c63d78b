// RFC 7606 section 8: an operator must be able to see what was wrong, so the place of the fault goes along.
#include <gtest/gtest.h>

#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::hex;
using testing::kNextHop;
using testing::kNlri;
using testing::kOrigin;
using testing::kPath;
using testing::kSound;
using testing::operator+;

constexpr std::size_t kAttributesAt = 19 + 2 + 2;  // header, both lengths, nothing withdrawn

Update::Fault fault_of(const Bytes& body, const DecodeContext& context = testing::ebgp()) {
  const auto update = decode_update(body, context);
  return update ? update->fault : Update::Fault{};
}

TEST(Rfc7606_8, ASoundUpdateHasNoFault) { EXPECT_EQ(fault_of(testing::update(kSound, kNlri)), Update::Fault{}); }

TEST(Rfc7606_8, TheFaultIsAtTheAttributeNotAtTheMessage) {
  EXPECT_EQ(fault_of(testing::update(kOrigin + kPath + hex("40 03 03 0a 00 00"), kNlri)),
            (Update::Fault{.attribute = 3, .offset = kAttributesAt + kOrigin.size() + kPath.size()}));
}

TEST(Rfc7606_8, WhatIsWithdrawnBeforeCounts) {
  EXPECT_EQ(fault_of(testing::update(hex("40 01 01 07") + kPath + kNextHop, kNlri, hex("08 0a"))),
            (Update::Fault{.attribute = 1, .offset = kAttributesAt + 2}));
}

TEST(Rfc7606_8, OfSeveralFaultsTheOneThatGovernsIsTold) {
  // MED twice is discarded (3 g); the ORIGIN behind it takes the routes.
  const Bytes med = hex("80 04 04 00 00 00 01");
  EXPECT_EQ(fault_of(testing::update(med + med + hex("40 01 01 07") + kPath + kNextHop, kNlri)),
            (Update::Fault{.attribute = 1, .offset = kAttributesAt + 2 * med.size()}));
}

TEST(Rfc7606_8, WhatIsMissingIsNowhere) {
  EXPECT_EQ(fault_of(testing::update(kOrigin + kNextHop, kNlri)), (Update::Fault{.attribute = 2, .offset = {}}));
}

TEST(Rfc7606_8, LengthsThatDoNotAddUpAreToldWhereTheyStopMakingSense) {
  EXPECT_EQ(fault_of(testing::update(kSound + hex("80 04 09 00"), kNlri)),
            (Update::Fault{.attribute = {}, .offset = kAttributesAt + kSound.size()}));
}

TEST(Rfc7606_8, AWrongFirstAsIsAtTheAsPath) {
  auto context = testing::ebgp();
  context.first_as = Asn{65009};
  EXPECT_EQ(fault_of(testing::update(kSound, kNlri), context),
            (Update::Fault{.attribute = 2, .offset = kAttributesAt + kOrigin.size()}));
}

}  // namespace
}  // namespace slash32::bgp
