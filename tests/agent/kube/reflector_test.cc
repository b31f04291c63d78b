// List and watch as a conversation: what the server says, and what the reflector makes of it.
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

TEST(Reflector, ListsFromTheCacheThenWatchesFromTheListsVersion) {
  World world;
  world.start();
  EXPECT_THAT(world.asked, ElementsAre(kFirstList));
  world.answer(list_of({object("n1", 3), object("n2", 4)}, 50));
  EXPECT_THAT(world.told, ElementsAre("put n1 v3", "put n2 v4", "synced"));
  EXPECT_EQ(world.asked.back(),
            "/api/v1/nodes?watch=true&resourceVersion=50&allowWatchBookmarks=true&timeoutSeconds=450");
  EXPECT_TRUE(world.reflector.view().synced);
}

TEST(Reflector, AsksForOneObjectWithoutTheCacheWhereItMustNotBeOld) {
  World world(nodes_but([](auto& settings) {
    settings.field_selector = "metadata.name=n1";
    settings.first_list_from_cache = false;
  }));
  world.start();
  EXPECT_THAT(world.asked, ElementsAre("/api/v1/nodes?fieldSelector=metadata.name%3Dn1&limit=500"));
}

TEST(Reflector, ReadsPagesAndIsSyncedAfterTheLast) {
  World world;
  world.start();
  world.answer(list_of({object("n1", 3)}, 50, "abc=="));
  EXPECT_THAT(world.take_told(), ElementsAre("put n1 v3"));
  EXPECT_EQ(world.asked.back(), "/api/v1/nodes?limit=500&continue=abc%3D%3D");
  world.answer(list_of({object("n2", 4)}, 50));
  EXPECT_THAT(world.told, ElementsAre("put n2 v4", "synced"));
}

TEST(Reflector, AContinuationThatExpiredBeginsAListInOnePiece) {
  World world;
  world.start();
  world.answer(list_of({object("n1", 3)}, 50, "abc"));
  world.answer(kExpired, 410);
  world.wait();
  EXPECT_EQ(world.asked.back(), "/api/v1/nodes");
  world.answer(list_of({object("n1", 3), object("n2", 4)}, 60));
  EXPECT_THAT(world.told, ElementsAre("put n1 v3", "put n2 v4", "synced"));
}

TEST(Reflector, TellsWhatAWatchTells) {
  World world;
  world.watch();
  world.body(event("ADDED", object("n2", 51)) + event("MODIFIED", object("n1", 52)));
  world.body(event("DELETED", object("n2", 53)) + event("DELETED", object("n9", 54)));
  EXPECT_THAT(world.told, ElementsAre("put n2 v51", "put n1 v52", "remove n2"));
}

TEST(Reflector, TakesEventsInPiecesOfAnySize) {
  World world;
  world.watch();
  for (const char c : event("ADDED", object("n2", 51))) world.body(std::string(1, c));
  EXPECT_THAT(world.told, ElementsAre("put n2 v51"));
}

TEST(Reflector, ResumesBehindTheLastEventWhenTheConnectionBreaks) {
  World world;
  world.watch();
  world.body(event("ADDED", object("n2", 51)));
  world.fail();
  EXPECT_THAT(world.wait(), AllOf(Ge(500ms), Le(1500ms)));
  EXPECT_THAT(world.asked.back(), HasSubstr("watch=true&resourceVersion=51&"));
  EXPECT_THAT(world.troubles, ElementsAre("the server closed the connection"));
  world.head();
  EXPECT_THAT(world.troubles.back(), IsEmpty()) << "over";
}

TEST(Reflector, ResumesBehindABookmark) {
  World world;
  world.watch();
  world.body(event("BOOKMARK", kBookmark));
  world.end();
  EXPECT_THAT(world.asked.back(), HasSubstr("resourceVersion=90&"));
  EXPECT_THAT(world.told, IsEmpty());
}

TEST(Reflector, AWatchThatTheServerEndsInTimeGoesOnAtOnce) {
  World world;
  world.watch();
  world.now += 450s;
  world.end();
  ASSERT_EQ(world.asked.size(), 1U);
  EXPECT_THAT(world.troubles, IsEmpty());
}

TEST(Reflector, An410EventListsAgainAtOnceAndTellsDifferencesOnly) {
  World world;
  world.start();
  world.answer(list_of({object("n1", 3), object("n2", 4), object("n3", 5)}, 50));
  world.head();
  world.now += 60s;
  world.take_told();
  world.body(event("ERROR", kExpired));
  EXPECT_EQ(world.cuts, 1);
  EXPECT_EQ(world.asked.back(), "/api/v1/nodes?resourceVersion=50") << "not older than what we know, from the cache";
  world.answer(list_of({object("n1", 3), object("n3", 70), object("n4", 71)}, 80));
  EXPECT_THAT(world.told, ElementsAre("put n3 v70", "put n4 v71", "remove n2", "synced"));
}

TEST(Reflector, ARefusedWatchWith410ListsAgain) {
  World world;
  world.start();
  world.answer(list_of({}, 50));
  world.answer(kExpired, 410);
  EXPECT_EQ(world.asked.back(), "/api/v1/nodes?resourceVersion=50");
}

TEST(Reflector, A410ForEverySingleWatchBacksOff) {
  World world;
  world.start();
  Duration last{};
  for (int round = 0; round < 6; ++round) {
    world.answer(list_of({}, 50));
    world.head();
    world.body(event("ERROR", kExpired));
    if (round > 0) last = world.wait();
  }
  EXPECT_THAT(last, Ge(8s));
}

TEST(Reflector, AListRefusedWith410IsAskedForWithoutAVersion) {
  World world;
  world.watch();
  world.body(event("ERROR", kExpired));
  world.answer(kExpired, 410);
  world.wait();
  EXPECT_EQ(world.asked.back(), "/api/v1/nodes?limit=500");
}

TEST(Reflector, AnotherErrorEventListsAgainAfterAWait) {
  World world;
  world.watch();
  world.body(event("ERROR", R"({"code":500,"message":"etcdserver: no leader"})"));
  EXPECT_THAT(world.troubles, ElementsAre("the watch ended: etcdserver: no leader"));
  EXPECT_THAT(world.asked, IsEmpty());
  world.wait();
  EXPECT_EQ(world.asked.back(), "/api/v1/nodes?resourceVersion=50");
}

TEST(Reflector, NamespacesArePartOfTheKey) {
  World world;
  world.start();
  world.answer(list_of({R"({"metadata":{"name":"web","namespace":"a","resourceVersion":"1"}})"}, 50));
  EXPECT_THAT(world.told, ElementsAre("put a/web v1", "synced"));
}

}  // namespace
}  // namespace slash32::agent::kube
