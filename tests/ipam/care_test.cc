// What slash32ctl does to a store: looking, releasing the dead, making a damaged one anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "common/fd.h"
#include "ipam/common.h"
#include "ipam/lmdb_file.h"
#include "ipam/lmdb_store.h"
#include "ipam/salvage.h"
#include "tests/ipam/node.h"

namespace slash32::ipam {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t kMost = std::size_t{64} << 20;

/// Changes the store's file where nobody of ours would.
void damage(const Node& node, const std::function<void(std::string&)>& mutate) {
  auto bytes = read_file(node.data_file(), kMost).value();
  mutate(bytes);
  std::ofstream(node.data_file(), std::ios::binary | std::ios::trunc) << bytes;
}
void lose_headers(std::string& bytes) { bytes.replace(0, 8192, std::string(8192, '\0')); }
/// Flips a bit of every value that stands behind this key, in whatever version.
void spoil(std::string& bytes, const std::string& key) {
  for (auto at = bytes.find(key); at != std::string::npos; at = bytes.find(key, at + 1)) bytes[at + key.size()] ^= 1;
}
/// Of the one version that says exactly this.
void spoil(std::string& bytes, const Entry& entry) {
  const auto key = format::entry_key(entry.address);
  spoil(bytes, key + format::encode(key, entry).substr(0, 8));
}
/// A record that LMDB has no more use for: at the end of the file, where nothing else is.
void plant(std::string& bytes, const std::string& key, const std::string& value) {
  constexpr std::size_t kRoom = 1024;
  const char header[] = {static_cast<char>(value.size()), 0, 0, 0, 0, 0, static_cast<char>(key.size()), 0};
  const auto node = std::string(header, sizeof header) + key + value;
  auto at = bytes.size() - 4 * kRoom;
  while (bytes.compare(at, kRoom, std::string(kRoom, '\0')) != 0) at += kRoom;
  bytes.replace(at, node.size(), node);
}
Entry entry_of(const std::string& container, const char* address, Use use = Use::Taken, bool watched = false) {
  return {.address = ip(address),
          .subnet_length = 29,
          .use = use,
          .watched = watched,
          .stamp = 1min,
          .key = Node::key(container)};
}
void plant(std::string& bytes, const Entry& entry) {
  const auto key = format::entry_key(entry.address);
  plant(bytes, key, format::encode(key, entry));
}
void plant_holder(std::string& bytes, const std::string& container, const char* address) {
  const auto key = format::holder_key(Node::key(container));
  plant(bytes, key, format::encode(key, std::vector{ip(address)}));
}
void make_store(const Node& node, const std::vector<Entry>& entries) {
  std::filesystem::create_directories(node.conf.data_dir);
  ASSERT_TRUE(LmdbStore::create(node.conf.data_dir, boot_id().value(), entries));
}
std::vector<std::string> holders(const Survey& survey) {
  std::vector<std::string> out;
  for (const auto& record : survey.records) out.push_back(record.address.to_string() + " " + record.key.container_id);
  return out;
}

TEST(Survey, OfAStoreThatIsNotThereMakesNone) {
  Node node;
  EXPECT_EQ(node.ipam().survey()->state, Survey::State::Missing);
  EXPECT_FALSE(std::filesystem::exists(node.conf.data_dir));
}

TEST(Survey, TellsWhoHoldsWhatAndWhoseDeathCanBeSeen) {
  Node node;
  EXPECT_EQ(node.acquire("a"), "10.0.0.1");
  node.watch();
  EXPECT_EQ(node.acquire("b"), "10.0.0.2");
  EXPECT_TRUE(node.release("a"));
  EXPECT_EQ(node.acquire("c"), "10.0.0.3");
  const auto survey = node.ipam().survey().value();
  EXPECT_EQ(survey.state, Survey::State::Sound);
  EXPECT_THAT(survey.damage, IsEmpty());
  EXPECT_THAT(holders(survey), ElementsAre("10.0.0.2 b", "10.0.0.3 c"));
  EXPECT_TRUE(survey.records.front().watched);
  EXPECT_EQ(survey.records.front().since, node.now);
}

TEST(Survey, OfAnotherBootHasNoRecordsAndStaysAsItIs) {
  Node node;
  EXPECT_EQ(node.acquire("a"), "10.0.0.1");
  ASSERT_TRUE(LmdbStore::create(node.conf.data_dir, "another", {}));
  const auto before = read_file(node.data_file(), kMost).value();
  EXPECT_EQ(node.ipam().survey()->state, Survey::State::OtherBoot);
  EXPECT_EQ(read_file(node.data_file(), kMost).value(), before);
}

TEST(Survey, FindsTwoOwnersOfOneAddressInTheIndex) {
  Node node;
  EXPECT_EQ(node.acquire("a"), "10.0.0.1");
  {
    auto file = LmdbFile::open(node.data_file(), LmdbFile::Mode::Write, kStoreSize, kStoreSize).value();
    const auto key = format::holder_key(Node::key("b"));
    ASSERT_TRUE(file->put(key, format::encode(key, std::vector{ip("10.0.0.1")})));
    ASSERT_TRUE(file->commit());
  }
  const auto survey = node.ipam().survey().value();
  EXPECT_EQ(survey.state, Survey::State::Damaged);
  EXPECT_THAT(survey.damage, ElementsAre(HasSubstr("10.0.0.1 has two owners: container a, ")));
  ASSERT_TRUE(node.ipam().mend()->has_value());
  EXPECT_EQ(node.ipam().survey()->state, Survey::State::Sound);
  EXPECT_TRUE(node.ipam().check(Node::key("a"), {ip("10.0.0.1")}));
  EXPECT_TRUE(node.ipam().check(Node::key("b"), {}));
}

TEST(Mend, LeavesASoundStoreAlone) {
  Node node;
  EXPECT_EQ(node.acquire("a"), "10.0.0.1");
  const auto before = read_file(node.data_file(), kMost).value();
  EXPECT_FALSE(node.ipam().mend()->has_value());
  EXPECT_EQ(read_file(node.data_file(), kMost).value(), before);
}

TEST(Mend, LetsAStoreOfAnotherPluginsUseGoOnWithEveryRecord) {
  Node node({"10.0.0.0/28", "fd00::/64"});
  for (const auto* container : {"a", "b", "c"}) node.acquire(container);
  node.now += 1s;  // of two versions of a record the later counts; of equally old ones that which holds
  EXPECT_TRUE(node.release("b"));
  damage(node, lose_headers);
  EXPECT_THAT(node.acquire("d"), HasSubstr("error 11")) << "who holds what is unknown";
  const auto survey = node.ipam().survey().value();
  EXPECT_EQ(survey.state, Survey::State::Damaged);
  EXPECT_THAT(holders(survey), ElementsAre("10.0.0.1 a", "10.0.0.3 c", "fd00::1 a", "fd00::3 c"));

  const auto mended = node.ipam().mend().value();
  ASSERT_TRUE(mended);
  EXPECT_EQ(mended->kept, 4U);
  EXPECT_EQ(mended->guessed, 0U);
  EXPECT_EQ(node.ipam().survey()->state, Survey::State::Sound);
  EXPECT_TRUE(node.ipam().check(Node::key("a"), {ip("10.0.0.1"), ip("fd00::1")}));
  EXPECT_EQ(node.acquire("d"), "10.0.0.4 fd00::4") << "what cooled down goes on cooling";
  EXPECT_TRUE(node.release("c"));
}

TEST(Mend, HoldsAnAddressWhoseRecordIsLostForWhomTheIndexNames) {
  Node node;
  for (const auto* container : {"a", "b"}) node.acquire(container);
  damage(node, [](std::string& bytes) { spoil(bytes, format::entry_key(ip("10.0.0.1"))); });
  EXPECT_THAT(node.ipam().survey()->damage, ElementsAre(HasSubstr("the record of 10.0.0.1 cannot be read")));
  const auto mended = node.ipam().mend().value();
  ASSERT_TRUE(mended);
  EXPECT_EQ(mended->kept, 1U);
  EXPECT_EQ(mended->guessed, 1U);
  EXPECT_TRUE(node.ipam().check(Node::key("a"), {ip("10.0.0.1")}));
  EXPECT_TRUE(node.ipam().check(Node::key("b"), {ip("10.0.0.2")}));
}

TEST(Mend, HoldsAnAddressWhoseHolderIsLostAltogether) {
  Node node;
  for (const auto* container : {"a", "b"}) node.acquire(container);
  damage(node, [](std::string& bytes) {
    spoil(bytes, format::entry_key(ip("10.0.0.1")));
    spoil(bytes, format::holder_key(Node::key("a")));
  });
  ASSERT_TRUE(node.ipam().mend()->has_value());
  EXPECT_THAT(holders(node.ipam().survey().value()), ElementsAre("10.0.0.1 unknown-10.0.0.1", "10.0.0.2 b"));
  EXPECT_EQ(node.acquire("c"), "10.0.0.3");
}

TEST(Mend, TakesWhatTheKernelKnowsForOurOwnStore) {
  Node node;
  node.watch();
  EXPECT_EQ(node.add("a"), "10.0.0.1");
  damage(node, [](std::string& bytes) { bytes.assign(bytes.size(), '\0'); });
  const auto mended = node.ipam().mend().value();
  ASSERT_TRUE(mended);
  EXPECT_EQ(mended->kept, 0U);
  EXPECT_EQ(mended->guessed, 1U);
  EXPECT_TRUE(node.ipam().check(Node::key("a"), {ip("10.0.0.1")}));
  EXPECT_TRUE(node.ipam().survey()->records.front().watched);
}

TEST(Mend, BelievesTheLiveIndexBeforeAStaleEntry) {
  Node node;
  make_store(node, {entry_of("k2", "10.0.0.1"), entry_of("b", "10.0.0.2")});
  damage(node, [](std::string& bytes) {
    spoil(bytes, entry_of("k2", "10.0.0.1"));
    plant(bytes, entry_of("k1", "10.0.0.1"));
  });
  ASSERT_EQ(node.ipam().survey()->damage.size(), 1U);
  ASSERT_TRUE(node.ipam().mend().value());
  EXPECT_THAT(holders(node.ipam().survey().value()), ElementsAre("10.0.0.1 k2", "10.0.0.2 b"));
}

TEST(Mend, TakesAStaleEntryWhereTheIndexNamesNobodyOrTheSame) {
  for (const bool is_indexed : {true, false}) {
    Node node;
    make_store(node, {entry_of("a", "10.0.0.1")});
    damage(node, [&](std::string& bytes) {
      spoil(bytes, entry_of("a", "10.0.0.1"));
      if (!is_indexed) spoil(bytes, format::holder_key(Node::key("a")));
      auto older = entry_of("a", "10.0.0.1");
      older.stamp = 30s;
      plant(bytes, older);
    });
    const auto mended = node.ipam().mend().value();
    ASSERT_TRUE(mended);
    EXPECT_EQ(mended->kept, 1U);
    EXPECT_EQ(node.ipam().survey()->records.front().since, 30s);
  }
}

TEST(Mend, BelievesALiveAliasWhereEntryAndIndexAreLost) {
  Node node;
  node.watch();
  ASSERT_EQ(node.add("a"), "10.0.0.1");
  ASSERT_EQ(node.add("b"), "10.0.0.2");
  damage(node, [](std::string& bytes) {
    spoil(bytes, format::entry_key(ip("10.0.0.1")));
    spoil(bytes, format::holder_key(Node::key("a")));
    plant(bytes, entry_of("k1", "10.0.0.1", Use::Taken, true));
  });
  const auto mended = node.ipam().mend().value();
  ASSERT_TRUE(mended);
  EXPECT_EQ(mended->kept, 1U);
  EXPECT_EQ(mended->guessed, 1U);
  const auto survey = node.ipam().survey().value();
  EXPECT_THAT(holders(survey), ElementsAre("10.0.0.1 a", "10.0.0.2 b"));
  EXPECT_TRUE(survey.records.front().watched);
}

TEST(Mend, BelievesALiveAliasBeforeASalvagedRecordWhoseOwnLinkIsGone) {
  for (const bool has_link : {false, true}) {
    Node node;
    node.watch();
    make_store(node, {entry_of("k1", "10.0.0.1", Use::Taken, true), entry_of("b", "10.0.0.2", Use::Taken, true),
                      entry_of("unknown-10.0.0.3", "10.0.0.3")});
    node.aliases = {{ip("10.0.0.1"), Node::key("k2")}, {ip("10.0.0.3"), Node::key("c")}};
    node.links = {Node::key("k2"), Node::key("c")};
    if (has_link) node.links.insert(Node::key("k1"));
    damage(node, lose_headers);
    ASSERT_TRUE(node.ipam().mend().value());
    EXPECT_THAT(holders(node.ipam().survey().value()),
                ElementsAre(has_link ? "10.0.0.1 k1" : "10.0.0.1 k2", "10.0.0.2 b", "10.0.0.3 c"));
  }
}

TEST(Mend, BelievesALiveAliasBeforeAReadableRecordOnlyWhereItsHolderIsUnknown) {
  Node node;
  node.watch();
  make_store(node, {entry_of("a", "10.0.0.1", Use::Taken, true), entry_of("k1", "10.0.0.2", Use::Taken, true),
                    entry_of("unknown-10.0.0.3", "10.0.0.3")});
  node.aliases = {{ip("10.0.0.2"), Node::key("k2")}, {ip("10.0.0.3"), Node::key("c")}};
  node.links = {Node::key("k2"), Node::key("c")};
  damage(node, [](std::string& bytes) { spoil(bytes, format::entry_key(ip("10.0.0.1"))); });
  ASSERT_TRUE(node.ipam().mend().value());
  EXPECT_THAT(holders(node.ipam().survey().value()), ElementsAre("10.0.0.1 a", "10.0.0.2 k1", "10.0.0.3 c"));
}

TEST(Mend, HoldsForWhomTheIndexNamesAnAddressThatCoolsAfterAnother) {
  Node node;
  make_store(node, {entry_of("k1", "10.0.0.1", Use::Cooling), entry_of("b", "10.0.0.2")});
  damage(node, [](std::string& bytes) {
    plant_holder(bytes, "k2", "10.0.0.1");
    lose_headers(bytes);
  });
  const auto mended = node.ipam().mend().value();
  ASSERT_TRUE(mended);
  EXPECT_EQ(mended->guessed, 1U);
  EXPECT_THAT(holders(node.ipam().survey().value()), ElementsAre("10.0.0.1 k2", "10.0.0.2 b"));
}

TEST(Mend, HoldsAliasesAlsoBesideARecordThatIsNotWatched) {
  Node node;
  node.watch();
  make_store(node, {entry_of("a", "10.0.0.1", Use::Taken, true), entry_of("long", "10.0.0.2")});
  node.aliases = {{ip("10.0.0.3"), Node::key("c")}};
  node.links = {Node::key("c")};
  damage(node, lose_headers);
  ASSERT_TRUE(node.ipam().mend().value());
  EXPECT_THAT(holders(node.ipam().survey().value()), ElementsAre("10.0.0.1 a", "10.0.0.2 long", "10.0.0.3 c"));
}

TEST(Mend, HoldsNoAliasInAStoreOfAnotherPluginsUse) {
  Node node;
  node.watch();
  make_store(node, {entry_of("a", "10.0.0.1")});
  node.aliases = {{ip("10.0.0.3"), Node::key("c")}};
  node.links = {Node::key("c")};
  damage(node, lose_headers);
  ASSERT_TRUE(node.ipam().mend().value());
  EXPECT_THAT(holders(node.ipam().survey().value()), ElementsAre("10.0.0.1 a"));
}

TEST(Mend, WatchesAGuessOfTheIndexOnlyWhereItsLinkExists) {
  for (const bool has_link : {false, true}) {
    Node node;
    node.watch();
    make_store(node, {entry_of("a", "10.0.0.1", Use::Taken, true), entry_of("b", "10.0.0.2", Use::Taken, true)});
    if (has_link) node.links = {Node::key("a")};
    damage(node, [](std::string& bytes) { spoil(bytes, format::entry_key(ip("10.0.0.1"))); });
    ASSERT_TRUE(node.ipam().mend().value());
    const auto survey = node.ipam().survey().value();
    EXPECT_THAT(holders(survey), ElementsAre("10.0.0.1 a", "10.0.0.2 b"));
    EXPECT_EQ(survey.records.front().watched, has_link);
  }
}

TEST(Mend, KeepsNobodyOfAnotherBoot) {
  Node node;
  EXPECT_EQ(node.acquire("a"), "10.0.0.1");
  Entry entry;
  entry.address = ip("10.0.0.5");
  entry.key = Node::key("old");
  ASSERT_TRUE(LmdbStore::create(node.conf.data_dir, "another", {entry}));
  damage(node, [](std::string& bytes) { bytes[0] ^= 1; });
  ASSERT_TRUE(node.ipam().mend()->has_value());
  EXPECT_THAT(node.ipam().survey()->records, IsEmpty());
}

TEST(Mend, GivesNothingAgainThatIsStillNamedSomewhereWhicheverPageIsLost) {
  constexpr std::size_t kPage = 4096;
  for (std::size_t page = 0; page < 12; ++page) {
    Node node({"10.0.0.0/24"});
    for (int i = 0; i < 40; ++i) ASSERT_THAT(node.acquire("c" + std::to_string(i)), HasSubstr("10.0.0."));
    damage(node, [&](std::string& bytes) { bytes.replace(page * kPage, kPage, std::string(kPage, '\xa5')); });
    const auto readable = holders(node.ipam().survey().value());
    ASSERT_TRUE(node.ipam().mend()) << page;
    const auto after = node.ipam().survey().value();
    EXPECT_EQ(after.state, Survey::State::Sound) << page;
    EXPECT_THAT(holders(after), testing::IsSupersetOf(readable)) << page;
    EXPECT_GE(after.records.size(), 39U) << "page " << page << ": older versions stand in other pages";
    const auto next = node.acquire("next");
    for (const auto& record : after.records) EXPECT_NE(next, record.address.to_string()) << page;
  }
}

TEST(Salvage, FindsNothingInNoiseAndReadsNothingBehindTheEnd) {
  std::string noise;
  constexpr std::string_view kAlmostANode("\x10\0\0\0\0\0\x06\0a\x04kkmm", 14);
  for (int i = 0; i < 5000; ++i) noise += kAlmostANode;
  for (std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{8}, std::size_t{9}, noise.size()}) {
    const auto found = salvage({reinterpret_cast<const std::uint8_t*>(noise.data()), size});
    EXPECT_THAT(found.entries, IsEmpty());
    EXPECT_FALSE(found.header);
  }
}

