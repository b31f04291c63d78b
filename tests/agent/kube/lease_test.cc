// Of many that try, one holds the lease at a time; a dead one is followed, a living one is left alone.
#include "agent/kube/lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

namespace slash32::agent::kube {
namespace {

using nlohmann::json;
using std::chrono_literals::operator""s;

/// The API's side: one object, with its version checked as the API does.
struct Api {
  std::optional<json> object;
  int version = 0;
  bool down = false;

  Result<Response> answer(const Request& request) {
    if (down) return fail(1, "no connection");
    const auto say = [](int status, const json& body) { return Response{{status, {}}, body.dump()}; };
    const json body = request.body.empty() ? json::object() : json::parse(request.body);
    if (request.method == "POST") {
      if (object) return say(409, {{"message", "already exists"}});
      object = body;
    } else if (!object) {
      return say(404, {{"message", "not found"}});
    } else if (request.method == "PATCH") {
      if (body["metadata"]["resourceVersion"] != std::to_string(version)) return say(409, {{"message", "modified"}});
      object->merge_patch(body);
    }
    if (request.method != "GET") (*object)["metadata"]["resourceVersion"] = std::to_string(++version);
    return say(200, *object);
  }
};

/// One that tries, and what it was told.
struct Candidate {
  explicit Candidate(std::string name, double chance = 0.5)
      : lease({.name_space = "slash32", .name = "lb", .identity = std::move(name), .chance = [chance] {
                 return chance;
               }}) {}
  void take(const LeaseActions& actions) {
    for (const auto& action : actions) {
      if (const auto* ask = std::get_if<act::Ask>(&action)) asked = ask->request;
      if (std::holds_alternative<act::Elected>(action)) leads = true;
      if (std::holds_alternative<act::Deposed>(action)) leads = false;
    }
  }
  Lease lease;
  std::optional<Request> asked;
  bool leads = false;
};

class Leases : public testing::Test {
 protected:
  Candidate& add(const std::string& name, double chance = 0.5) {
    auto& one = all_.try_emplace(name, name, chance).first->second;
    one.take(one.lease.start(now_));
    settle();
    if (!api_.object) pass(15s);  // so long it is missed before it is made
    return one;
  }
  /// Every request is answered, until none is left.
  void settle() {
    for (bool more = true; more;) {
      more = false;
      for (auto& [name, one] : all_) {
        if (!one.asked || stopped_ == name) continue;
        const Request request = *std::exchange(one.asked, std::nullopt);
        one.take(one.lease.on_answer(api_.answer(request), now_, wall()));
        more = true;
      }
      check();
    }
  }
  void pass(Seconds time) {
    for (Seconds passed{0}; passed < time; passed += 1s) {
      now_ += 1s;
      for (auto& [name, one] : all_) {
        if (stopped_ == name) continue;
        const auto due = one.lease.deadline();
        if (due && *due <= now_) one.take(one.lease.on_timer(now_, wall()));
      }
      settle();
    }
  }
  std::string wall() const { return std::to_string((now_ - Instant{}) / 1s); }
  void check() const {
    EXPECT_LE(
        std::ranges::count_if(all_, [&](const auto& entry) { return entry.second.leads && entry.first != stopped_; }),
        1)
        << "two at once after " << wall() << " s";
  }

