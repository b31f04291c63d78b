// The IPAM as the plugin uses it: leases, cool-down, requests, the dead, garbage collection, STATUS.
#include "ipam/ipam.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "common/cni/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "tests/ipam/node.h"

namespace slash32::ipam {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(Ipam, GivesOneAddressOfEachFamily) {
  Node node({"10.0.0.0/29", "fd00::/64"});
  const auto lease = node.ipam().acquire(Node::key("a"), {});
  ASSERT_TRUE(lease.has_value()) << lease.error().message;
  ASSERT_EQ(lease->addresses.size(), 2U);
  EXPECT_EQ(lease->addresses[0].address, ip("10.0.0.1"));
  EXPECT_EQ(lease->addresses[0].subnet.to_string(), "10.0.0.0/29");
  EXPECT_EQ(lease->addresses[1].address, ip("fd00::1"));
  EXPECT_EQ(lease->addresses[1].subnet.to_string(), "fd00::/64");
}

TEST(Ipam, RefusesASecondAcquireAndKeepsTheFirst) {
  Node node;
  EXPECT_EQ(node.acquire("a"), "10.0.0.1");
  EXPECT_THAT(node.acquire("a"),
              HasSubstr("error 999: container a, interface eth0, network net already holds 10.0.0.1"));
  EXPECT_TRUE(node.ipam().check(Node::key("a"), {ip("10.0.0.1")}));
}

TEST(Ipam, SaysTheNumbersWhenFullAndTakesNothing) {
  Node node({"10.0.0.0/30", "fd00::/64"});
  EXPECT_EQ(node.acquire("a"), "10.0.0.1 fd00::1");
  EXPECT_EQ(node.acquire("b"), "10.0.0.2 fd00::2");
  const auto full = node.ipam().acquire(Node::key("c"), {});
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().code, cni::kTryAgainLater);
  EXPECT_THAT(full.error().details, HasSubstr("2 in the ranges, 2 taken, 0 cooling"));
  EXPECT_EQ(node.ipam().records()->size(), 4U) << "all or none";
}

TEST(Ipam, LetsAnAddressCoolDown) {
  Node node({"10.0.0.0/30"});
  EXPECT_EQ(node.acquire("a"), "10.0.0.1");
  EXPECT_TRUE(node.release("a"));
  EXPECT_EQ(node.acquire("b"), "10.0.0.2");
  EXPECT_TRUE(node.release("b"));
  node.now += 5s;
  EXPECT_EQ(node.acquire("c"), "10.0.0.1") << "both cool: the one released first";
}

TEST(Ipam, AShorterCoolDownTakesEffectAtOnce) {
  for (const auto shorter : {30s, 3s, 0s}) {
    Node node({"10.0.0.0/30"});
    EXPECT_EQ(node.acquire("a"), "10.0.0.1");
    EXPECT_EQ(node.acquire("b"), "10.0.0.2");
    EXPECT_TRUE(node.release("b"));
    node.now += 1s;
    EXPECT_TRUE(node.release("a"));
    node.now += 5s;
    node.conf.cool_down = shorter;  // after both were released under 30 s
    EXPECT_EQ(node.acquire("c"), shorter == 30s ? "10.0.0.2" : "10.0.0.1")
        << "both cool: the longest; both cooled down: the next in turn";
  }
}

TEST(Ipam, AShorterCoolDownCountsForEachAddressByItsOwnTime) {
  Node node({"10.0.0.0/30"});
  EXPECT_EQ(node.acquire("a"), "10.0.0.1");
  EXPECT_EQ(node.acquire("b"), "10.0.0.2");
  EXPECT_TRUE(node.release("b"));
  node.now += 10s;
  EXPECT_TRUE(node.release("a"));
  node.now += 1s;
  node.conf.cool_down = 5s;
  EXPECT_EQ(node.acquire("c"), "10.0.0.2") << "10.0.0.1 is next in turn, and still cools";
}