TEST(ReleaseDead, ReleasesTheDeadAndNobodyElse) {
  Node node({"10.0.0.0/28"});
  node.watch();
  for (const auto* container : {"dead", "alive", "aliased", "routed"})
    EXPECT_THAT(node.add(container), HasSubstr("10"));
  for (const auto* container : {"dead", "aliased", "routed"}) node.links.erase(Node::key(container));
  std::erase_if(node.aliases, [](const auto& alias) { return alias.second != Node::key("aliased"); });
  node.aliases[ip("10.0.0.4")] = Node::key("somebody");  // in use by another: whoever it is
  node.now += 61s;
  EXPECT_EQ(node.acquire("young"), "10.0.0.5");
  const auto held = [&] {
    std::vector<Key> keys;
    const auto survey = node.ipam().survey().value();
    for (const auto& record : survey.records) keys.push_back(record.key);
    return keys;
  };
  EXPECT_THAT(node.ipam().release_dead(held()).value(), ElementsAre(Node::key("dead")));
  EXPECT_EQ(node.ipam().survey()->records.size(), 4U);
  EXPECT_THAT(node.ipam().release_dead({Node::key("dead"), Node::key("never")}).value(), IsEmpty());
}

TEST(ReleaseDead, DoesNothingWhereTheKernelCannotTell) {
  Node node;
  node.acquire("a");
  node.now += 1h;
  EXPECT_THAT(node.ipam().release_dead({Node::key("a")}).value(), IsEmpty());
  node.watch();
  EXPECT_THAT(node.ipam().release_dead({Node::key("a")}).value(), IsEmpty()) << "taken while nobody could tell";
}

}  // namespace
}  // namespace slash32::ipam
