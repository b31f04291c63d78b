// The store under what the world does to it: processes at once, killed ones, damage, another boot, a full file.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>
#include <random>

#include "common/cni/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "ipam/ipam.h"
#include "ipam/lmdb_store.h"
#include "tests/ipam/node.h"

namespace slash32::ipam {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr std::size_t kRead = kStoreSize + 4096;

/// A child process that runs `work` and ends with its value.
pid_t in_child(const std::function<int()>& work) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(work());
  return pid;
}
int status_of(pid_t pid) {
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return status;
}

TEST(Store, IsAllocatedToItsFullSizeAndReadableByRootAlone) {
  Node node;
  node.acquire("a");
  struct stat info{};
  ASSERT_EQ(::stat(node.data_file().c_str(), &info), 0);
  EXPECT_EQ(static_cast<std::size_t>(info.st_size), kStoreSize);
  EXPECT_GE(static_cast<std::size_t>(info.st_blocks) * 512, kStoreSize);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_FALSE(std::filesystem::exists(node.conf.data_dir / "ipam.mdb-lock")) << "LMDB's own lock is not used";
  EXPECT_FALSE(std::filesystem::exists(node.conf.data_dir / "ipam.mdb.new"));
}

TEST(Store, GivesEachOfManyProcessesAtOnceItsOwnAddress) {
  constexpr int kProcesses = 4;
  constexpr int kEach = 40;
  Node node({"10.0.0.0/24", "fd00::/64"});
  std::vector<pid_t> children;
  for (int p = 0; p < kProcesses; ++p)
    children.push_back(in_child([&] {
      for (int i = 0; i < kEach; ++i) {
        const auto name = "c" + std::to_string(p) + "-" + std::to_string(i);
        if (node.acquire(name).starts_with("error")) return 1;
        if (i % 4 == 3 && !node.release(name)) return 2;
      }
      return 0;
    }));
  for (const auto child : children) EXPECT_EQ(status_of(child), 0);
  const auto records = node.ipam().records();
  ASSERT_TRUE(records.has_value());
  std::set<IpAddress> addresses;
  for (const auto& record : *records) addresses.insert(record.address);
  EXPECT_EQ(records->size(), 2U * kProcesses * kEach * 3 / 4);
  EXPECT_EQ(addresses.size(), records->size());
}

/// Runs `work` in a child that is killed when it enters or leaves its `stop`th system call. False: it had ended by
/// then.
bool killed_at(int stop, const std::function<void()>& work) {
  const pid_t child = in_child([&] {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    work();
    return 0;
  });
  int status = status_of(child);
  for (int i = 0; i < stop; ++i) {
    EXPECT_EQ(::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr), 0);
    status = status_of(child);
    if (WIFEXITED(status)) return false;
  }
  ::kill(child, SIGKILL);
  status_of(child);
  return true;
}

/// The addresses of the node are all there: each can be had once, and then nothing is left.
void expect_nothing_lost(Node& node) {
  ASSERT_TRUE(node.release("killed"));
  ASSERT_TRUE(node.release("killed"));
  ASSERT_EQ(node.ipam().records()->size(), 1U) << "the neighbour's";
  ASSERT_TRUE(node.ipam().check(Node::key("neighbour"), {ip("10.0.0.1")}));
  std::set<std::string> all;
  for (int i = 0; i < 5; ++i) all.insert(node.acquire("all" + std::to_string(i)));
  ASSERT_THAT(all, testing::UnorderedElementsAre("10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"));
  ASSERT_THAT(node.acquire("more"), HasSubstr("error 11"));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(node.release("all" + std::to_string(i)));
}

