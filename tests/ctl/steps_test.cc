#include "ctl/steps.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/fd.h"
#include "ctl/cleanup.h"

namespace slash32::ctl {
namespace {

Status refused() { return fail({.code = 5, .message = "no", .details = "because"}); }

TEST(Steps, AreWholeWhenNothingIsLeftToDo) {
  Steps steps;
  steps.run("a", ok);
  steps.add(Outcome::Unchanged, "b");
  steps.add(Outcome::Skipped, "c", "not ours");
  EXPECT_TRUE(steps.whole());
  steps.add(Outcome::Kept, "d");
  EXPECT_FALSE(steps.whole());
}

TEST(Steps, GoOnBehindOneThatFailedAndSayWhy) {
  Steps steps;
  steps.run("a", refused);
  steps.run("b", ok);
  EXPECT_FALSE(steps.whole());
  EXPECT_EQ(render_steps(steps), "failed: a: no; because\ndone: b\n");
  EXPECT_EQ(steps_document(steps).dump(), R"({"steps":[{"detail":"no; because","outcome":"failed","what":"a"},)"
                                          R"({"detail":"","outcome":"done","what":"b"}],"whole":false})");
}

TEST(Steps, DoNothingInADryRunAndAreNotWholeWithPlans) {
  Steps steps(true);
  bool ran = false;
  steps.run("a", [&] {
    ran = true;
    return ok();
  });
  EXPECT_FALSE(ran);
  EXPECT_FALSE(steps.whole());
  EXPECT_EQ(render_steps(steps), "planned: a\n");
}

TEST(Steps, PrintNoControlCharacters) {
  Steps steps;
  steps.add(Outcome::Skipped, "a\x1b[2J", "b\n");
  EXPECT_EQ(render_steps(steps), "skipped: a\\x1b[2J: b\\x0a\n");
}

TEST(Cleanup, TakesForOursWhatNamesThePlugin) {
  EXPECT_TRUE(is_conflist_of_ours(R"({"name": "k8s", "plugins": [{"type": "slash32"}, {"type": "portmap"}]})"));
  EXPECT_TRUE(is_conflist_of_ours(R"({"name": "k8s", "type": "slash32"})"));
  for (const char* text :
       {"", "{", "[]", "1", R"({"plugins": [{"type": "bridge"}]})", R"({"plugins": {"type": "slash32"}})",
        R"({"plugins": ["slash32"]})", R"({"type": "slash32-ipam"})"})
    EXPECT_FALSE(is_conflist_of_ours(text)) << text;
}

TEST(Cleanup, LooksForAddressesWhereNetworksKeepThemBelowTheRoot) {
  CleanupQuery query{.paths = {}, .root = "/host"};
  query.paths.run_dir = "/host/run/slash32";
  query.paths.state_dir = "/host/var/lib/slash32";
  const auto network = [](const char* directory, bool own) {
    return Network{.name = "n", .conf = {}, .own_ipam = own, .data_dir = directory};
  };
  const auto stores = stores_of(query, {network("/run/slash32/ipam", true), network("/srv/ipam", true),
                                        network("/srv/ipam", true), network("/srv/other", false)});
  const std::vector<std::filesystem::path> expected{"/host/run/slash32/ipam", "/host/var/lib/slash32/ipam",
                                                    "/host/srv/ipam"};
  EXPECT_EQ(stores, expected);
}

TEST(NodePaths, HaveTheProtocolNamesThatPackagesInstall) {
  EXPECT_EQ(read_file(SLASH32_SOURCE_DIR "/manifests/rt_protos.d/slash32.conf").value(), kProtocolNames);
}

}  // namespace
}  // namespace slash32::ctl
