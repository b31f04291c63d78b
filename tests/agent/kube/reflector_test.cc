// List and watch as a conversation: what the server says, when, and what the reflector makes of it.
#include "agent/kube/reflector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace slash32::agent::kube {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;
using testing::Not;
using testing::StartsWith;
using namespace std::chrono_literals;

std::string object(const std::string& name, int version, const std::string& rest = {}) {
  return R"({"metadata":{"name":")" + name + R"(","resourceVersion":")" + std::to_string(version) + "\"}" + rest + "}";
}
std::string list_of(const std::vector<std::string>& items, int version, const std::string& more = {}) {
  std::string out = R"({"kind":"List","metadata":{"resourceVersion":")" + std::to_string(version) + "\"";
  if (!more.empty()) out += R"(,"continue":")" + more + "\"";
  out += "},\"items\":[";
  for (std::size_t i = 0; i < items.size(); ++i) out += (i ? "," : "") + items[i];
  return out + "]}";
}
std::string event(const std::string& type, const std::string& what) {
  return R"({"type":")" + type + R"(","object":)" + what + "}\n";
}
const std::string kBookmark = R"({"kind":"Node","metadata":{"resourceVersion":"90"}})";
const std::string kExpired = R"({"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"})";

/// The settings of most tests, but for what `change` does.
ReflectorSettings nodes_but(auto change) {
  ReflectorSettings out;
  out.resource = {.group = "", .version = "v1", .plural = "nodes"};
  change(out);
  return out;
}

/// A reflector with its clock; what it does is kept as words.
struct World {
  explicit World(ReflectorSettings settings = nodes_but([](auto&) {})) : reflector(std::move(settings)) {}

  Reflector reflector;
  Instant now{1000s};
  std::vector<std::string> told;      // "put n1 v3", "remove n1", "synced"
  std::vector<std::string> troubles;  // "" when over
  std::vector<std::string> asked;
  int cuts = 0;

  void take(const Actions& actions) {
    for (const auto& action : actions) {
      if (const auto* fetch = std::get_if<act::Fetch>(&action)) asked.push_back(fetch->target);
      if (std::holds_alternative<act::Cut>(action)) ++cuts;
      if (std::holds_alternative<act::Synced>(action)) told.emplace_back("synced");
      if (const auto* put = std::get_if<act::Put>(&action))
        told.push_back("put " + put->key + " v" + put->object["metadata"]["resourceVersion"].get<std::string>());
      if (const auto* remove = std::get_if<act::Remove>(&action)) told.push_back("remove " + remove->key);
      if (const auto* trouble = std::get_if<act::Trouble>(&action)) troubles.push_back(trouble->what);
    }
  }
  void start() { take(reflector.start(now)); }
  void head(int status = 200, std::optional<Seconds> retry = {}) { take(reflector.on_head({status, retry}, now)); }
  void body(const std::string& text) { take(reflector.on_body(text, now)); }
  void end() { take(reflector.on_end(now)); }
  void answer(const std::string& text, int status = 200, std::optional<Seconds> retry = {}) {
    head(status, retry);
    body(text);
    end();
  }
  void fail(const std::string& why = "the server closed the connection") { take(reflector.on_failed(why, now)); }
  /// On to the deadline; how far that was.
  Duration wait() {
    EXPECT_TRUE(reflector.deadline());
    const auto before = now;
    now = *reflector.deadline();
    take(reflector.on_timer(now));
    return now - before;
  }
  void pass(Duration time) {
    now += time;
    take(reflector.on_timer(now));
  }
  /// Listed n1, and watching.
  void watch() {
    start();
    answer(list_of({object("n1", 3)}, 50));
    head();
    told.clear();
    troubles.clear();
    asked.clear();
  }
  std::vector<std::string> take_told() { return std::exchange(told, {}); }
};

constexpr const char* kFirstList = "/api/v1/nodes?limit=500&resourceVersion=0";

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

TEST(Reflector, HonoursRetryAfter) {
  World world;
  world.start();
  world.answer(R"({"message":"too many requests"})", 429, 17s);
  EXPECT_THAT(world.wait(), AllOf(Ge(17s), Le(18s)));
  EXPECT_EQ(world.asked.size(), 2U);
  EXPECT_THAT(world.troubles, ElementsAre("list: HTTP 429: too many requests"));
}

