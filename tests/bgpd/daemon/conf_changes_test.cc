// What a reload says it changed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bgpd/conf_changes.h"

namespace slash32::bgp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const RouterId kId{1};

config::NeighborConf neighbor(const std::string& name, std::uint32_t address) {
  config::NeighborConf out;
  out.name = name;
  out.address = IpAddress::v4(address);
  out.remote_as.asn = Asn{65000};
  return out;
}

TEST(ConfChanges, TheSameConfigurationChangesNothing) {
  config::BgpdConf conf;
  conf.neighbors = {neighbor("tor1", 1)};
  EXPECT_THAT(conf_changes(conf, kId, conf, kId), IsEmpty());
}

TEST(ConfChanges, TellsWhichNeighborsComeGoAndAreReset) {
  config::BgpdConf was, is;
  was.neighbors = {neighbor("gone", 1), neighbor("live", 2), neighbor("reset", 3), neighbor("same", 4)};
  is.neighbors = {neighbor("same", 4), neighbor("reset", 3), neighbor("live", 2), neighbor("new", 5)};
  is.neighbors[1].hold_time = Seconds{30};
  is.neighbors[2].description = "uplink";
  EXPECT_THAT(conf_changes(was, kId, is, kId),
              ElementsAre("neighbor gone (0.0.0.1) removed", "neighbor reset (0.0.0.3) changed; its session is reset",
                          "neighbor live (0.0.0.2) changed", "neighbor new (0.0.0.5) added"));
}

TEST(ConfChanges, NamesTheKeysByTheirPath) {
  config::BgpdConf was, is;
  is.listen = {};
  is.kernel.metric = 600;
  is.originate.prefixes.emplace_back().prefix = *Prefix::parse("10.0.0.0/8", true);
  is.policies["all"] = {};
  is.log_level = "debug";
  EXPECT_THAT(conf_changes(was, kId, is, RouterId{2}),
              ElementsAre("/routerId changed", "/listen changed", "/originate changed", "/kernel changed",
                          "/policies changed", "/logLevel changed"));
}

}  // namespace
}  // namespace slash32::bgp
