// GC at the dispatcher: which attachments must be kept, by either of the two keys (CNI 1.1.0).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/cni/skel.h"
#include "tests/cni/fake_env.h"
#include "tests/cni/recorder.h"

namespace slash32::cni {
namespace {

using testing::HasSubstr;

TEST(Skel, WarnsAndReleasesNothingWhenGcIsNotToldWhatIsInUse) {
  auto world = world_of("GC", config_of("1.1.0"));
  Recorder recorder;
  EXPECT_EQ(run(kProgram, world.env(), recorder.handlers()), 0);
  EXPECT_TRUE(recorder.called.empty());
  EXPECT_EQ(world.out, "");
  EXPECT_THAT(world.err, HasSubstr("nothing was released"));
}

struct Attachments {
  const char* name;
  const char* keys;
  int code;
  std::vector<Attachment> valid;
};
class SkelGc : public testing::TestWithParam<Attachments> {};
TEST_P(SkelGc, KnowsWhatMustBeKept) {
  auto world = world_of("GC", {});
  world.in = std::string(R"({"cniVersion":"1.1.0","name":"net")") + GetParam().keys + "}";
  Recorder recorder;
  EXPECT_EQ(run(kProgram, world.env(), recorder.handlers()), GetParam().code == 0 ? 0 : 1) << world.out;
  if (GetParam().code != 0) {
    EXPECT_EQ(world.document()["code"], GetParam().code);
    EXPECT_TRUE(recorder.called.empty());
  } else {
    EXPECT_EQ(recorder.calls.at(0).valid, GetParam().valid);
  }
}
INSTANTIATE_TEST_SUITE_P(
    All, SkelGc,
    testing::Values(
        Attachments{"null_is_empty", R"(,"cni.dev/valid-attachments":null)", 0, {}},
        Attachments{"empty", R"(,"cni.dev/valid-attachments":[])", 0, {}},
        Attachments{
            "head", R"(,"cni.dev/valid-attachments":[{"containerID":"a","ifname":"eth0"}])", 0, {{"a", "eth0"}}},
        Attachments{"tag", R"(,"cni.dev/attachments":[{"containerID":"a","ifname":"eth0"}])", 0, {{"a", "eth0"}}},
        Attachments{"both_are_joined",
                    R"(,"cni.dev/attachments":[{"containerID":"a","ifname":"eth0"}],
                       "cni.dev/valid-attachments":[{"containerID":"b","ifname":"eth1"},{"containerID":"a","ifname":"eth0"}])",
                    0,
                    {{"a", "eth0"}, {"b", "eth1"}}},
        Attachments{"not_a_list", R"(,"cni.dev/valid-attachments":{})", kInvalidConfig, {}},
        Attachments{"without_ifname", R"(,"cni.dev/valid-attachments":[{"containerID":"a"}])", kInvalidConfig, {}}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace slash32::cni