  Instant now_{1000s};
  Api api_;
  std::map<std::string, Candidate> all_;
  std::string stopped_;  // a process that hangs
};

TEST_F(Leases, TheFirstOneMakesItAndTheOthersWait) {
  const auto &a = add("a"), &b = add("b");
  EXPECT_TRUE(a.leads);
  pass(300s);
  EXPECT_TRUE(a.leads);
  EXPECT_FALSE(b.leads);
  EXPECT_EQ(b.lease.holder(), "a");
  EXPECT_EQ((*api_.object)["spec"]["leaseTransitions"], 0);
  EXPECT_EQ((*api_.object)["spec"]["acquireTime"], "1015");
}

TEST_F(Leases, AHolderThatHangsIsFollowedAndStopsBeforeItsSuccessorBegins) {
  auto& a = add("a");
  const auto& b = add("b");
  pass(60s);
  stopped_ = "a";
  pass(120s);
  EXPECT_TRUE(b.leads);
  EXPECT_EQ((*api_.object)["spec"]["holderIdentity"], "b");
  EXPECT_EQ((*api_.object)["spec"]["leaseTransitions"], 1);
  stopped_.clear();
  a.take(a.lease.on_timer(now_, wall()));
  EXPECT_FALSE(a.leads) << "the first thing it does";
  pass(120s);
  EXPECT_TRUE(b.leads);
}

TEST_F(Leases, AHolderThatCannotReachTheApiStopsBeforeTheLeaseIsOver) {
  const auto& a = add("a");
  pass(25s);
  api_.down = true;
  pass(40s);
  EXPECT_FALSE(a.leads);
  EXPECT_EQ(a.lease.trouble(), "no connection");
  api_.down = false;
  pass(120s);
  EXPECT_TRUE(a.leads) << "nobody else wanted it";
}

TEST(Lease, AServerThatAsksForMoreThanFiveMinutesGetsThose) {
  Lease lease({.name_space = "slash32", .name = "lb", .identity = "a"});
  const Instant now{1000s};
  lease.start(now);
  lease.on_answer(Response{{503, 86400s}, "{}"}, now, "now");
  ASSERT_TRUE(lease.deadline());
  EXPECT_EQ(*lease.deadline(), now + 300s);
}

TEST_F(Leases, AShortOutageOfTheApiChangesNothing) {
  const auto& a = add("a");
  pass(25s);
  api_.down = true;
  pass(15s);
  EXPECT_TRUE(a.leads);
  api_.down = false;
  pass(60s);
  EXPECT_TRUE(a.leads);
  EXPECT_EQ((*api_.object)["spec"]["leaseTransitions"], 0);
}

TEST_F(Leases, OneThatIsGivenBackIsTakenAtTheNextLook) {
  auto& a = add("a");
  const auto& b = add("b");
  a.take(a.lease.resign(wall()));
  EXPECT_FALSE(a.leads);
  EXPECT_FALSE(a.lease.gone());
  settle();
  EXPECT_TRUE(a.lease.gone());
  all_.erase("a");
  pass(61s);
  EXPECT_TRUE(b.leads);
}

TEST_F(Leases, SomebodysNoteOnTheObjectDeposesNobody) {
  const auto& a = add("a");
  pass(5s);
  (*api_.object)["metadata"]["labels"]["by"] = "an operator";
  (*api_.object)["metadata"]["resourceVersion"] = std::to_string(++api_.version);
  pass(60s);
  EXPECT_TRUE(a.leads);
  EXPECT_EQ((*api_.object)["metadata"]["labels"]["by"], "an operator");
}

TEST_F(Leases, OneThatWasDeletedIsMadeAgain) {
  const auto& a = add("a");
  api_.object.reset();
  pass(60s);
  EXPECT_TRUE(a.leads);
  EXPECT_TRUE(api_.object);
}

/// So long after it was made it is deleted: at some moment between two renewals, and between two looks.
class DeletedLeases : public Leases, public testing::WithParamInterface<int> {};

TEST_P(DeletedLeases, AreStillTheirHoldersForWhoSawOne) {
  auto& a = add("a");
  const auto& b = add("b");
  pass(Seconds{GetParam()});
  stopped_ = "a";  // hears of nothing, and renews nothing; what it may send it sends all the same
  api_.object.reset();
  while (!b.leads && now_ < Instant{2000s}) pass(1s);
  EXPECT_TRUE(b.leads);
  EXPECT_FALSE(a.lease.may_act_until(now_)) << "two at once";
}
INSTANTIATE_TEST_SUITE_P(AtAnyTime, DeletedLeases, testing::Range(40, 85));

TEST_F(Leases, WhoNeverSawItLeavesTheHolderOfADeletedOneTheTimeToMakeItAgain) {
  const auto& a = add("a");
  pass(1s);
  api_.object.reset();
  const auto& c = add("c");
  EXPECT_TRUE(api_.object);
  pass(120s);
  EXPECT_TRUE(a.leads);
  EXPECT_FALSE(c.leads);
}

TEST_F(Leases, AHolderWhoseRenewalIsRefusedMaySendNothingUntilOneHasWorked) {
  auto& a = add("a");
  EXPECT_TRUE(a.lease.may_act_until(now_));
  now_ += 10s;
  a.take(a.lease.on_timer(now_, wall()));
  a.take(a.lease.on_answer(Response{{409, {}}, "{}"}, now_, wall()));
  EXPECT_TRUE(a.leads);
  EXPECT_FALSE(a.lease.may_act_until(now_));
  settle();
  EXPECT_EQ(a.lease.may_act_until(now_), now_ + 30s);
}

TEST_F(Leases, AHolderThatStoodStillMaySendNothingThoughItHasNotHeardOfIt) {
  auto& a = add("a");
  now_ += 10s;
  a.take(a.lease.on_timer(now_, wall()));
  const auto renewal = api_.answer(*std::exchange(a.asked, std::nullopt));
  now_ += 3600s;
  EXPECT_FALSE(a.lease.may_act_until(now_));
  const auto actions = a.lease.on_answer(renewal, now_, wall());
  ASSERT_FALSE(actions.empty());
  EXPECT_TRUE(std::holds_alternative<act::Deposed>(actions.front())) << "before anything else";
  EXPECT_FALSE(a.lease.held());
}

TEST_F(Leases, GivingBackWaitsForTheRenewalThatIsOnItsWayAndGivesBackWhatThatMade) {
  auto& a = add("a");
  now_ += 10s;
  a.take(a.lease.on_timer(now_, wall()));
  const auto renewal = *std::exchange(a.asked, std::nullopt);
  a.take(a.lease.resign(wall()));
  EXPECT_FALSE(a.leads);
  EXPECT_FALSE(a.asked) << "it would be refused: the renewal changes the version";
  EXPECT_FALSE(a.lease.gone());
  a.take(a.lease.on_answer(api_.answer(renewal), now_, wall()));
  settle();
  EXPECT_TRUE(a.lease.gone());
  EXPECT_EQ((*api_.object)["spec"]["holderIdentity"], "");
}

TEST_F(Leases, GivingBackIsTriedAgainWithTheVersionThatSomebodysNoteHasMade) {
  auto& a = add("a");
  (*api_.object)["metadata"]["resourceVersion"] = std::to_string(++api_.version);
  a.take(a.lease.resign(wall()));
  settle();
  EXPECT_TRUE(a.lease.gone());
  EXPECT_EQ((*api_.object)["spec"]["holderIdentity"], "");
}

TEST(Lease, GivingBackIsGivenUpWhereItIsAlwaysRefused) {
  Lease lease({.name_space = "slash32", .name = "lb", .identity = "a"});
  const Instant now{1000s};
  const Response ours{{200, {}}, R"({"metadata": {"resourceVersion": "1"}, "spec": {"holderIdentity": "a"}})"};
  lease.start(now);
  lease.on_answer(ours, now, "now");
  lease.on_answer(ours, now, "now");
  ASSERT_TRUE(lease.held());
  lease.resign("now");
  int asked = 1;
  while (!lease.gone() && asked < 100) {
    const bool gives_back = asked++ % 2 == 1;
    lease.on_answer(gives_back ? Response{{409, {}}, "{}"} : ours, now, "now");
  }
  EXPECT_LT(asked, 10);
}

TEST_F(Leases, OfTwoThatFindItOverOneGetsIt) {
  add("a");
  const auto &b = add("b", 0.2), &c = add("c", 0.2);
  stopped_ = "a";
  pass(200s);
  EXPECT_TRUE(b.leads != c.leads);
}

TEST_F(Leases, AnAnswerThatMakesNoSenseIsATroubleAndTriedAgain) {
  Candidate one("a");
  one.take(one.lease.start(now_));
  for (const char* body : {"", "[]", "{}", R"({"metadata": 1})", R"({"metadata": {}})"}) {
    one.take(one.lease.on_answer(Response{{200, {}}, body}, now_, wall()));
    EXPECT_FALSE(one.leads);
    EXPECT_FALSE(one.lease.trouble().empty()) << body;
    ASSERT_TRUE(one.lease.deadline());
    now_ = *one.lease.deadline();
    one.take(one.lease.on_timer(now_, wall()));
  }
  one.take(one.lease.on_answer(Response{{429, 100s}, R"({"message": "later"})"}, now_, wall()));
  EXPECT_EQ(one.lease.trouble(), "429: later");
  EXPECT_GE(*one.lease.deadline(), now_ + 100s);
}

}  // namespace
}  // namespace slash32::agent::kube