TEST(Ipam, ReleaseIsIdempotentAndNeedsNoStore) {
  Node node;
  EXPECT_TRUE(node.release("never"));
  EXPECT_FALSE(std::filesystem::exists(node.conf.data_dir)) << "nothing was made for nothing";
  EXPECT_EQ(node.acquire("a"), "10.0.0.1");
  EXPECT_TRUE(node.release("never"));
  EXPECT_TRUE(node.release("a"));
  EXPECT_TRUE(node.release("a"));
  EXPECT_EQ(node.ipam().records()->size(), 0U);
}

TEST(Ipam, KeepsAnAddressUniqueOnTheNodeWhateverTheNetwork) {
  Node node({"10.0.0.0/30"});
  EXPECT_EQ(node.acquire("a", "one"), "10.0.0.1");
  EXPECT_EQ(node.acquire("a", "two"), "10.0.0.2");
  EXPECT_THAT(node.acquire("b", "two"), HasSubstr("error 11"));
  EXPECT_TRUE(node.release("a", "one"));
  EXPECT_TRUE(node.ipam().check(Node::key("a", "two"), {ip("10.0.0.2")}));
}

TEST(Ipam, GrantsARequestedAddress) {
  Node node({"10.0.0.0/29", "fd00::/64"});
  EXPECT_EQ(Node::text(node.ipam().acquire(Node::key("a"), {{ip("10.0.0.5")}})), "10.0.0.5 fd00::1");
  EXPECT_THAT(Node::text(node.ipam().acquire(Node::key("b"), {{ip("10.0.0.5")}})),
              HasSubstr("error 11: the requested address 10.0.0.5 is held by container a"));
  EXPECT_TRUE(node.release("a"));
  EXPECT_EQ(Node::text(node.ipam().acquire(Node::key("b"), {{ip("10.0.0.5"), ip("fd00::77")}})), "10.0.0.5 fd00::77")
      << "also while it cools";
  EXPECT_THAT(Node::text(node.ipam().acquire(Node::key("c"), {{ip("10.0.1.5")}})), HasSubstr("error 7"));
}

TEST(Ipam, RefusesARequestOfAFamilyWithoutRanges) {
  Node node;
  EXPECT_THAT(Node::text(node.ipam().acquire(Node::key("a"), {{ip("fd00::1")}})), HasSubstr("error 7"));
}

TEST(Ipam, ChecksThatAKeyHoldsExactlyTheseAddresses) {
  Node node({"10.0.0.0/29", "fd00::/64"});
  EXPECT_FALSE(node.ipam().check(Node::key("a"), {ip("10.0.0.1")}));
  node.acquire("a");
  EXPECT_TRUE(node.ipam().check(Node::key("a"), {ip("fd00::1"), ip("10.0.0.1")}));
  EXPECT_THAT(node.ipam().check(Node::key("a"), {ip("10.0.0.1")}).error().message,
              HasSubstr("holds 10.0.0.1, fd00::1, not 10.0.0.1"));
  EXPECT_THAT(node.ipam().check(Node::key("b"), {ip("10.0.0.1")}).error().message, HasSubstr("holds nothing"));
}

TEST(Ipam, CollectsWhatIsNotValidInItsNetworkOnly) {
  Node node;
  node.acquire("a");
  node.acquire("b");
  node.acquire("c", "other");
  node.acquire("d", "net2");
  EXPECT_TRUE(node.ipam().collect("net", {Node::key("b"), Node::key("never")}));
  std::vector<std::string> left;
  const auto records = node.ipam().records();
  for (const auto& record : *records) left.push_back(record.key.container_id);
  EXPECT_THAT(left, testing::ElementsAre("b", "c", "d"));
  EXPECT_TRUE(node.ipam().collect("net", {}));
  EXPECT_TRUE(node.ipam().collect("net", {}));
  EXPECT_EQ(node.ipam().records()->size(), 2U);
}

