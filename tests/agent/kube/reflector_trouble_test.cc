// List and watch in trouble: refusals, silence, nonsense, and how long is waited.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/agent/kube/reflector_world.h"

namespace slash32::agent::kube {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;
using testing::StartsWith;

TEST(ReflectorTrouble, HonoursRetryAfter) {
  World world;
  world.start();
  world.answer(R"({"message":"too many requests"})", 429, 17s);
  EXPECT_THAT(world.wait(), AllOf(Ge(17s), Le(18s)));
  EXPECT_EQ(world.asked.size(), 2U);
  EXPECT_THAT(world.troubles, ElementsAre("list: HTTP 429: too many requests"));
}

TEST(ReflectorTrouble, ARetryAfterOfADayIsNotBelieved) {
  World world;
  world.start();
  world.answer("", 503, 86400s);
  EXPECT_THAT(world.wait(), Le(301s));
}

TEST(ReflectorTrouble, AnOverloadedServerKeepsTheWatchsVersion) {
  World world;
  world.watch();
  world.fail();
  world.wait();
  for (const int status : {429, 503, 504, 401}) {
    world.answer("", status);
    world.wait();
    EXPECT_THAT(world.asked.back(), HasSubstr("resourceVersion=50&")) << status;
  }
}

TEST(ReflectorTrouble, BacksOffToAMinuteAndSaysAnUnchangedReasonOnce) {
  World world;
  world.start();
  std::vector<Duration> waits;
  for (int i = 0; i < 10; ++i) {
    world.fail("connect to https://10.0.0.1:6443: Connection refused");
    waits.push_back(world.wait());
  }
  EXPECT_EQ(waits.front(), 1s);
  EXPECT_EQ(waits.back(), 60s);
  EXPECT_EQ(world.troubles.size(), 1U);
  EXPECT_EQ(world.reflector.view().failures, 10U);
}

TEST(ReflectorTrouble, JitterSpreadsTheWaitsFromAHalfToOneAndAHalf) {
  for (const double chance : {0.0, 0.999}) {
    World world(nodes_but([chance](auto& settings) { settings.chance = [chance] { return chance; }; }));
    world.start();
    world.fail();
    EXPECT_NEAR(static_cast<double>(world.wait() / 1ms), chance == 0.0 ? 500 : 1499, 2);
  }
}

TEST(ReflectorTrouble, AWatchThatEndsAtOnceEveryTimeBacksOff) {
  World world;
  world.watch();
  Duration last{};
  for (int i = 0; i < 6; ++i) {
    world.end();
    last = world.wait();
    world.head();
  }
  EXPECT_EQ(last, 32s);
}

TEST(ReflectorTrouble, AServerThatIsBehindIsAskedWithoutItsCache) {
  World world;
  world.watch();
  world.body(event("ERROR", kExpired));
  world.answer(R"({"message":"Too large resource version: 50, current: 40"})", 504);
  world.wait();
  EXPECT_EQ(world.asked.back(), "/api/v1/nodes?limit=500");
}

TEST(ReflectorTrouble,
     TwoWholeWatchesOfSilenceMakeItLookAgain) {  // etcd restored from a backup: our version is of the future
  World world;
  world.watch();
  world.pass(450s);
  world.end();
  world.head();
  world.pass(450s);
  world.end();
  EXPECT_EQ(world.asked.back(), "/api/v1/nodes?limit=500");
  world.answer(list_of({object("n0", 2)}, 20));
  EXPECT_THAT(world.told, ElementsAre("put n0 v2", "remove n1", "synced"));
  EXPECT_THAT(world.asked.back(), HasSubstr("resourceVersion=20&"));
}

TEST(ReflectorTrouble, NoAnswerIsNoticed) {
  World world;
  world.start();
  EXPECT_EQ(world.wait(), 65s);
  EXPECT_EQ(world.cuts, 1);
  EXPECT_THAT(world.troubles, ElementsAre("no answer in 65 s"));
}

TEST(ReflectorTrouble, AListThatStallsIsNoticed) {
  World world;
  world.start();
  world.head();
  world.body("{\"items\":[" + object("n1", 3));
  EXPECT_EQ(world.wait(), 30s);
  EXPECT_EQ(world.cuts, 1);
  EXPECT_THAT(world.troubles, ElementsAre(StartsWith("the answer stalled")));
  world.wait();
  EXPECT_EQ(world.asked.back(), kFirstList) << "from the beginning";
}

TEST(ReflectorTrouble, AWatchThatTheServerForgetsIsCut) {
  World world;
  world.watch();
  EXPECT_EQ(world.wait(), 480s) << "450 s were agreed on";
  EXPECT_EQ(world.cuts, 1);
}

TEST(ReflectorTrouble, AWatchWhoseBookmarksStopIsCutAfterThreeMinutes) {
  World world;
  world.watch();
  world.body(event("BOOKMARK", kBookmark));
  EXPECT_EQ(world.wait(), 180s);
  EXPECT_EQ(world.cuts, 1);
  world.wait();
  EXPECT_THAT(world.asked.back(), HasSubstr("resourceVersion=90&"));
}

TEST(ReflectorTrouble, AKindThatIsNotInstalledCountsAsEmptyAndIsLookedForInPeace) {
  World world(nodes_but([](auto& settings) { settings.resource = {"slash32.io", "v1alpha1", "bgppeers"}; }));
  world.start();
  EXPECT_THAT(world.asked.back(), StartsWith("/apis/slash32.io/v1alpha1/bgppeers?"));
  world.answer("404 page not found", 404);
  EXPECT_THAT(world.take_told(), ElementsAre("synced"));
  EXPECT_THAT(world.troubles, ElementsAre("the API server does not know bgppeers.slash32.io: not installed (yet)"));
  EXPECT_EQ(world.reflector.view().state, "absent");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(world.wait(), 30s) << "no storm, no growing wait";
    world.answer("404 page not found", 404);
  }
  EXPECT_EQ(world.troubles.size(), 1U);
  EXPECT_THAT(world.told, IsEmpty());
  world.wait();
  world.answer(list_of({object("tor1", 60)}, 60));
  EXPECT_THAT(world.told, ElementsAre("put tor1 v60", "synced"));
  EXPECT_THAT(world.troubles.back(), IsEmpty());
}