TEST(Reflector, ARetryAfterOfADayIsNotBelieved) {
  World world;
  world.start();
  world.answer("", 503, 86400s);
  EXPECT_THAT(world.wait(), Le(301s));
}

TEST(Reflector, AnOverloadedServerKeepsTheWatchsVersion) {
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

TEST(Reflector, BacksOffToAMinuteAndSaysAnUnchangedReasonOnce) {
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

TEST(Reflector, JitterSpreadsTheWaitsFromAHalfToOneAndAHalf) {
  for (const double chance : {0.0, 0.999}) {
    World world(nodes_but([chance](auto& settings) { settings.chance = [chance] { return chance; }; }));
    world.start();
    world.fail();
    EXPECT_NEAR(static_cast<double>(world.wait() / 1ms), chance == 0.0 ? 500 : 1499, 2);
  }
}

TEST(Reflector, AWatchThatEndsAtOnceEveryTimeBacksOff) {
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

TEST(Reflector, AServerThatIsBehindIsAskedWithoutItsCache) {
  World world;
  world.watch();
  world.body(event("ERROR", kExpired));
  world.answer(R"({"message":"Too large resource version: 50, current: 40"})", 504);
  world.wait();
  EXPECT_EQ(world.asked.back(), "/api/v1/nodes?limit=500");
}

TEST(Reflector, TwoWholeWatchesOfSilenceMakeItLookAgain) {  // etcd restored from a backup: our version is of the future
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

TEST(Reflector, NoAnswerIsNoticed) {
  World world;
  world.start();
  EXPECT_EQ(world.wait(), 65s);
  EXPECT_EQ(world.cuts, 1);
  EXPECT_THAT(world.troubles, ElementsAre("no answer in 65 s"));
}

TEST(Reflector, AListThatStallsIsNoticed) {
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

TEST(Reflector, AWatchThatTheServerForgetsIsCut) {
  World world;
  world.watch();
  EXPECT_EQ(world.wait(), 480s) << "450 s were agreed on";
  EXPECT_EQ(world.cuts, 1);
}

TEST(Reflector, AWatchWhoseBookmarksStopIsCutAfterThreeMinutes) {
  World world;
  world.watch();
  world.body(event("BOOKMARK", kBookmark));
  EXPECT_EQ(world.wait(), 180s);
  EXPECT_EQ(world.cuts, 1);
  world.wait();
  EXPECT_THAT(world.asked.back(), HasSubstr("resourceVersion=90&"));
}

TEST(Reflector, AKindThatIsNotInstalledCountsAsEmptyAndIsLookedForInPeace) {
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

TEST(Reflector, ObjectsOutliveA404OfAServerThatIsStarting) {
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

TEST(Reflector, ObjectsGoWhenTheirKindStaysAway) {
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

TEST(Reflector, AForbiddenListIsSaidAndNotPressed) {
  World world;
  world.start();
  world.answer(R"({"message":"nodes is forbidden: User \"x\" cannot list"})", 403);
  EXPECT_THAT(world.troubles, ElementsAre("list: HTTP 403: nodes is forbidden: User \"x\" cannot list"));
  EXPECT_EQ(world.wait(), 30s);
}

TEST(Reflector, NonsenseChangesNothingAndListsAgain) {
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

TEST(Reflector, AListThatIsNoneChangesNothing) {
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

TEST(Reflector, ALateAnswerAfterItGaveUpIsNothing) {
  World world;
  world.start();
  world.fail();
  world.head();
  world.body(list_of({object("n1", 3)}, 50));
  world.end();
  EXPECT_THAT(world.told, IsEmpty());
  EXPECT_EQ(world.reflector.view().state, "waiting");
}

TEST(Reflector, NamespacesArePartOfTheKey) {
  World world;
  world.start();
  world.answer(list_of({R"({"metadata":{"name":"web","namespace":"a","resourceVersion":"1"}})"}, 50));
  EXPECT_THAT(world.told, ElementsAre("put a/web v1", "synced"));
}

}  // namespace
}  // namespace slash32::agent::kube