struct Victim {
  const char* name;
  std::function<void(Node&)> prepare;
  std::function<void(Node&)> work;
};
class StoreKilled : public testing::TestWithParam<Victim> {};
TEST_P(StoreKilled, AtAnySystemCallTheNextVerbWorksAndNothingIsLost) {
  Node node;
  node.conf.cool_down = 0s;
  log::set_level(log::Level::Error);
  int stop = 1;
  for (bool killed = true; killed; ++stop) {
    SCOPED_TRACE("killed at stop " + std::to_string(stop));
    std::filesystem::remove_all(node.conf.data_dir);
    node.aliases = {{ip("10.0.0.1"), Node::key("neighbour")}};
    node.watch();  // so that a store made by the victim, or after it, has the neighbour in it
    GetParam().prepare(node);
    killed = killed_at(stop, [&] { GetParam().work(node); });
    if (!LmdbStore::exists(node.conf.data_dir).value_or(false)) node.acquire("killed");
    expect_nothing_lost(node);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(stop, 20) << "the victim was traced";
}
INSTANTIATE_TEST_SUITE_P(
    Verbs, StoreKilled,
    testing::Values(Victim{"first_acquire", [](Node&) {}, [](Node& n) { n.acquire("killed"); }},
                    Victim{"acquire",
                           [](Node& n) {
                             n.acquire("x");
                             (void)n.release("x");
                           },
                           [](Node& n) { n.acquire("killed"); }},
                    Victim{"release", [](Node& n) { n.acquire("killed"); }, [](Node& n) { (void)n.release("killed"); }},
                    Victim{"collect", [](Node& n) { n.acquire("killed"); },
                           [](Node& n) { (void)n.ipam().collect("net", {Node::key("neighbour")}); }},
                    Victim{"repair",
                           [](Node& n) {
                             n.acquire("x");
                             (void)n.release("x");
                             std::filesystem::resize_file(n.data_file(), 100);
                           },
                           [](Node& n) { n.acquire("killed"); }}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Store, GivesUpWaitingForTheLock) {
  Node node;
  node.acquire("a");
  const UniqueFd lock{::open((node.conf.data_dir / "lock").c_str(), O_RDONLY | O_CLOEXEC)};
  ASSERT_EQ(::flock(lock.get(), LOCK_SH), 0);
  node.wait = 50ms;
  EXPECT_TRUE(node.ipam().check(Node::key("a"), {ip("10.0.0.1")})) << "readers share";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(node.acquire("b"), HasSubstr("error 11: gave up after 50 ms, waiting for the lock"));
  EXPECT_EQ(node.release("a").error().code, cni::kTryAgainLater);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
  ASSERT_EQ(::flock(lock.get(), LOCK_UN), 0);
  EXPECT_EQ(node.acquire("b"), "10.0.0.2");
}

TEST(Store, WaitsForTheLockNoLongerThanItIsHeld) {
  Node node;
  node.acquire("a");
  const UniqueFd lock{::open((node.conf.data_dir / "lock").c_str(), O_RDONLY | O_CLOEXEC)};
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  const pid_t child = in_child([&] { return node.acquire("b") == "10.0.0.2" ? 0 : 1; });
  ASSERT_EQ(::flock(lock.get(), LOCK_UN), 0);
  EXPECT_EQ(status_of(child), 0);
}

TEST(Store, OfAnotherBootIsEmpty) {
  Node node;
  std::filesystem::create_directories(node.conf.data_dir);
  const std::vector<Entry> held = {{.address = ip("10.0.0.1"),
                                    .subnet_length = 29,
                                    .use = Use::Taken,
                                    .watched = false,
                                    .stamp = 1s,
                                    .key = Node::key("old")}};
  ASSERT_TRUE(LmdbStore::create(node.conf.data_dir, "a boot long ago", held));
  EXPECT_TRUE(node.release("old"));
  EXPECT_TRUE(node.ipam().collect("net", {}));
  EXPECT_EQ(node.ipam().records()->size(), 0U);
  EXPECT_EQ(node.acquire("new"), "10.0.0.1");
}

TEST(Store, InADirectoryThatCannotBeReadIsAnErrorNotEmpty) {
  Node node;
  node.conf.data_dir = node.directory.path() / std::string(300, 'x');  // EACCES would need another user
  EXPECT_FALSE(node.ipam().records());
  EXPECT_THAT(node.ipam().check(Node::key("a"), {}).error().message, HasSubstr("File name too long"));
}

/// What can happen to the bytes of a file. `mutate` gets them and leaves what is to be written back.
void damage(const std::filesystem::path& file, const std::function<void(std::string&)>& mutate) {
  auto bytes = read_file(file, kRead);
  ASSERT_TRUE(bytes.has_value());
  mutate(*bytes);
  std::ofstream(file, std::ios::binary | std::ios::trunc) << *bytes;
}

struct Damage {
  const char* name;
  std::function<void(std::string&)> mutate;
};
class StoreDamage : public testing::TestWithParam<Damage> {};
TEST_P(StoreDamage, IsMadeGoodFromTheKernelByTheNextVerb) {
  Node node;
  node.watch();
  EXPECT_EQ(node.add("a"), "10.0.0.1");
  EXPECT_EQ(node.add("b"), "10.0.0.2");
  damage(node.data_file(), GetParam().mutate);
  EXPECT_EQ(node.add("c"), "10.0.0.3");
  EXPECT_TRUE(node.ipam().check(Node::key("a"), {ip("10.0.0.1")}));
  damage(node.data_file(), GetParam().mutate);
  EXPECT_TRUE(node.ipam().check(Node::key("b"), {ip("10.0.0.2")}));
  damage(node.data_file(), GetParam().mutate);
  node.remove_link("b");
  EXPECT_TRUE(node.release("b"));
  damage(node.data_file(), GetParam().mutate);
  EXPECT_TRUE(node.ipam().collect("net", {Node::key("a")}));
  EXPECT_TRUE(node.ipam().check(Node::key("c"), {ip("10.0.0.3")})) << "c's link still stands";
  node.now += 1h;
  for (const auto* pod : {"d", "e", "f", "g"})
    EXPECT_THAT(node.add(pod), HasSubstr("10.0.0.")) << "b's record, if it could be read again, is a dead one's";
}
TEST_P(StoreDamage, WithoutAKernelIsCode11AndDelGoesThrough) {
  Node node;
  EXPECT_EQ(node.acquire("a"), "10.0.0.1");
  damage(node.data_file(), GetParam().mutate);
  const auto before = read_file(node.data_file(), kRead);
  EXPECT_THAT(node.acquire("b"), HasSubstr("error 11"));
  EXPECT_EQ(node.ipam().check(Node::key("a"), {ip("10.0.0.1")}).error().code, cni::kTryAgainLater);
  EXPECT_TRUE(node.release("a")) << "a pod must be able to go";
  EXPECT_TRUE(read_file(node.data_file(), kRead) == before) << "whoever repairs it finds it as it was";
}
INSTANTIATE_TEST_SUITE_P(All, StoreDamage,
                         testing::Values(Damage{"empty", [](std::string& s) { s.clear(); }},
                                         Damage{"truncated", [](std::string& s) { s.resize(4096); }},
                                         Damage{"too_long", [](std::string& s) { s += "x"; }},
                                         Damage{"zeros", [](std::string& s) { s.assign(s.size(), '\0'); }},
                                         Damage{"garbage",
                                                [](std::string& s) {
                                                  for (auto& c : s) c = 'x';
                                                }},
                                         Damage{"headers_gone",
                                                [](std::string& s) { s.replace(0, 8192, std::string(8192, '\0')); }},
                                         Damage{"pages_gone",
                                                [](std::string& s) {
                                                  s.replace(8192, s.size() - 8192,
                                                            std::string(s.size() - 8192, '\xff'));
                                                }}),
                         [](const auto& row) { return std::string(row.param.name); });

/// What is left in memory of another store must not be written into this one: whoever reads a damaged one would find
/// it.
TEST(Store, HasNothingInItOfWhatTheProcessHadInMemory) {
  Node one({"10.0.0.0/24"});
  for (int i = 0; i < 40; ++i) one.acquire("of-the-first-store-" + std::to_string(i));
  Node two({"10.0.0.0/24"});
  for (int i = 0; i < 40; ++i) two.acquire("of-the-second-" + std::to_string(i));
  EXPECT_EQ(read_file(two.data_file(), kRead)->find("of-the-first-store-"), std::string::npos);
}

/// Any byte of header and tree: no verb crashes or hangs, and what the kernel says is held is never given away.
TEST(Store, NeverCrashesNorGivesTwiceWhicheverByteIsWrong) {
  constexpr unsigned kSeed = 4711;
  std::mt19937 random(kSeed);
  log::set_level(log::Level::Error);
  Node node({"10.0.0.0/28"});
  node.watch();
  for (int i = 0; i < 8; ++i) node.add("p" + std::to_string(i));
  const auto good = read_file(node.data_file(), kRead);
  ASSERT_TRUE(good.has_value());
  const auto used = good->find_last_not_of('\0') + 1;
  const auto aliases = node.aliases;
  const auto links = node.links;
  const UniqueFd file{::open(node.data_file().c_str(), O_WRONLY | O_CLOEXEC)};
  for (int round = 0; round < 1500; ++round) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + " round " + std::to_string(round));
    auto bad = good->substr(0, used);
    for (unsigned i = 0; i <= random() % 4; ++i)
      bad[random() % (round % 2 == 0 ? std::min<std::size_t>(used, 300) : used)] = static_cast<char>(random());
    for (unsigned i = 0; i <= random() % 3; ++i) bad[4096 + random() % 200] = static_cast<char>(random());
    std::filesystem::remove(node.data_file());
    ASSERT_TRUE(write_atomic(node.data_file(), bad));
    ASSERT_EQ(::truncate(node.data_file().c_str(), static_cast<off_t>(kStoreSize)), 0);
    (void)node.ipam().check(Node::key("p1"), {ip("10.0.0.2")});
    const auto got = node.acquire("new");
    ASSERT_FALSE(aliases.contains(ip(got.starts_with("10.") ? got : "::"))) << got;
    EXPECT_TRUE(node.release("p3"));
    EXPECT_TRUE(node.ipam().collect("net", {Node::key("p4")}));
    (void)node.ipam().records();
  }
}

/// What Take may fill is less than what Release may: however many addresses are recorded, all can be given back.
TEST(Store, FullLetsEverybodyGo) {
  Node node({"fd00::/64"});
  node.conf.cool_down = 0s;
  std::vector<std::string> names;
  std::string last;
  for (int i = 0; i < 100'000; ++i) {
    names.push_back(std::string(120, 'n') + std::to_string(i));
    last = node.acquire(names.back());
    if (last.starts_with("error")) break;
  }
  EXPECT_THAT(last, HasSubstr("error 11"));
  EXPECT_THAT(last, HasSubstr("the store is full"));
  EXPECT_GT(names.size(), 4000U);
  names.pop_back();
  EXPECT_EQ(node.ipam().records()->size(), names.size());
  for (const auto& name : names) ASSERT_TRUE(node.release(name)) << name;
  EXPECT_EQ(node.ipam().records()->size(), 0U);
  EXPECT_THAT(node.acquire("again"), testing::StartsWith("fd00::"));
}

}  // namespace
}  // namespace slash32::ipam