TEST(ReflectorTrouble, ObjectsOutliveA404OfAServerThatIsStarting) {
  World world;
  world.watch();
  world.fail();
  world.wait();
  world.answer("404 page not found", 404);
  world.wait();
  world.answer("404 page not found", 404);
  EXPECT_THAT(world.told, IsEmpty());
  world.wait();
  world.answer(list_of({object("n1", 3)}, 50));
  EXPECT_THAT(world.told, ElementsAre("synced"));
}

TEST(ReflectorTrouble, ObjectsGoWhenTheirKindStaysAway) {
  World world;
  world.watch();
  world.fail();
  world.wait();
  for (int i = 0; i < 4; ++i) {
    world.answer("404 page not found", 404);
    world.wait();
  }
  EXPECT_THAT(world.told, ElementsAre("remove n1"));
}

TEST(ReflectorTrouble, AFirst404IsNotBelievedAtOnceWhereAnEarlierLifeListed) {
  World world(nodes_but([](auto& settings) { settings.listed_before = true; }));
  world.start();
  for (int i = 0; i < 2; ++i) {
    world.answer("404 page not found", 404);
    EXPECT_THAT(world.told, IsEmpty()) << "the server may be starting";
    world.wait();
  }
  world.answer("404 page not found", 404);
  EXPECT_THAT(world.take_told(), ElementsAre("synced")) << "a minute later it is certain";
  world.wait();
  world.answer(list_of({object("n1", 3)}, 50));
  EXPECT_THAT(world.told, ElementsAre("put n1 v3", "synced"));
}

TEST(ReflectorTrouble, AForbiddenListIsSaidAndNotPressed) {
  World world;
  world.start();
  world.answer(R"({"message":"nodes is forbidden: User \"x\" cannot list"})", 403);
  EXPECT_THAT(world.troubles, ElementsAre("list: HTTP 403: nodes is forbidden: User \"x\" cannot list"));
  EXPECT_EQ(world.wait(), 30s);
}

TEST(ReflectorTrouble, NonsenseChangesNothingAndListsAgain) {
  for (const std::string text : {"<html>\n", "{\"type\":\"ADDED\"}\n", "{\"type\":\"ADDED\",\"object\":{}}\n",
                                 "{\"type\":\"X\",\"object\":{\"metadata\":{\"resourceVersion\":\"9\"}}}\n", "[]\n"}) {
    World world;
    world.watch();
    world.body(text);
    EXPECT_EQ(world.cuts, 1) << text;
    EXPECT_THAT(world.told, IsEmpty()) << text;
    world.wait();
    EXPECT_EQ(world.asked.back(), "/api/v1/nodes?resourceVersion=50") << text;
  }
}

TEST(ReflectorTrouble, AListThatIsNoneChangesNothing) {
  for (const std::string text : {"<html>", "{}", "{\"items\":[]}", "{\"items\":[{}]}", "{\"items\":[", "[]"}) {
    World world;
    world.start();
    world.answer(text);
    EXPECT_THAT(world.told, IsEmpty()) << text;
    EXPECT_FALSE(world.reflector.view().synced) << text;
    world.wait();
    EXPECT_EQ(world.asked.back(), kFirstList) << text;
  }
}

TEST(ReflectorTrouble, ALateAnswerAfterItGaveUpIsNothing) {
  World world;
  world.start();
  world.fail();
  world.head();
  world.body(list_of({object("n1", 3)}, 50));
  world.end();
  EXPECT_THAT(world.told, IsEmpty());
  EXPECT_EQ(world.reflector.view().state, "waiting");
}

}  // namespace
}  // namespace slash32::agent::kube