TEST(Ipam, TakesBackFromTheDeadOnlyWhenShortAndNeverWithinTheGrace) {
  Node node({"10.0.0.0/30"});
  node.watch();
  EXPECT_EQ(node.add("a"), "10.0.0.1");
  EXPECT_EQ(node.add("b"), "10.0.0.2");
  node.remove_link("a");
  node.now += 60s;
  EXPECT_THAT(node.add("c"), HasSubstr("error 11")) << "60 s old is not older than 60 s";
  node.now += 1s;
  EXPECT_EQ(node.add("c"), "10.0.0.1");
  EXPECT_THAT(node.add("d"), HasSubstr("error 11")) << "b and c live";
  EXPECT_TRUE(node.ipam().check(Node::key("b"), {ip("10.0.0.2")}));
}

TEST(Ipam, NeverTakesBackWhatTheKernelCannotTell) {
  Node node({"10.0.0.0/30"});
  EXPECT_EQ(node.acquire("bridge-pod"), "10.0.0.1") << "without a kernel: called by another plugin";
  node.watch();
  EXPECT_EQ(node.add("b"), "10.0.0.2");
  node.now += 1h;
  EXPECT_THAT(node.add("c"), HasSubstr("error 11")) << "a bridge's pod has no link of ours, and lives";
  EXPECT_TRUE(node.ipam().check(Node::key("bridge-pod"), {ip("10.0.0.1")}));
}

TEST(Ipam, TakesARequestedAddressFromTheDead) {
  Node node;
  node.watch();
  EXPECT_EQ(node.add("a"), "10.0.0.1");
  node.remove_link("a");
  EXPECT_THAT(Node::text(node.ipam().acquire(Node::key("b"), {{ip("10.0.0.1")}})), HasSubstr("error 11"));
  node.now += 61s;
  EXPECT_EQ(Node::text(node.ipam().acquire(Node::key("b"), {{ip("10.0.0.1")}})), "10.0.0.1");
}

TEST(Ipam, LetsARestartedContainerTakeTheAddressOfItsDeadSelfBack) {
  Node node({"10.0.0.0/30"});
  node.watch();
  EXPECT_EQ(node.add("a"), "10.0.0.1");
  node.now += 61s;
  EXPECT_THAT(node.acquire("a"),
              HasSubstr("error 999: container a, interface eth0, network net already holds 10.0.0.1"))
      << "its link stands";
  node.remove_link("a");
  EXPECT_EQ(node.add("a"), "10.0.0.2");
  EXPECT_EQ(node.ipam().records()->size(), 1U);
  node.remove_link("a");
  EXPECT_THAT(node.acquire("a"), HasSubstr("already holds 10.0.0.2")) << "within the grace another ADD may be at work";
}

TEST(Ipam, PassesOverWhatTheKernelSaysIsInUse) {
  Node node;
  node.watch();
  node.aliases[ip("10.0.0.1")] = Node::key("somebody");
  EXPECT_EQ(node.add("a"), "10.0.0.2");
}

TEST(Ipam, TellsHowManyAddressesItPassedOver) {
  Node node;
  node.watch();
  EXPECT_EQ(node.add("first"), "10.0.0.1");
  node.aliases[ip("10.0.0.2")] = node.aliases[ip("10.0.0.3")] = Node::key("somebody");
  std::vector<std::string> lines;
  const auto before = log::set_sink([&](log::Level, const std::string& line) { lines.push_back(line); });
  EXPECT_EQ(node.add("a"), "10.0.0.4");
  EXPECT_EQ(node.add("b"), "10.0.0.5");
  EXPECT_FALSE(node.ipam().acquire(Node::key("c"), {.addresses = {ip("10.0.0.2")}})) << "refused, not passed over";
  log::set_sink(before);
  std::erase_if(lines, [](const std::string& line) { return !line.contains("passed over"); });
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_THAT(lines.front(),
              testing::AllOf(HasSubstr("count=2"), HasSubstr("first=10.0.0.2"), HasSubstr("container=a")));
}

