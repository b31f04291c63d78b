// What is not forwarded to ranges of services: nftables as an operator sees it, over restarts and beside others'.
#include "bgpd/fib/forward_drop.h"
#include "tests/netns/fib_world.h"

namespace slash32::bgp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string tables() { return sh("nft list tables"); }
std::string unused() { return sh("nft list table inet slash32-unused"); }

struct ForwardDropTest : FibWorld {
  /// Orders these, and waits until that is done.
  static void order(FibSync& fib, std::vector<Prefix> prefixes) {
    fib.set_forward_drops(std::move(prefixes));
    EXPECT_TRUE(eventually([&] { return !fib.status().busy; }));
  }
};

TEST_F(ForwardDropTest, StandsForBothFamiliesBehindOthersFilters) {
  auto fib = open();
  order(fib, {prefix("10.96.0.0/12"), prefix("10.97.0.0/16"), prefix("fd96::/112")});
  EXPECT_THAT(unused(), HasSubstr("type filter hook forward priority filter + 10; policy accept;"));
  EXPECT_THAT(unused(), HasSubstr("ip daddr 10.96.0.0/12 counter packets 0 bytes 0 drop"));
  EXPECT_THAT(unused(), HasSubstr("ip6 daddr fd96::/112 counter packets 0 bytes 0 drop"));
  EXPECT_THAT(unused(), Not(HasSubstr("10.97.0.0"))) << "a rule for what another one covers";
  EXPECT_THAT(fib.status().forward_drop_trouble, IsEmpty());
  order(fib, {prefix("fd96::/112")});
  EXPECT_THAT(unused(), Not(HasSubstr("10.96.0.0")));
  order(fib, {});
  EXPECT_THAT(tables(), IsEmpty());
}

TEST_F(ForwardDropTest, StaysOverARestartAndGoesWhereTheNextLifeDoesNotWantIt) {
  {
    auto fib = open();
    order(fib, {prefix("10.96.0.0/12")});
  }
  {
    auto fib = open();
    EXPECT_THAT(unused(), HasSubstr("10.96.0.0/12"));
    sh("nft 'add rule inet slash32-unused unused-addresses counter'");  // somebody meddles: made anew as it should be
    order(fib, {prefix("10.96.0.0/12")});
    EXPECT_EQ(unused().find("counter packets"), unused().rfind("counter packets"));
  }
  auto fib = open();
  order(fib, {});
  EXPECT_THAT(tables(), IsEmpty());
}

TEST_F(ForwardDropTest, GoesWithEverythingElseWhenTheSpeakerLeaves) {
  auto fib = open();
  order(fib, {prefix("10.96.0.0/12")});
  fib.remove_all();
  EXPECT_THAT(tables(), IsEmpty());
}

TEST_F(ForwardDropTest, LeavesATableThatIsNotOursAloneAndSaysSo) {
  sh("nft add table inet slash32-unused; nft add table inet slash32-unused-99");
  auto fib = open();
  order(fib, {prefix("10.96.0.0/12")});
  const auto report = reported(fib, [](const FibReport& r) { return !r.problems.empty(); });
  EXPECT_THAT(report.problems, ElementsAre(HasSubstr("table inet slash32-unused is not ours")));
  EXPECT_THAT(fib.status().forward_drop_trouble, HasSubstr("not ours"));
  order(fib, {});
  EXPECT_THAT(tables(), HasSubstr("slash32-unused\n"));
  EXPECT_THAT(tables(), HasSubstr("slash32-unused-99\n"));
  EXPECT_THAT(fib.status().forward_drop_trouble, IsEmpty());
}

TEST_F(ForwardDropTest, IsMendedWithinAMinuteWhereAnotherProgramFlushesEverything) {
  ForwardDrop drop(TableId{254});
  EXPECT_FALSE(drop.deadline());
  drop.want({prefix("10.96.0.0/12")});
  const Instant start = std::chrono::steady_clock::now();
  drop.on_time(start);
  sh("nft flush ruleset");
  drop.on_time(start + std::chrono::seconds(59));
  EXPECT_THAT(tables(), IsEmpty());
  drop.on_time(*drop.deadline());
  EXPECT_THAT(unused(), HasSubstr("10.96.0.0/12"));
  EXPECT_LE(*drop.deadline(), start + std::chrono::seconds(120));
  drop.remove();
  EXPECT_THAT(tables(), IsEmpty());
  EXPECT_FALSE(drop.deadline());
}

TEST_F(ForwardDropTest, TakesAsManyAsAPacketMayPassAndNamesHowManyAreLeftOut) {
  ForwardDrop drop(TableId{99});
  std::vector<Prefix> many;
  for (int i = 0; i < 300; ++i)
    many.push_back(prefix("10." + std::to_string(i / 100) + "." + std::to_string(i % 100 * 2) + ".0/24"));
  drop.want(many);
  drop.on_time(std::chrono::steady_clock::now());
  EXPECT_THAT(drop.trouble(), HasSubstr("44 prefixes are left out"));
  EXPECT_THAT(sh("nft list table inet slash32-unused-99"), HasSubstr("10.2.110.0/24"));
  many.resize(256);
  drop.want(many);
  drop.on_time(std::chrono::steady_clock::now());
  EXPECT_THAT(drop.trouble(), IsEmpty());
}

}  // namespace
}  // namespace slash32::bgp
