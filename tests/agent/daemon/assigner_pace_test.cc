// When the holder of the lease plans anew: once for what it writes itself, seldom in a storm, never on what is stale.
#include "tests/agent/daemon/assigning.h"

namespace slash32::agent::test {
namespace {

using testing::ElementsAre;

TEST_F(Assigning, OnePlanIsEnoughThoughTheWatchTellsOfEachWriteBeforeItsAnswer) {
  put(Kind::IpPool, "public", pool("192.0.2.0-192.0.2.255"));
  for (const char* name : {"a", "b", "c"}) put(Kind::Service, std::string("default/") + name, service(name, 7));
  for (const char* name : {"a", "b", "c"}) {
    const auto request = next();
    ASSERT_TRUE(request);
    const auto key = std::string("default/") + name;
    auto object = objects_.at(key);
    object.merge_patch(json::parse(request->body));
    object["metadata"]["resourceVersion"] = "8";
    put(Kind::Service, key, object);
    EXPECT_TRUE(assigner_.answered(kube::Response{{200, {}}, object.dump()}, now_).told);
  }
  EXPECT_EQ(plans_, 1);
  EXPECT_THAT(addresses("c"), ElementsAre("192.0.2.2"));
}

TEST_F(Assigning, WhatElseChangesWhileAWriteIsOnItsWayIsPlannedAnew) {
  put(Kind::IpPool, "public", pool("192.0.2.0-192.0.2.255"));
  for (const char* name : {"a", "b", "c"}) put(Kind::Service, std::string("default/") + name, service(name, 7));
  const auto first = next();
  ASSERT_TRUE(first);
  put(Kind::Service, "default/other", service("other", 7));
  accept(*first);
  const auto second = next();
  ASSERT_TRUE(second);
  EXPECT_EQ(plans_, 2) << "another Service came";
  auto object = objects_.at("default/b");
  object.merge_patch(json::parse(second->body));
  object["spec"]["type"] = "ClusterIP";
  put(Kind::Service, "default/b", object);
  EXPECT_FALSE(assigner_.answered(kube::Response{{200, {}}, object.dump()}, now_).told);
  ASSERT_TRUE(next());
  EXPECT_EQ(plans_, 3) << "its owner changed it as well";
}

TEST_F(Assigning, InAStormOfChangesPlansTakeAQuarterOfTheTimeAndNothingStaleIsWritten) {
  put(Kind::IpPool, "public", pool("192.0.2.0-192.0.2.255"));
  plan_takes_ = Milliseconds{50};
  const auto began = now_;
  int changes = 0;
  for (; changes < 200; ++changes, now_ += Milliseconds{10}) {
    const auto name = "web" + std::to_string(changes);
    put(Kind::Service, "default/" + name, service(name, 7));
    const int before = plans_;
    const auto request = next();
    if (!request) continue;
    EXPECT_GT(plans_, before) << "written as a plan had it that did not know of " << name;
    accept(*request);
  }
  EXPECT_LE(plans_ * plan_takes_, (now_ - began) / 4 + plan_takes_);
  EXPECT_LT(plans_, changes / 4);
  while (assigner_.again() && *assigner_.again() > now_) {
    now_ = *assigner_.again();
    settle();
  }
  for (int i = 0; i < changes; ++i) EXPECT_FALSE(addresses("web" + std::to_string(i)).empty()) << i;
}

TEST_F(Assigning, WhatIsTriedAgainWaitsForItsPlanToo) {
  put(Kind::IpPool, "public", pool("192.0.2.10-192.0.2.20"));
  put(Kind::Service, "default/web", service("web", 7));
  plan_takes_ = 1s;  // the next one 2 s later
  ASSERT_TRUE(next());
  refuse(409);  // tried again after a second
  now_ += 1s;
  EXPECT_FALSE(next());
  ASSERT_TRUE(assigner_.again());
  EXPECT_EQ(*assigner_.again(), now_ + 1s) << "neither at once nor never";
  now_ += 1s;
  EXPECT_TRUE(next());
}

}  // namespace
}  // namespace slash32::agent::test