TEST(Ipam, FillsANewStoreFromTheKernel) {
  Node node;
  node.watch();
  EXPECT_EQ(node.add("a"), "10.0.0.1");
  EXPECT_EQ(node.add("b"), "10.0.0.2");
  std::filesystem::remove_all(node.conf.data_dir);
  EXPECT_EQ(node.add("c"), "10.0.0.3");
  EXPECT_TRUE(node.ipam().check(Node::key("a"), {ip("10.0.0.1")}));
  node.remove_link("a");
  EXPECT_TRUE(node.release("a"));
  EXPECT_EQ(node.ipam().records()->size(), 2U);
}

TEST(Ipam, TakesBackAnAddressOfAShortenedOrUnknownHolderOnceNothingInTheKernelHasIt) {
  Node node({"10.0.0.0/30"});
  node.watch();
  const std::string unknown = std::string(kUnknownHolder) + "10.0.0.2";
  EXPECT_EQ(node.acquire(std::string(4000, 'x')), "10.0.0.1");
  node.aliases[ip("10.0.0.2")] = Node::key(unknown);  // a route alone, as kernel_view() tells it
  std::filesystem::remove(node.data_file());
  node.aliases[ip("10.0.0.1")] = Node::key("#hash");
  EXPECT_THAT(node.add("a"), HasSubstr("error 11"));
  node.now += 1h;
  EXPECT_THAT(node.add("a"), HasSubstr("error 11")) << "both are old, and still there";
  node.aliases.erase(ip("10.0.0.2"));
  EXPECT_EQ(node.add("a"), "10.0.0.2");
  node.aliases.erase(ip("10.0.0.1"));
  EXPECT_EQ(node.add("b"), "10.0.0.1");
}

TEST(Ipam, LeavesUnknownHoldersAloneWhereAnotherPluginKeepsItsPodsInTheSameStore) {
  Node node({"10.0.0.0/30"});
  EXPECT_EQ(node.acquire("another-plugins"), "10.0.0.1");
  EXPECT_EQ(node.acquire(std::string(kUnknownHolder) + "10.0.0.2"), "10.0.0.2");
  node.watch();
  node.now += 1h;
  EXPECT_THAT(node.add("a"), HasSubstr("error 11"));
}

TEST(Ipam, KeepsWhatIsTakenButHasNoLinkYetWhenADamagedStoreIsMadeAnew) {
  Node node;
  node.watch();
  EXPECT_EQ(node.add("a"), "10.0.0.1");
  EXPECT_EQ(node.acquire("in-flight"), "10.0.0.2");
  auto bytes = read_file(node.data_file(), std::size_t{64} << 20).value();
  bytes.replace(0, 8192, std::string(8192, '\0'));
  std::ofstream(node.data_file(), std::ios::binary | std::ios::trunc) << bytes;
  EXPECT_EQ(node.add("b"), "10.0.0.3");
  EXPECT_TRUE(node.ipam().check(Node::key("in-flight"), {ip("10.0.0.2")}));
  node.now += 1h;
  for (const auto* container : {"c", "d", "e"}) EXPECT_THAT(node.add(container), HasSubstr("10.0.0."));
  EXPECT_EQ(node.add("f"), "10.0.0.2") << "an ADD that died is taken back as ever";
}

TEST(Ipam, KeepsNamesThatAreTooLongForAKeyApart) {
  Node node;
  node.watch();
  const std::string long_id(4000, 'x');
  EXPECT_EQ(node.acquire(long_id + "1"), "10.0.0.1");
  EXPECT_EQ(node.acquire(long_id + "2"), "10.0.0.2");
  EXPECT_THAT(node.acquire(long_id + "2"), HasSubstr("already holds"));
  EXPECT_TRUE(node.ipam().check(Node::key(long_id + "1"), {ip("10.0.0.1")}));
  EXPECT_TRUE(node.ipam().collect("net", {Node::key(long_id + "1")}));
  EXPECT_EQ(node.ipam().records()->size(), 1U);
  node.now += 1h;
  for (const auto* c : {"c", "d", "e", "f", "g"}) EXPECT_THAT(node.add(c), HasSubstr("10.0.0."));
  node.aliases[ip("10.0.0.1")] = Node::key("#hash");
  EXPECT_THAT(node.add("h"), HasSubstr("error 11")) << "a shortened name has no link, but its address has an alias";
  EXPECT_TRUE(node.release(long_id + "1"));
  EXPECT_TRUE(node.release(long_id + "1"));
}

TEST(Ipam, TakesItsRangesFromTheNodeFile) {
  Node node(std::vector<const char*>{});
  node.conf.node_file = node.directory.path() / "node.json";
  EXPECT_THAT(node.acquire("a"), HasSubstr("error 11"));
  EXPECT_EQ(node.ipam().status().error().code, cni::kNotAvailable);
  std::ofstream(node.conf.node_file) << R"({"nodeName":"n1","podCidrs":["10.244.1.0/24","fd00:1::/64"]})";
  EXPECT_EQ(node.acquire("a"), "10.244.1.1 fd00:1::1");
  EXPECT_TRUE(node.ipam().status());
  std::filesystem::remove(node.conf.node_file);
  EXPECT_TRUE(node.release("a")) << "DEL needs no ranges";
}

TEST(IpamStatus, IsGoodBeforeTheFirstAddAndWhenFull) {
  Node node({"10.0.0.0/31"});
  EXPECT_TRUE(node.ipam().status()) << "the directory can be made";
  EXPECT_FALSE(std::filesystem::exists(node.conf.data_dir));
  node.acquire("a");
  node.acquire("b");
  EXPECT_THAT(node.acquire("c"), HasSubstr("error 11"));
  EXPECT_TRUE(node.ipam().status()) << "no address left must not turn a node NotReady";
}

TEST(IpamStatus, Is50WhenTheStateDirectoryCannotBeUsed) {
  Node node;
  std::ofstream(node.directory.path() / "state") << "a file in its place";
  EXPECT_EQ(node.ipam().status().error().code, cni::kNotAvailable);
  EXPECT_THAT(node.acquire("a"), HasSubstr("error 5"));
  EXPECT_TRUE(node.release("a"));
}

/// Random verbs over few containers and few addresses: at every step what is held, free and cooling adds up.
TEST(IpamProperty, NothingIsLostAndNothingIsGivenTwice) {
  constexpr unsigned kSeed = 7;
  std::srand(kSeed);
  Node node({"10.0.0.0/29"});
  node.watch();
  std::map<std::string, std::string> held;
  for (int step = 0; step < 600; ++step) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + " step " + std::to_string(step));
    const std::string c(1, static_cast<char>('a' + std::rand() % 9));
    node.now += std::chrono::seconds(std::rand() % 10);
    const int dice = std::rand() % 8;
    if (dice < 4) {
      const auto got = node.add(c);
      if (held.contains(c)) {
        ASSERT_THAT(got, HasSubstr("already holds"));
      } else if (held.size() == 6) {
        ASSERT_THAT(got, HasSubstr("error 11"));
      } else {
        ASSERT_THAT(got, testing::StartsWith("10.0.0."));
        for (const auto& [other, address] : held) ASSERT_NE(address, got) << "held by " << other;
        held[c] = got;
      }
    } else if (dice < 6) {
      node.remove_link(c);
      ASSERT_TRUE(node.release(c));
      held.erase(c);
    } else if (dice == 6) {
      std::vector<Key> valid;
      for (const auto& [container, address] : held)
        if (container != c) valid.push_back(Node::key(container));
      node.remove_link(c);
      ASSERT_TRUE(node.ipam().collect("net", valid));
      held.erase(c);
    } else if (held.contains(c)) {
      ASSERT_TRUE(node.ipam().check(Node::key(c), {ip(held[c])}));
    }
    ASSERT_EQ(node.ipam().records()->size(), held.size());
  }
}

}  // namespace
}  // namespace slash32::ipam
